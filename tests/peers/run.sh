# parity.py with the first Python there is: $RECLLM_PYTHON, that of build/venv, python3. Exit status 77: skipped.
#   run.sh <recllm_conformance> <project>
for python in "${RECLLM_PYTHON:-}" "$2/build/venv/bin/python" python3; do
  if [ -n "$python" ] && command -v "$python" > /dev/null; then
    exec "$python" -B "$(dirname "$0")/parity.py" "$1"
  fi
done
echo "skipped: no python3"
exit 77
