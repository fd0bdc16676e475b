#!/usr/bin/env bash
# ./dev on a machine without packages and without root, on one without network, and on wrong commands.
set -euo pipefail
dev=$1
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT
mkdir "$work/bin" "$work/project"
cp "$dev" "$work/project/dev"

fake() { printf '#!/bin/sh\n%s\n' "$2" >"$work/bin/$1" && chmod +x "$work/bin/$1"; }
expect() {  # exit status, part of the output, command...
  local status=0 output
  output=$(PATH="$work/bin:$PATH" "${@:3}" 2>&1 </dev/null) || status=$?
  if [[ $status != "$1" || $output != *"$2"* ]]; then
    printf 'expected status %s and "%s" of: %s\ngot status %s and:\n%s\n' "$1" "$2" "${*:3}" "$status" "$output"
    exit 1
  fi
}

expect 0 "demo [ARGS]" "$work/project/dev"
expect 0 "qwen [ARGS]" "$work/project/dev"
expect 2 "no command 'tests'" "$work/project/dev" tests
mkdir -p "$work/project/tests/fuzz"
expect 2 "'x' is no number" "$work/project/dev" fuzz x
expect 2 "no target 'x'" "$work/project/dev" fuzz 1 x

fake id 'echo 1000'
fake sudo 'exit 1'
fake dpkg-query 'case "$*" in *ninja-build* | *catch2*) exit 1 ;; *) echo installed ;; esac'
expect 1 "apt-get install -y --no-install-recommends ninja-build catch2" "$work/project/dev" test

fake dpkg-query 'echo installed'
fake cmake 'exit 1'
fake python3 'exit 1'
expect 1 "RECLLM_TORCH_ROOT" "$work/project/dev" demo
