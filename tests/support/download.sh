#!/usr/bin/env bash
# The download of the example's data where pip reaches nothing, and where it brings another file.
set -euo pipefail
script=$1
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT

expect_failure() {  # parts of the output
  local output
  if output=$(RECLLM_CACHE="$work/cache" PIP_CONFIG_FILE=/dev/null PIP_NO_INDEX=1 PIP_FIND_LINKS="$work/wheels" \
    cmake -P "$script" 2>&1); then
    echo "expected a failure, got: $output"
    exit 1
  fi
  output=$(tr -s ' \n' ' ' <<<"$output")  # CMake breaks lines
  for part in "GroupLens" "$@" "./dev demo --data DIR"; do
    [[ $output == *"$part"* ]] || { echo "expected \"$part\" in: $output" && exit 1; }
  done
}

mkdir "$work/wheels"
expect_failure "pip could not fetch recbole==1.2.1"

mkdir "$work/recbole-1.2.1.dist-info" && cd "$work"
printf 'Metadata-Version: 2.1\nName: recbole\nVersion: 1.2.1\n' >recbole-1.2.1.dist-info/METADATA
printf 'Wheel-Version: 1.0\nGenerator: test\nRoot-Is-Purelib: true\nTag: py3-none-any\n' >recbole-1.2.1.dist-info/WHEEL
cmake -E tar cf wheels/recbole-1.2.1-py3-none-any.whl --format=zip recbole-1.2.1.dist-info
expect_failure "is not the file it should be: expected SHA-256 9c994820"
[[ ! -e $work/cache/download && -z $(ls -A "$work/cache") ]]
