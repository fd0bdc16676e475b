"""The peers of language_model_bench: one work on one model in one process, measured, as one line of JSON.

    pip install torch==2.13.0 trl==1.16.0 transformers==5.23.0
    OMP_NUM_THREADS=1 python benchmarks/peers/language_model.py FOLDER trl --prompt 128

FOLDER holds config.json and model.safetensors. One thread, float32. WORK is one of

    trl       one step of TRL's GRPOTrainer: samples a group of completions for each prompt, scores them under the
              reference, takes one step of AdamW
    loop      the same step as a plain PyTorch loop over the transformers model
    generate  transformers' generate(): the completions alone
    sft       cross-entropy of 16 sequences of 256 tokens, one step of AdamW
    sft_epoch cross-entropy of the completions in --file, which movielens_prompts.py makes: an epoch in the file's
              order, in batches of 16 padded to their longest, a step of AdamW each

A first repeat is not counted. "seconds" are of each repeat, the memory is of the process: "base_mib" before the first
repeat, "peak_mib" the most since. "tokens" are those that a repeat samples, of sft and sft_epoch those that it trains
on; of sft_epoch "scored" are those of completions, "padded" is tokens with padding. "check" is the log-prob in nats of
tokens 64 to 127 of a fixed sequence: it tells whether two programs loaded the same weights.
"""

import argparse
import copy
import json
import os
import pathlib
import statistics
import sys
import tempfile
import time

os.environ |= {"HF_HUB_OFFLINE": "1", "HF_DATASETS_OFFLINE": "1", "TOKENIZERS_PARALLELISM": "false"}
try:
    import torch
    import transformers
    from transformers import AutoModelForCausalLM, PreTrainedTokenizerFast, StaticCache, TrainerCallback
except ImportError as problem:
    raise SystemExit(f"language_model.py: left out: {problem}")

LEARNING_RATE, KL_COEFFICIENT = 1e-6, 0.04
SEQUENCES, SEQUENCE_TOKENS = 16, 256


class Meter:
    """Seconds of each repeat but the first; resident MiB before the first, and the most since."""

    def __init__(self):
        self.repeats, self.base = [], None

    def begin(self):
        if self.base is None:
            self.base = self.status("VmRSS")
            pathlib.Path("/proc/self/clear_refs").write_text("5")  # the peak is what is held now
        self.started = time.perf_counter()

    def end(self):
        self.repeats.append(time.perf_counter() - self.started)

    def result(self):
        return {"seconds": self.repeats[1:], "peak_mib": self.status("VmHWM"), "base_mib": self.base}

    @staticmethod
    def status(name):
        lines = pathlib.Path("/proc/self/status").read_text().splitlines()
        return next((int(line.split()[1]) / 1024 for line in lines if line.startswith(name)), None)


def measure(work, repeats):
    meter = Meter()
    for _ in range(1 + repeats):
        meter.begin()
        work()
        meter.end()
    return meter.result()


def sequence(number, tokens, vocabulary):
    return [(1 + 7919 * number + 104729 * t + t * t) % vocabulary for t in range(tokens)]


def load(folder):
    model = AutoModelForCausalLM.from_pretrained(folder, dtype=torch.float32)
    model.config.eos_token_id = model.generation_config.eos_token_id = None  # every completion has full length
    return model


@torch.no_grad()
def log_prob_of_fixed_sequence(model):
    tokens = torch.tensor([sequence(0, 128, model.config.vocab_size)])
    log_probs = model(tokens, use_cache=False).logits[0, 63:127].double().log_softmax(-1)
    return log_probs.gather(1, tokens[0, 64:, None]).sum().item()


def reward(completion_ids, **_):
    return [float(tokens[0] % 7) for tokens in completion_ids]


