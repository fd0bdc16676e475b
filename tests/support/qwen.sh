#!/usr/bin/env bash
# The fine-tuning of a chat model, on a tiny random one and made-up films: same seed, same files; stopped and resumed, same
# files; all weights or adapters; bad input, one clear sentence. Usage: qwen.sh PROGRAM
set -euo pipefail
program=$1
here=$(dirname "$0")
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT

fail() { echo "FAILED: $*" >&2; exit 1; }

source "$here/made_up_films.sh"
made_up_films "$work/data"
python3 "$here/tiny_chat_model.py" "$work/qwen" "<|im_start|>" "<|im_end|>"
python3 "$here/tiny_chat_model.py" "$work/r1" "<｜begin▁of▁sentence｜>" "<｜User｜>" "<｜Assistant｜>" "<｜end▁of▁sentence｜>"

settings=(--data "$work/data" --seed 3 --lessons 12 --sft-batch 4 --grpo-steps 3 --prompts 2 --group-size 3 --max-new-tokens 8
  --exam-answers 1)

run() {  # output folder, more arguments
  "$program" --model "$work/qwen" "${settings[@]}" --output "$@"
}

same() {  # as the first run: weights, and metrics but for times
  cmp "$work/one/model/model.safetensors" "$1/model/model.safetensors" || fail "$1: other weights"
  diff <(sed 's/,"step_time":[^,}]*//' "$work/one/metrics.jsonl") <(sed 's/,"step_time":[^,}]*//' "$1/metrics.jsonl") ||
    fail "$1: other metrics"
}

run "$work/one" >"$work/one.log" 2>&1 || fail "the run: $(cat "$work/one.log")"
grep -q "SFT + GRPO" "$work/one.log" || fail "no table: $(cat "$work/one.log")"
for file in model/config.json model/tokenizer.json sft/adapter_config.json report.html; do
  [[ -s $work/one/$file ]] || fail "no $file"
done

# Stopped once in each phase, as soon as its first step is logged; then from start to end.
stop_after() {  # a phase, more arguments
  local phase=$1 status=0
  shift
  "$program" --model "$work/qwen" "${settings[@]}" --output "$work/stopped" "$@" &>"$work/stopped.log" &
  local pid=$!
  until grep -qs "\"phase\":\"$phase\"" "$work/stopped/metrics.jsonl" || ! kill -0 $pid 2>/dev/null; do :; done
  kill -TERM $pid 2>/dev/null || true
  wait $pid || status=$?
  [[ $status == 130 || $status == 0 ]] || fail "stopped in $phase: exit $status: $(cat "$work/stopped.log")"
}
stop_after sft
stop_after grpo --resume
run "$work/stopped" --resume &>"$work/resumed.log" || fail "resume: $(cat "$work/resumed.log")"
same "$work/stopped"

# All weights, in float32; what was written can be trained on.
run "$work/full" --lora-rank 0 --precision float32 &>"$work/full.log" || fail "all weights: $(cat "$work/full.log")"
"$program" --model "$work/full/model" "${settings[@]}" --output "$work/again" &>"$work/again.log" ||
  fail "its model: $(cat "$work/again.log")"

# DeepSeek-R1's prompts open the reasoning: what is learned begins inside.
"$program" --preset deepseek-r1 --model "$work/r1" "${settings[@]}" --output "$work/r1_run" &>"$work/r1.log" ||
  fail "deepseek-r1: $(cat "$work/r1.log")"

refused() {  # a sentence, then the arguments
  local sentence=$1 said
  shift
  if said=$("$program" "$@" 2>&1); then fail "not refused: $*"; fi
  grep -qF -- "$sentence" <<<"$said" || fail "$*: expected \"$sentence\", got: $said"
}
refused "lora_rank = 16" --model "$work/qwen" "${settings[@]}" --output "$work/one" --lora-rank 2 --resume
refused "there is no checkpoint" --model "$work/qwen" --data "$work/data" --output "$work/none" --resume
refused "/nowhere" --model "$work/qwen" --data /nowhere --output "$work/none"
refused "/nowhere" --model /nowhere --data "$work/data" --output "$work/none"
refused "--preset" --model "$work/qwen" --data "$work/data" --preset gpt
