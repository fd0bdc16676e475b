"""The peers of tokenizer_bench: Hugging Face's tokenizers, and tiktoken with the same vocabulary, on one core.

Reads RECLLM_TOKENIZER (a folder with tokenizer.json, or with vocab.json, merges.txt and Qwen2's classes) and
RECLLM_TEXT, as tokenizer_bench does. Writes one line of JSON: MB/s of the processor, and "seconds" a byte, the best of
three, and "check" with the number of ids, which must be the same of both; of a library that is not there nothing. Where
nothing can be measured it says why: "left_out".
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
    sys.exit(print(json.dumps({"left_out": str(missing)})))
if "RECLLM_TOKENIZER" not in os.environ or "RECLLM_TEXT" not in os.environ:
    sys.exit(print(json.dumps({"left_out": "RECLLM_TOKENIZER or RECLLM_TEXT is not set"})))

QWEN = (
    r"(?i:'s|'t|'re|'ve|'m|'ll|'d)|[^\r\n\p{L}\p{N}]?\p{L}+|\p{N}| ?[^\s\p{L}\p{N}]+[\r\n]*"
    r"|\s*[\r\n]+|\s+(?!\S)|\s+"
)
folder = pathlib.Path(os.environ["RECLLM_TOKENIZER"])
text = pathlib.Path(os.environ["RECLLM_TEXT"]).read_text(encoding="utf-8")
size = len(text.encode())


result = {"versions": {}, "MB/s": {}, "seconds": {}, "check": {}}


def add(library, encode, ids_of=lambda encoded: encoded):
    ids = len(ids_of(encode(text)))
    if ids != result["check"].setdefault("", [ids])[0]:
        raise SystemExit(f"tokenizer_speed.py: {library.__name__} encodes to {ids} ids, not to {result['check'][''][0]}")
    best = min(measured(encode) for _ in range(3)) / size
    result["versions"][library.__name__] = library.__version__
    result["MB/s"][library.__name__] = round(1e-6 / best, 2)
    result["seconds"][library.__name__] = best


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
        [
            pre_tokenizers.Split(Regex(QWEN), "isolated"),
            pre_tokenizers.ByteLevel(add_prefix_space=False, use_regex=False),
        ]
    )
add(tokenizers, tokenizer.encode, lambda encoded: encoded.ids)

try:
    import tiktoken
except ImportError:
    sys.exit(print(json.dumps(result)))
printable = [*range(33, 127), *range(161, 173), *range(174, 256)]
others = [b for b in range(256) if b not in printable]
byte_of = {chr(b): b for b in printable} | {chr(256 + i): b for i, b in enumerate(others)}
vocab = json.loads(tokenizer.to_str())["model"]["vocab"]
ranks = {bytes(byte_of[c] for c in token): rank for token, rank in vocab.items() if all(c in byte_of for c in token)}
encoding = tiktoken.Encoding("peer", pat_str=QWEN, mergeable_ranks=ranks, special_tokens={})
add(tiktoken, encoding.encode_ordinary)
print(json.dumps(result))
