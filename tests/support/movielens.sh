#!/usr/bin/env bash
# The main example on a small made-up data set: same seed, same files; stopped and resumed, same files; bad input, one
# clear sentence. Usage: movielens.sh PROGRAM
set -euo pipefail
program=$1
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT

fail() { echo "FAILED: $*" >&2; exit 1; }

source "$(dirname "$0")/made_up_films.sh"
made_up_films "$work/data"

settings=(--data "$work/data" --device cpu --seed 3 --sft-steps 12 --grpo-steps 4 --group-size 4)

run() {  # output folder, more arguments
  "$program" "${settings[@]}" --output "$@"
}

same() {  # as the first run: weights, and metrics but for times
  cmp "$work/one/model/model.safetensors" "$1/model/model.safetensors" || fail "$1: other weights"
  diff <(sed 's/,"step_time":[^,}]*//' "$work/one/metrics.jsonl") <(sed 's/,"step_time":[^,}]*//' "$1/metrics.jsonl") ||
    fail "$1: other metrics"
}

run "$work/one" >"$work/one.log" 2>&1 || fail "the run: $(cat "$work/one.log")"
grep -q "SFT + GRPO" "$work/one.log" || fail "no table: $(cat "$work/one.log")"
for file in model/config.json model/tokenizer.json report.html; do [[ -s $work/one/$file ]] || fail "no $file"; done

run "$work/again" &>/dev/null
same "$work/again"

# Stopped once in each phase, as soon as its first step is logged.
stop_after() {  # a phase, more arguments
  local phase=$1 status=0
  shift
  "$program" "${settings[@]}" --output "$work/stopped" "$@" &>"$work/stopped.log" &
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

"$program" --simulated --device cpu --output "$work/feed" --sft-steps 1 --grpo-steps 1 --group-size 2 >"$work/feed.log" 2>&1 ||
  fail "the simulated feed: $(cat "$work/feed.log")"
grep -q "As Table 2 of the paper" "$work/feed.log" || fail "no table 2: $(cat "$work/feed.log")"
[[ -s $work/feed/feed/feed.inter ]] || fail "the feed went through no files"

refused() {  # a sentence, then the arguments
  local sentence=$1 said
  shift
  if said=$("$program" "$@" 2>&1); then fail "not refused: $*"; fi
  grep -qF -- "$sentence" <<<"$said" || fail "$*: expected \"$sentence\", got: $said"
}
refused "seed = 3" --data "$work/data" --output "$work/one" --seed 4 --sft-steps 12 --grpo-steps 4 --group-size 4 --resume
refused "there is no checkpoint" --data "$work/data" --output "$work/none" --resume
refused "/nowhere" --data /nowhere
refused "cannot write into the folder" --data "$work/data" --output /dev/null/x
refused "expected cpu, cuda or cuda:NUMBER" --data "$work/data" --device tpu
refused "--sft-steps" --data "$work/data" --sft-steps 0
printf 'user_id:token\titem_id:token\trating:float\ttimestamp:float\n1\t2\tgood\t5\n' >"$work/data/x.inter"
refused "x.inter" --data "$work/data" --output "$work/none"
made_up_films "$work/no_users"
sed -i 1q "$work/no_users/x.user"
refused ".user file" --data "$work/no_users" --output "$work/none"
