"""The peers of tokenizer_bench: Hugging Face's tokenizers, and tiktoken with the same vocabulary, on one core.

Reads RECLLM_TOKENIZER (a folder with tokenizer.json, or with vocab.json, merges.txt and Qwen2's classes) and
RECLLM_TEXT, as tokenizer_bench does. Says so and ends where they, or the libraries, are not there.
"""

import json
import os
import pathlib
import sys
import time

os.environ["RAYON_NUM_THREADS"] = "1"
try:
    import tokenizers
    from tokenizers import Regex, Tokenizer, models, normalizers, pre_tokenizers
except ImportError as missing:
    sys.exit(print(f"tokenizer_speed: skipped: {missing}"))
if "RECLLM_TOKENIZER" not in os.environ or "RECLLM_TEXT" not in os.environ:
    sys.exit(print("tokenizer_speed: skipped: RECLLM_TOKENIZER or RECLLM_TEXT is not set"))

QWEN = (
    r"(?i:'s|'t|'re|'ve|'m|'ll|'d)|[^\r\n\p{L}\p{N}]?\p{L}+|\p{N}| ?[^\s\p{L}\p{N}]+[\r\n]*"
    r"|\s*[\r\n]+|\s+(?!\S)|\s+"
)
folder = pathlib.Path(os.environ["RECLLM_TOKENIZER"])
text = pathlib.Path(os.environ["RECLLM_TEXT"]).read_text(encoding="utf-8")
size = len(text.encode())


def megabytes_a_second(encode):
    best = min(measured(encode) for _ in range(3))
    return size / best / 1e6


def measured(encode):
    start = time.process_time()
    encode(text)
    return time.process_time() - start


if (folder / "tokenizer.json").exists():
    tokenizer = Tokenizer.from_file(str(folder / "tokenizer.json"))
else:
    tokenizer = Tokenizer(models.BPE.from_file(str(folder / "vocab.json"), str(folder / "merges.txt")))
    tokenizer.normalizer = normalizers.NFC()
    tokenizer.pre_tokenizer = pre_tokenizers.Sequence(
        [pre_tokenizers.Split(Regex(QWEN), "isolated"), pre_tokenizers.ByteLevel(add_prefix_space=False, use_regex=False)]
    )
print(f"tokenizers {tokenizers.__version__}: {megabytes_a_second(tokenizer.encode):.2f} MB/s of processor time")

try:
    import tiktoken
except ImportError as missing:
    sys.exit(print(f"tiktoken: skipped: {missing}"))
printable = [*range(33, 127), *range(161, 173), *range(174, 256)]
others = [b for b in range(256) if b not in printable]
byte_of = {chr(b): b for b in printable} | {chr(256 + i): b for i, b in enumerate(others)}
vocab = json.loads(tokenizer.to_str())["model"]["vocab"]
ranks = {bytes(byte_of[c] for c in token): rank for token, rank in vocab.items() if all(c in byte_of for c in token)}
encoding = tiktoken.Encoding("peer", pat_str=QWEN, mergeable_ranks=ranks, special_tokens={})
print(f"tiktoken {tiktoken.__version__}: {megabytes_a_second(encoding.encode_ordinary):.2f} MB/s of processor time")
