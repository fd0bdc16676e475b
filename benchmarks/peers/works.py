"""What compare.py measures: programs and their peers, the rows of its report, and what a work costs in products."""

import dataclasses
import json
import pathlib

HERE = pathlib.Path(__file__).parent
SIZES = {"tiny": 4, "small": 4, "smollm2": 1}  # prompts a step
NO_MODEL = "-"
ANSWER, SEQUENCES, SEQUENCE = 64, 16, 256  # tokens of a completion; sequences of an SFT step, tokens of one
PROGRAMS = {  # work without a model: the peer, our program, its benchmarks
    "tokenizer encode": ("tokenizer_speed.py", "tokenizer_bench", "^tokenizer_encode$"),
    "lcs": ("rapidfuzz_lcs.py", "reward_bench", "^lcs_plain/"),
    "evaluator": ("recbole_evaluator.py", "metric_bench", "^evaluator/"),
    "product": ("product.py", None, None),
}
CHECKS = {  # of a program and its peer: what our benchmark counts, which must be the peer's "check"
    "tokenizer encode": ("ids",),
    "lcs": ("sum",),
    "evaluator": ("recall@10", "ndcg@10"),
}
CPUINFO = pathlib.Path("/proc/cpuinfo")
# An x86-64 without AVX-512 multiplies bf16 some fifty times slower than float32, by torch; "bf16" is ARM's word.
HAS_BF16 = not CPUINFO.exists() or bool({"avx512bw", "bf16"} & set(CPUINFO.read_text().split()))
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
        size = {"lcs": "length", "evaluator": "items"}.get(self.work)
        length = f", {size} {self.parts[1].split('/')[1]}" if size else ""
        work = "SFT epoch on MovieLens prompts of real, unequal length" if self.work == "sft_epoch" else self.work
        return f"{work}{' bf16' * self.bf16}{prompt}{length}{', memory' * (self.of == 'peak_mib')}"

    def left_out(self, arguments):
        """Why it cannot be measured; nothing where it can."""
        if self.work == "sft_epoch" and not arguments.prompts:
            return "no --prompts FILE (movielens_prompts.py makes one)"
        if self.bf16 and not HAS_BF16:
            return "this processor has no products of bf16"
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
        Row("lcs", f"rapidfuzz, {how}", {NO_MODEL: goal}, parts=(f"{how}/{length}", f"lcs_plain/{length}"), shown="ns")
        for length in (10, 50, 200, 1000)
        for how, goal in (("call", 3), ("cdist", None))
    ),
    *(
        Row("evaluator", "RecBole", {NO_MODEL: None}, parts=(f"RecBole/{items}", f"evaluator/{items}"), shown="ms")
        for items in (1682, 12101, 62423)
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
    Growth.over("width", (64, 128, 256, 512), lambda size: {"model": "tiny" if size == 128 else f"tiny_w{size}"}),
]


def epoch_lengths(arguments):
    """Tokens of each prompt and completion of --prompts."""
    entries = [json.loads(line) for line in arguments.prompts.read_text().splitlines()]
    return [(len(entry["prompt"]), len(entry["completion"])) for entry in entries]


def epoch_counts(arguments):
    lengths = epoch_lengths(arguments)
    scored = sum(completion for _, completion in lengths)
    return {"sequences": len(lengths), "scored": scored, "tokens": scored + sum(prompt for prompt, _ in lengths)}


def shape_of(measurement, arguments):
    """Of the model: its configuration, numbers of all heads' and of all key-value heads, weights of its layers."""
    config = json.loads((arguments.models / measurement.model / "config.json").read_text())
    heads, groups = (config["head_dim"] * config[f"num_{kind}_heads"] for kind in ("attention", "key_value"))
    row = 2 * heads + 2 * groups + 3 * config["intermediate_size"]
    return config, heads, groups, config["num_hidden_layers"] * config["hidden_size"] * row


def read_bytes(measurement, arguments):
    """What the work reads and writes at least, however it is done: all weights for each token that is sampled, with the
    keys and values before it; to train all weights forward and backward, their slopes, and AdamW's seven numbers."""
    config, _, groups, layers_weights = shape_of(measurement, arguments)
    weights = layers_weights + config["hidden_size"] * config["vocab_size"]
    size, prompts = (2 if measurement.bf16 else 4), SIZES.get(measurement.model, 4)
    seen = ANSWER * measurement.prompt + measurement.group * sum(range(ANSWER))
    sampled = ANSWER * weights * size + prompts * seen * 2 * groups * config["num_hidden_layers"] * 4
    trained = weights * (3 * size + 7 * 4)
    if measurement.work == "sft_epoch":
        return trained * -(-len(epoch_lengths(arguments)) // SEQUENCES)
    return {"generate": sampled, "sft_step": trained}.get(measurement.work, sampled + weights * size + trained)


def flops(measurement, arguments):
    """Of the work, however it is done: of its matrix products, every layer for every token, none of them twice."""
    config, heads, _, weights = shape_of(measurement, arguments)
    width, layers = config["hidden_size"], config["num_hidden_layers"]

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