def trl(model, options):
    import trl as library
    from datasets import Dataset
    from tokenizers import Tokenizer, models, pre_tokenizers

    # Words are ids. The end lies outside the model's vocabulary: no completion ends early, nothing is suppressed.
    size, rows = model.config.vocab_size, options.prompts * options.group
    words = Tokenizer(models.WordLevel({f"t{i}": i for i in range(size)} | {"<end>": size}, unk_token="<end>"))
    words.pre_tokenizer = pre_tokenizers.WhitespaceSplit()
    tokenizer = PreTrainedTokenizerFast(tokenizer_object=words, eos_token="<end>", pad_token="t0")
    prompts = [sequence(p, options.prompt, size) for p in range(options.prompts)]
    texts = [" ".join(f"t{token}" for token in prompt) for prompt in prompts]
    assert [tokenizer(text)["input_ids"] for text in texts] == prompts

    meter, sampled = Meter(), []

    class Timing(TrainerCallback):
        def on_step_begin(self, *_, **__):
            meter.begin()
            sampled.append([])

        def on_step_end(self, *_, **__):
            meter.end()
            sampled.append(None)  # what is sampled between two steps would not be measured

    def observed_reward(completion_ids, **_):
        sampled[-1].extend(map(len, completion_ids))
        rewards = reward(completion_ids)
        assert statistics.pstdev(rewards) > 0
        return rewards

    sampling = dict(max_completion_length=options.new, temperature=1.0, top_k=0, top_p=1.0)
    batch = dict(num_generations=options.group, per_device_train_batch_size=rows, gradient_accumulation_steps=1)
    loss = dict(loss_type="dapo", beta=KL_COEFFICIENT, num_iterations=1, gradient_checkpointing=False, bf16=False)
    optimizer = dict(optim="adamw_torch_fused", learning_rate=LEARNING_RATE, weight_decay=0.0, max_grad_norm=1.0)
    quiet = dict(logging_strategy="no", save_strategy="no", report_to="none", disable_tqdm=True)
    with tempfile.TemporaryDirectory() as output:
        trainer = library.GRPOTrainer(
            model=model,
            reward_funcs=observed_reward,
            processing_class=tokenizer,
            train_dataset=Dataset.from_dict({"prompt": texts}),
            callbacks=[Timing()],
            args=library.GRPOConfig(
                output,
                max_steps=1 + options.repeats,
                use_cpu=True,
                lr_scheduler_type="constant",
                **(sampling | batch | loss | optimizer | quiet),
            ),
        )
        trainer.train()
    if sampled != [[options.new] * rows, None] * (1 + options.repeats):
        raise SystemExit(f"language_model.py: TRL did not sample {rows} x {options.new} tokens in each step: {sampled}")
    return meter.result() | {"tokens": rows * options.new, "trl": library.__version__}


@torch.inference_mode()
def sample(model, prompts, new):
    cache = StaticCache(config=model.config, max_cache_len=prompts.shape[1] + new)  # faster than the one that grows
    tokens, inputs = [], prompts
    for _ in range(new):
        logits = model(inputs, past_key_values=cache, use_cache=True, logits_to_keep=1).logits[:, -1]
        inputs = torch.multinomial(logits.softmax(-1), 1)
        tokens.append(inputs)
    return torch.cat(tokens, 1)


def completion_log_probs(model, rows, completions):
    logits = model(rows[:, :-1], use_cache=False, logits_to_keep=completions.shape[1]).logits
    return logits.log_softmax(-1).gather(2, completions[..., None])[..., 0]


def loop(model, options):
    reference = copy.deepcopy(model).requires_grad_(False)
    optimizer = torch.optim.AdamW(model.parameters(), lr=LEARNING_RATE, weight_decay=0.0, fused=True)
    prompts = repeated_prompts(model, options)

    def step():
        completions = sample(model, prompts, options.new).clone()  # an ordinary tensor, which autograd may keep
        rewards = torch.tensor(reward(completions.tolist())).view(options.prompts, options.group)
        advantages = (rewards - rewards.mean(1, keepdim=True)) / (rewards.std(1, keepdim=True) + 1e-4)
        assert advantages.abs().max() > 0
        rows = torch.cat([prompts, completions], 1)
        with torch.no_grad():
            reference_log_probs = completion_log_probs(reference, rows, completions)
        log_probs = completion_log_probs(model, rows, completions)
        ratio, advantage = (log_probs - log_probs.detach()).exp(), advantages.view(-1, 1)
        gain = torch.minimum(ratio * advantage, ratio.clamp(0.8, 1.2) * advantage)
        difference = reference_log_probs - log_probs
        loss = (KL_COEFFICIENT * (difference.exp() - difference - 1) - gain).mean()
        update(model, optimizer, loss)

    return measure(step, options.repeats) | {"tokens": prompts.shape[0] * options.new}


def generate(model, options):
    prompts, length = repeated_prompts(model, options), options.new
    sampling = dict(do_sample=True, temperature=1.0, top_k=0, top_p=1.0, min_new_tokens=length, max_new_tokens=length)
    inputs = dict(attention_mask=torch.ones_like(prompts), use_cache=True, pad_token_id=0)

    def call():
        rows = model.generate(prompts, **inputs, **sampling)
        assert rows.shape == (prompts.shape[0], options.prompt + length)

    return measure(call, options.repeats) | {"tokens": prompts.shape[0] * length}


