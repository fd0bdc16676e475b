# How a test of a program begins: $program, $1; $work, a folder that goes at the end; fail(); and in $work/Toys a shop of
# 80 toys and 60 users. Usage: . made_up_shop.sh
set -euo pipefail
program=$1
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT

fail() { echo "FAILED: $*" >&2; exit 1; }

mkdir "$work/Toys"
awk -v items="$work/Toys/items.tsv" 'BEGIN {
  srand(3)
  print "item_id\tasin\ttitle\tbrand\tcategories" > items
  for (i = 1; i <= 80; ++i)
    printf "%d\tA%d\tToy %d\t%s\tToys > Kind %d\n", i, i, i, i % 3 ? "Brand " i % 7 : "", i % 5 > items
  print "user_id\titem_ids"
  for (u = 1; u <= 60; ++u) {
    printf "%d\t", u
    start = int(rand() * 80); n = 5 + int(rand() * 6)
    for (t = 0; t < n; ++t) printf "%d ", (start + t * (1 + u % 2)) % 80 + 1
    print ""
  }
}' >"$work/Toys/sequences.tsv"
