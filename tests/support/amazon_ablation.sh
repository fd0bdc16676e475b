#!/usr/bin/env bash
# The ablation of the Amazon example on a small made-up shop: every row has figures, and a run that goes on from the
# rankers' checkpoints ends with the same ones. Usage: amazon_ablation.sh PROGRAM
. "$(dirname "$0")/made_up_shop.sh"
settings=(--data "$work/Toys" --output "$work/out" --seeds 1 2 --epochs 2 --grpo-steps 2 --prompts 8)

"$program" "${settings[@]}" >"$work/one.log" 2>&1 || fail "$(cat "$work/one.log")"
for row in "training: SFT + GRPO" "training, no SFT: GRPO only" "reward: exact match" "group size: 32" "with reasons: SFT" \
  "penalty, history ranked, too: with" "MMR, lambda: 0.9" "the transformer, with reasons: GRPO on practice"; do
  grep -q "^  $row  *\.[0-9]" "$work/one.log" || fail "no figures of $row: $(cat "$work/one.log")"
done
if command -v gnuplot >/dev/null; then
  grep -q "<svg" "$work/out/report.html" || fail "no plot in the report"
fi

cp "$work/out/ablation.json" "$work/ablation.json"
rm -r "$(ls -d "$work"/out/seed-1/step-* | tail -1)" "$work"/out/reasons/practice/step-*
"$program" "${settings[@]}" --resume >"$work/two.log" 2>&1 || fail "$(cat "$work/two.log")"
cmp "$work/out/ablation.json" "$work/ablation.json" || fail "a run that goes on has other figures"