def sft(model, options):
    optimizer = torch.optim.AdamW(model.parameters(), lr=LEARNING_RATE, weight_decay=0.0, fused=True)
    tokens = torch.tensor([sequence(s, SEQUENCE_TOKENS, model.config.vocab_size) for s in range(SEQUENCES)])
    measured = measure(
        lambda: update(model, optimizer, model(tokens, labels=tokens, use_cache=False).loss), options.repeats
    )
    return measured | {"tokens": tokens.numel()}


def sft_epoch(model, options):
    pairs = [json.loads(line) for line in options.file.read_text().splitlines()]
    pairs = [(pair["prompt"], pair["completion"]) for pair in pairs]
    if not pairs or len(pairs) % SEQUENCES:
        raise SystemExit(f"language_model.py: {options.file}: {len(pairs)} sequences, not a multiple of {SEQUENCES}")
    batches = [padded(pairs[first : first + SEQUENCES]) for first in range(0, len(pairs), SEQUENCES)]
    optimizer = torch.optim.AdamW(model.parameters(), lr=LEARNING_RATE, weight_decay=0.0, fused=True)

    def epoch():
        for batch in batches:
            update(model, optimizer, model(**batch, use_cache=False).loss)

    return measure(epoch, options.repeats) | {
        "sequences": len(pairs),
        "tokens": sum(int(batch["attention_mask"].sum()) for batch in batches),
        "scored": sum(int((batch["labels"] != -100).sum()) for batch in batches),
        "padded": sum(batch["input_ids"].numel() for batch in batches),
    }


def padded(pairs):
    longest = max(len(prompt) + len(completion) for prompt, completion in pairs)
    rows = {"input_ids": [], "attention_mask": [], "labels": []}
    for prompt, completion in pairs:
        tokens = len(prompt) + len(completion)
        padding = longest - tokens
        rows["input_ids"].append(prompt + completion + [0] * padding)
        rows["attention_mask"].append([1] * tokens + [0] * padding)
        rows["labels"].append([-100] * len(prompt) + completion + [-100] * padding)
    return {name: torch.tensor(values) for name, values in rows.items()}


def repeated_prompts(model, options):
    prompts = [sequence(p, options.prompt, model.config.vocab_size) for p in range(options.prompts)]
    return torch.tensor(prompts).repeat_interleave(options.group, 0)


def update(model, optimizer, loss):
    loss.backward()
    torch.nn.utils.clip_grad_norm_(model.parameters(), 1.0)
    optimizer.step()
    optimizer.zero_grad()


def main():
    works = {"trl": trl, "loop": loop, "generate": generate, "sft": sft, "sft_epoch": sft_epoch}
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("folder", type=pathlib.Path)
    parser.add_argument("work", choices=works)
    parser.add_argument("--prompt", type=int, default=128, help="tokens of each prompt (%(default)s)")
    parser.add_argument("--new", type=int, default=64, help="tokens of each completion (%(default)s)")
    parser.add_argument("--prompts", type=int, default=4, help="prompts of a step (%(default)s)")
    parser.add_argument("--group", type=int, default=12, help="completions of each prompt (%(default)s)")
    parser.add_argument("--file", type=pathlib.Path, help="sequences of sft_epoch")
    parser.add_argument("--repeats", type=int, default=2, help="repeats that are counted (%(default)s)")
    options = parser.parse_args()
    if not (options.folder / "config.json").is_file():
        raise SystemExit(f"language_model.py: {options.folder}: no folder with config.json and model.safetensors")

    if options.work == "sft_epoch" and not (options.file and options.file.is_file()):
        raise SystemExit(f"language_model.py: --file {options.file}: there is no such file of sequences")

    line, sys.stdout = sys.stdout, sys.stderr  # what libraries print is not the result
    torch.set_num_threads(1)
    torch.set_num_interop_threads(1)
    torch.manual_seed(1)
    model = load(options.folder)
    about = {"peer": options.work, "model": options.folder.resolve().name, "prompt": options.prompt, "new": options.new}
    check = log_prob_of_fixed_sequence(model)
    model.train(options.work != "generate")
    measured = works[options.work](model, options)
    versions = {"torch": torch.__version__, "transformers": transformers.__version__}
    print(json.dumps(about | measured | {"check": check} | versions), file=line)


main()
