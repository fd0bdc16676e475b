# The comparisons with the first Python there is: $RECLLM_PYTHON, that of build/venv, python3. Exit status 77: skipped.
#   run.sh <recllm_conformance> <project>
for python in "${RECLLM_PYTHON:-}" "$2/build/venv/bin/python" python3; do
  if [ -n "$python" ] && command -v "$python" > /dev/null; then
    all=77
    for script in parity.py pretrained_tokenizers.py; do
      "$python" -B "$(dirname "$0")/$script" "$1"
      status=$?
      if [ $status != 77 ] && [ "$all" = 77 -o "$all" = 0 ]; then all=$status; fi
    done
    exit $all
  fi
done
echo "skipped: no python3"
exit 77
