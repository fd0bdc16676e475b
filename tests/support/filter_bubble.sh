#!/usr/bin/env bash
# The filter-bubble example on a small made-up data set: every front is measured, compared and drawn, a model can be
# given, and the same seed gives the same figures. Usage: filter_bubble.sh PROGRAM
set -euo pipefail
program=$1
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT

fail() { echo "FAILED: $*" >&2; exit 1; }

source "$(dirname "$0")/made_up_films.sh"
made_up_films "$work/data"
settings=(--data "$work/data" --seed 3 --grpo-steps 2 --diversity 0.3 --novelty 0.1)

"$program" "${settings[@]}" --sft-steps 3 --output "$work/one" >"$work/one.log" 2>&1 || fail "$(cat "$work/one.log")"
for front in SFT MMR "logit shift" "GRPO diversity" "GRPO scaled" "GRPO novelty" "against MMR" "against shift"; do
  grep -q "\"phase\":\"$front\"" "$work/one/metrics.jsonl" || fail "no figures of $front: $(cat "$work/one.log")"
done
grep -q "<svg" "$work/one/report.html" || ! command -v gnuplot >/dev/null || fail "no plots in the report"

figures() { grep ndcg@10 "$1/metrics.jsonl"; }
point() { figures "$work/one" | grep "\"phase\":\"$1\"" | sed 's/.*"ndcg@10"/"ndcg@10"/' | head -1; }
[[ $(point SFT) == "$(point MMR)" && $(point SFT) == "$(point "logit shift")" ]] ||
  fail "modules that do nothing changed the list: $(cat "$work/one.log")"
"$program" "${settings[@]}" --sft "$work/one/sft" --output "$work/two" >"$work/two.log" 2>&1 || fail "$(cat "$work/two.log")"
cmp <(figures "$work/one") <(figures "$work/two") || fail "another run, other figures"
