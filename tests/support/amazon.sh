#!/usr/bin/env bash
# The Amazon example on a small made-up shop: every model is measured, figures are written, and a run that goes on from
# a checkpoint ends with the same ones. Usage: amazon.sh PROGRAM
. "$(dirname "$0")/made_up_shop.sh"
settings=(--data "$work/Toys" --seeds 1 2 --epochs 4 --grpo-steps 2 --prompts 8 --list-length 5)

"$program" "${settings[@]}" --output "$work/one" --results "$work/all.json" >"$work/one.log" 2>&1 || fail "$(cat "$work/one.log")"
for model in popularity "Markov chain" "sequence kNN" transitions transformer SFT "SFT + GRPO" "SFT, list too" "SFT, list too + GRPO"; do
  grep -q "^  $model  *\.[0-9]" "$work/one.log" || fail "no figures of $model: $(cat "$work/one.log")"
  grep -q "\"$model\": {" "$work/one/models.json" || fail "models.json lacks $model"
done
for key in Toys masked all recall@1 ndcg@50 mean low high; do
  grep -q "\"$key\":" "$work/all.json" || fail "the file of --results lacks $key: $(cat "$work/all.json")"
done
grep -q "groups without advantage: [0-9]" "$work/one.log" || fail "the share of groups without advantage is not told"
grep -q '"phase":"grpo"' "$work/one/metrics.jsonl" || fail "GRPO has no metrics"

# From the last but one checkpoint of one model, and none of another.
cp "$work/one/seed-1/metrics.jsonl" "$work/sft.jsonl"
cp "$work/one/models.json" "$work/models.json"
rm -r "$(ls -d "$work"/one/seed-1/step-* | tail -1)" "$work"/one/practice/step-*
"$program" "${settings[@]}" --output "$work/one" --resume >"$work/two.log" 2>&1 || fail "$(cat "$work/two.log")"
cmp "$work/one/models.json" "$work/models.json" || fail "a run that goes on has other figures"
# All but the seconds, which no two runs share.
steps() { sed 's/"step_time":[^,}]*//' "$1"; }
cmp <(steps "$work/one/seed-1/metrics.jsonl") <(steps "$work/sft.jsonl") || fail "a run that goes on has another log"

refused() {  # expected words, arguments
  local words=$1
  shift
  "$program" "$@" >"$work/refused.log" 2>&1 && fail "accepted: $*"
  grep -q "$words" "$work/refused.log" || fail "expected '$words': $(cat "$work/refused.log")"
}
refused "the run had with_validation = false, this command has true" "${settings[@]}" --output "$work/one" --resume --with-validation
refused "holds neither sequences.tsv" --data "$work" --output "$work/two"
refused "does not hold a run's settings" "${settings[@]}" --output "$work/two" --resume
refused "is a seed given twice" "${settings[@]}" --seeds 1 --output "$work/two"
refused "no such folder" "${settings[@]}" --output "$work/two" --results "$work/none/all.json"
refused "exclude each other" "${settings[@]}" --output "$work/two" --validate --with-validation
refused "holds the test's figures alone" "${settings[@]}" --output "$work/two" --validate --results "$work/all.json"
refused "holds the test's figures alone" "${settings[@]}" --output "$work/two" --with-validation --results "$work/all.json"
