"""compare.py's report, as Markdown and as HTML: ratios, memory, the share of the machine's limit, growth."""

import html
import json
import re
import statistics
import subprocess

from works import CPUINFO, GROWTH, HERE, NO_MODEL, PRODUCT, SEQUENCES, epoch_lengths, flops, read_bytes

HOW = {  # work without a model: what is measured, and how
    "lcs": "a pair of lists; rapidfuzz by a call a pair from Python, and by cdist, which computes a matrix of pairs "
    "without going back to Python; the same lists, with the same sums. Of the processor's time, the best of 20 and of 5, of ours the best of 5 means.",
    "evaluator": "512 users' scores of every item, histories masked, to six measures at four cutoffs, which are the "
    "same; of the processor's time, the best of 5, of ours the best of 5 means.",
    "tokenizer encode": "of the processor's time, the best of 3, of ours the best of 5 means. Texts are "
    "encoded again and again, so that all three know the words; as many ids of each.",
}


def median(measurement, of, done, part=None):
    values = (lines[measurement][of] for lines in done)
    values = (value[part] if part else value for value in values)
    return statistics.median(value for some in values for value in (some if isinstance(some, list) else [some]))


def shown(seconds, how):
    return {
        "seconds": f"{seconds:.3f}",
        "ms": f"{1e3 * seconds:.1f} ms",
        "ns": f"{1e9 * seconds:,.0f} ns",
        "MB/s": f"{1e-6 / seconds:.2f} MB/s",
    }[how]


EFFORT = ["GFLOP", "GB", "share of the limit"]


def effort(ours, done, arguments):
    """The cells under EFFORT: of the work, and of the limit what ours reaches."""
    gflop, kind = 1e-9 * flops(ours, arguments), "bfloat16" if ours.bf16 else "float32"
    gigabytes = 1e-9 * read_bytes(ours, arguments)

    def share(lines):
        speed = lines[PRODUCT]
        limit = max(gflop / speed["gflops"][kind], gigabytes / speed["gigabytes"])
        return limit / median(ours, "seconds", [lines])

    numbers = [f"{value:.3g}" if value < 100 else f"{value:.0f}" for value in (gflop, gigabytes)]
    return [*numbers, f"{statistics.median(map(share, done)):.0%}"]


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
    work = effort(ours, done, arguments) if model != NO_MODEL and row.of == "seconds" else [""] * len(EFFORT)
    return [
        row.title(),
        model,
        row.peer,
        *seconds,
        *memory,
        spread,
        *(["", ""] if goal is None else [f"{goal:g}", "yes" if ratio >= goal else "no"]),
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
        groups.setdefault((row.work + " bf16" * row.bf16, why), []).append(row.peer)
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
    names = re.findall(r"model name\s*: (.*)", CPUINFO.read_text()) if CPUINFO.exists() else []
    speeds = [lines[PRODUCT]["gflops"] for lines in done.values()]
    limits = [
        f"{statistics.median(values):.0f} [{min(values):.0f}, {max(values):.0f}] in {kind}"
        for kind in speeds[0]
        for values in [[speed[kind] for speed in speeds]]
    ]
    reads = [lines[PRODUCT]["gigabytes"] for lines in done.values()]
    memory = f"{statistics.median(reads):.1f} [{min(reads):.1f}, {max(reads):.1f}]"
    title = "recllm and its peers"
    texts = [
        f"One thread on one core of {names[0] if names else 'this processor'}; peers in float32 by "
        f"{', '.join(f'{name} {version}' for name, version in versions_of(every).items())}. Rounds: {len(measured)} of "
        f"{arguments.rounds}; of a peer {arguments.repeats} repeats a process, ours as many as fill a second, after "
        "one that is not counted.",
        "Ratio: the peer's over ours, the median over rounds [least, greatest]; of memory where the work says so, else "
        "of seconds. MiB: resident at most (before the first repeat); of a peer with Python and its libraries.",
        "GFLOP: what the products of the work take, none of them twice: 2 a weight and token forward, 3 times as many "
        "to train, attention and the output layer with them, a shared prompt once. GB: what it reads and writes at "
        "least: all weights, keys and values for each token that is sampled; to train all weights twice, their slopes, "
        "and AdamW's seven numbers a weight. Share: of our seconds, those of its GFLOP at the speed of torch's product "
        f"of two matrices of 2048 x 2048 in the same round, {', '.join(limits)} GFLOP/s, or, where they are more, those "
        f"of its GB at the speed of a dot product, {memory} GB/s, though caches hold the weights of the smaller models. "
        "That is one measurement a round, on a machine whose speed may change within it.",
    ]
    for row, model in rows:
        if row.work == "sft_epoch" and measured:
            texts.append(epoch_text(measured[0][row.pair(model)[0]], arguments))
            break
    shown_works = {row.work for row, _, why in missing if not why}
    texts += [f"{work}: {how}" for work, how in HOW.items() if work in shown_works]
    if left_out:
        texts.append(f"Left out: {listed(left_out)}.")
    header = ["work", "model", "peer", "seconds, peer", "ours", "MiB, peer", "ours", "ratio", "goal", "met"]
    header += EFFORT
    table = [cells(row, model, measured, arguments) for row, model, why in missing if not why]
    parts = [(markdown_table(header, table), html_table(header, table))] if table else []
    if GROWTH in done:
        lines = done[GROWTH]
        drawing, problem = plot(growths, lines, arguments)
        (arguments.output / "growth.svg").write_text(drawing)
        text = (
            "A GRPO step of tiny beside the loop, once, one repeat of the peer: 4 prompts of 128 tokens, 12 "
            "completions each, a vocabulary of 4096 and a width of 128, with which heads and MLP grow, but for what is "
            "named. In the figure both axes are logarithmic."
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
                *EFFORT,
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
