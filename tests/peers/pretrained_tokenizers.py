"""Asks recllm_conformance and Hugging Face's tokenizers for the ids and the text of random strings.

    python pretrained_tokenizers.py <recllm_conformance> [strings a tokenizer] [seed]

Written for tokenizers 0.23.3. Tokenizers of every kind are trained on the spot, with added tokens of all options; with
RECLLM_SHARED, those in its data/tokenizers too (and through transformers, if it can be imported, those that have no
tokenizer.json). Exit status: 0 all agree, 1 some do not, 77 tokenizers cannot be imported, said on standard output.
"""

import itertools
import json
import os
import pathlib
import random
import subprocess
import sys
import tempfile

os.environ["RUST_BACKTRACE"] = "0"
try:
    from tokenizers import AddedToken, Regex, Tokenizer, decoders, models, normalizers, processors, trainers
    from tokenizers import pre_tokenizers as split
except ImportError as missing:
    print(f"skipped: {missing}; install tokenizers")
    sys.exit(77)

QWEN = (
    r"(?i:'s|'t|'re|'ve|'m|'ll|'d)|[^\r\n\p{L}\p{N}]?\p{L}+|\p{N}| ?[^\s\p{L}\p{N}]+[\r\n]*"
    r"|\s*[\r\n]+|\s+(?!\S)|\s+"
)
LLAMA3 = QWEN.replace(r"|\p{N}|", r"|\p{N}{1,3}|")
GPT4O = (
    r"[^\r\n\p{L}\p{N}]?[\p{Lu}\p{Lt}\p{Lm}\p{Lo}\p{M}]*[\p{Ll}\p{Lm}\p{Lo}\p{M}]+(?i:'s|'t|'re|'ve|'m|'ll|'d)?"
    r"|[^\r\n\p{L}\p{N}]?[\p{Lu}\p{Lt}\p{Lm}\p{Lo}\p{M}]+[\p{Ll}\p{Lm}\p{Lo}\p{M}]*(?i:'s|'t|'re|'ve|'m|'ll|'d)?"
    r"|\p{N}{1,3}| ?[^\s\p{L}\p{N}]+[\r\n/]*|\s*[\r\n]+|\s+(?!\S)|\s+"
)
DEEPSEEK = (
    r"[!\"#$%&'()*+,\-./:;<=>?@\[\\\]^_`{|}~][A-Za-z]+|[^\r\n\p{L}\p{P}\p{S}]?[\p{L}\p{M}]+| ?[\p{P}\p{S}]+[\r\n]*"
    r"|\s*[\r\n]+|\s+(?!\S)|\s+"
)

TEXT = """Recommend five films. She's watched "Toy Story (1995)", it's hers; they'll've loved WE'RE and I'M.
Caf\u00e9 cafe\u0301 na\u00efve \u00fcber \u0130stanbul \u4f60\u597d\u4e16\u754c \u3053\u3093\u306b\u3061\u306f
\ud55c\uad6d\uc5b4 \u0440\u0443\u0441\u0441\u043a\u0438\u0439 \u0627\u0644\u0639\u0631\u0628\u064a\u0629 \u0939\u093f\u0928\u094d\u0926\u0940
\U0001f600\U0001f468\u200d\U0001f469\u200d\U0001f467 12345 3.14 1,000,000 \u0663\u0664 \u00bd \u2167 x_y a-b http://x.org/?q=1&r=2
def f(x):\n\treturn x  # done\r\n\r\n    if x == 0:  pass\n\n\n the quick brown fox jumps over the lazy dog
""".splitlines(keepends=True)

FRAGMENTS = [
    *" \t\n\r\x0b\x0c\x1c\x85\xa0\u1680\u180e\u2003\u200b\u200d\u2028\u2029\u202f\u205f\u3000\ufeff\u2581",
    *"'\"!?.,;:-_()[]{}<>/\\|@#$%^&*+=~`\x00\x1f\x7f",
    *"0123456789\u0663\u0967\u00b2\u00bd\u2167\U0001d7d8\U00010d40\U00011de0\U0001d2c0",
    *"aAzZsStTlLdDmMvVeErR\u017f\u212a\u00df\u0130\u0131\u01c5\ufb01\ufb03\u1e9e",
    *"\u00e9\u0301\u0323\u0308\u093f\u094d\u0e33\uac00\u1100\u1161\u11a8\u0344\u0958\u2126\uf900\u07fd\u0898\U0001e030",
    "e\u0301", "a\u0323\u0301", "a\u0301\u0323", "\r\n", "  ", "   ", "\n\n", " \n ", "'s", "'S", "'ll", "'RE", "\u2019s", "n't",
    "\U0001f468\u200d\U0001f469\u200d\U0001f467", "\U0001f1e9\U0001f1ea", "\u263a\ufe0f", "\U00031350", "\U0002ebf0", "\U000105c0",
    "hello", " world", "Recommend", "films", " the", "item_1", "item_12", "<0x41>", "<s>", "</s>", "<unk>",
    "<|im_start|>", "<|im_end|>", "<|endoftext|>", "<think>", "</think>", "<|im_", "_start|>", "ADD", "add", "\u00c1dd",
]  # fmt: skip


def random_text(rng, tokens):
    def character():
        kind = rng.random()
        if kind < 0.3:
            return chr(rng.randrange(0x20, 0x7F))
        code = rng.randrange(0x110000 if kind > 0.8 else 0x3000)
        return chr(code) if not 0xD800 <= code < 0xE000 else "\ufffd"

    parts = []
    for _ in range(rng.choice([0, 1, 2, 3, 5, 8, 13, 30])):
        kind = rng.random()
        if kind < 0.5:
            parts.append(rng.choice(FRAGMENTS))
        elif kind < 0.6:
            parts.append(rng.choice(tokens))
        elif kind < 0.8:
            parts.append(character())
        elif kind < 0.9:
            parts.append(rng.choice(rng.choice(TEXT).split(" ")))
        else:
            parts.append(rng.choice("ab 1") * rng.randrange(1, 150 if rng.random() < 0.1 else 6))
        if rng.random() < 0.2:
            parts.append(" ")
    return "".join(parts)


def byte_pairs(splitter, decoder=None, normalizer=None, alphabet=True, size=700, special=(), **options):
    """A BPE tokenizer trained on the text above."""
    made = Tokenizer(models.BPE(**options))
    made.pre_tokenizer = splitter
    if normalizer:
        made.normalizer = normalizer
    trainer = trainers.BpeTrainer(
        vocab_size=size,
        min_frequency=1,
        special_tokens=list(special),
        initial_alphabet=split.ByteLevel.alphabet() if alphabet is True else alphabet or [],
        show_progress=False,
        **{name: options[name] for name in ("continuing_subword_prefix", "end_of_word_suffix") if name in options},
    )
    made.train_from_iterator(TEXT * 2, trainer)
    made.decoder = decoder
    return made


def words(splitter, normalizer=None, decoder=None):
    made = Tokenizer(models.WordLevel(unk_token="<unk>"))
    made.pre_tokenizer = splitter
    if normalizer:
        made.normalizer = normalizer
    made.train_from_iterator(TEXT, trainers.WordLevelTrainer(special_tokens=["<unk>"], show_progress=False))
    made.decoder = decoder
    return made


def regex(pattern, behavior="isolated", invert=False):
    return split.Split(Regex(pattern), behavior, invert)


def bytes_after(*first):
    return split.Sequence([*first, split.ByteLevel(add_prefix_space=False, use_regex=False)])


def llama2(normalizer, splitter, decoder):
    pieces = [f"<0x{b:02X}>" for b in range(256)]
    made = byte_pairs(
        splitter, None, normalizer, alphabet=["\u2581"], size=900, special=["<unk>", "<s>", "</s>", *pieces],
        byte_fallback=True, unk_token="<unk>", fuse_unk=True,
    )
    document = json.loads(made.to_str())  # the bytes are of the model, not added
    document["added_tokens"] = [t for t in document["added_tokens"] if t["id"] < 3]
    made = Tokenizer.from_str(json.dumps(document))
    made.decoder = decoder
    return made


def edited(tokenizer, edit):
    document = json.loads(tokenizer.to_str())
    edit(document)
    return json.dumps(document)


def old_spelling(document):
    document["model"]["merges"] = [" ".join(pair) for pair in document["model"]["merges"]]


def families():
    """Names and tokenizers of all kinds; a string is the file itself."""
    byte_level = decoders.ByteLevel()
    qwen = lambda: byte_pairs(bytes_after(regex(QWEN)), byte_level, normalizers.NFC())  # noqa: E731
    yield "Qwen2", qwen()
    yield "Qwen2, merges as strings", edited(qwen(), old_spelling)
    llama3 = byte_pairs(bytes_after(regex(LLAMA3)), byte_level, special=["<s>"], ignore_merges=True)
    llama3.post_processor = processors.Sequence(
        [processors.ByteLevel(trim_offsets=False), processors.TemplateProcessing(
            single="<s> $A", pair="<s> $A <s>:1 $B:1", special_tokens=[("<s>", 0)])]
    )  # fmt: skip
    yield "Llama 3", llama3
    yield "Llama 3, whole words only", edited(llama3, lambda d: d["model"].update(merges=d["model"]["merges"][::3]))
    yield "GPT-4o", byte_pairs(bytes_after(regex(GPT4O)), byte_level)
    yield "DeepSeek", byte_pairs(
        bytes_after(regex(r"\p{N}{1,3}"), regex("[\u4e00-\u9fa5\u3040-\u309f\u30a0-\u30ff]+"), regex(DEEPSEEK)), byte_level
    )
    smol = split.Sequence([split.Digits(individual_digits=True), split.ByteLevel(add_prefix_space=False)])
    yield "SmolLM2", byte_pairs(smol, byte_level)
    roberta = byte_pairs(split.ByteLevel(add_prefix_space=True), byte_level, special=["<s>", "</s>"])
    roberta.post_processor = processors.RobertaProcessing(("</s>", 1), ("<s>", 0))
    yield "RoBERTa", roberta
    yield "bytes, some unknown", byte_pairs(
        split.ByteLevel(), byte_level, alphabet=["a"], special=["<unk>"], unk_token="<unk>"
    )
    yield "bytes, then digits", byte_pairs(
        split.Sequence([split.ByteLevel(), split.Digits()]), byte_level, alphabet=None, special=["<unk>"],
        unk_token="<unk>", fuse_unk=True,
    )
    sentence = decoders.Sequence(
        [decoders.Replace("\u2581", " "), decoders.ByteFallback(), decoders.Fuse(), decoders.Strip(" ", 1, 0)]
    )
    spaces = normalizers.Sequence([normalizers.Prepend("\u2581"), normalizers.Replace(" ", "\u2581")])
    yield "Llama 2", llama2(spaces, None, sentence)
    yield "Llama 2, no unknown token", edited(
        llama2(spaces, None, sentence), lambda d: d["model"].update(unk_token=None, byte_fallback=False)
    )
    yield "Gemma", llama2(normalizers.Replace(" ", "\u2581"), split.Split(" ", "merged_with_previous"), sentence)
    for scheme, whole in itertools.product(("always", "first", "never"), (True, False)):
        meta = split.Metaspace("\u2581", scheme, whole)
        yield f"Metaspace {scheme} {whole}", llama2(None, meta, decoders.Metaspace("\u2581", scheme, whole))
    yield "prefix and suffix", byte_pairs(
        split.WhitespaceSplit(), decoders.BPEDecoder("</w>"), alphabet=None, special=["<unk>"], unk_token="<unk>",
        continuing_subword_prefix="##", end_of_word_suffix="</w>",
    )
    for behavior, invert in itertools.product(
        ("removed", "isolated", "merged_with_previous", "merged_with_next", "contiguous"), (False, True)
    ):
        yield f"Split {behavior} {invert}", byte_pairs(
            bytes_after(regex(r"[\s\-.]|\d*", behavior, invert), split.Split("a", behavior, invert)), byte_level
        )
    yield "words", words(split.WhitespaceSplit())
    yield "words by kind", words(split.Whitespace())
    yield "words in small letters", words(
        split.Sequence([split.Digits(), split.Whitespace()]),
        normalizers.Sequence([normalizers.Strip(), normalizers.NFD(), normalizers.Replace(Regex(r"\d+"), "0"), normalizers.Lowercase()]),
        decoders.Fuse(),
    )
    yield "words between commas", words(split.CharDelimiterSplit(","), normalizers.NFKC())
    for form in (normalizers.NFKD(), normalizers.Strip(left=False), normalizers.Replace(Regex("(?i)S|a+"), "<>")):
        yield f"{form}", byte_pairs(split.ByteLevel(use_regex=False, add_prefix_space=False), byte_level, form)


OPTIONS = ("single_word", "lstrip", "rstrip", "normalized", "special")


def with_added_tokens(tokenizer, rng):
    """Tokens that overlap each other and words, with all options by chance."""
    names = ["<|im_start|>", "<|im_end|>", "<|im_", "<think>", "</think>", "ADD", "\u00c1dd", "item_1", "item_12", "_1",
             " the", "he", "films", "  ", "\n", "12", "e\u0301", "\u00e9", "world ", "'s"]  # fmt: skip
    plain = Tokenizer.from_str(tokenizer if isinstance(tokenizer, str) else tokenizer.to_str())
    for name in rng.sample(names, rng.randrange(3, len(names))):
        options = {option: rng.random() < 0.3 for option in OPTIONS}
        try:
            plain.add_tokens([AddedToken(name, **options)])
        except Exception:  # a normaliser leaves nothing of it
            continue
    seen = set()
    for token in json.loads(plain.to_str())["added_tokens"]:  # two of the same text are found in no fixed order
        text = token["content"]
        if token["normalized"] and plain.normalizer:
            text = plain.normalizer.normalize_str(text)
        if not text or (text, token["normalized"]) in seen:
            return with_added_tokens(tokenizer, rng)
        seen.add((text, token["normalized"]))
    return plain


class Driver:
    def __init__(self, path):
        self.process = subprocess.Popen([path], stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True, encoding="utf-8")

    def __call__(self, **request):
        self.process.stdin.write(json.dumps(request) + "\n")
        self.process.stdin.flush()
        return json.loads(self.process.stdout.readline())


def compare(driver, name, file, encode, decode, size, rng, rounds, added):
    """How many questions were answered otherwise."""
    differ = 0

    def check(question, ours, expected, about):
        nonlocal differ
        if ours == expected:
            return
        differ += 1
        if differ <= 3:
            print(f"DIFFERS {name}: {question} {about!r}: got {ours}, expected {expected}")

    for _ in range(rounds):
        text, around = random_text(rng, added), rng.random() < 0.2
        try:
            expected = encode(text, around)
        except BaseException as panic:  # the library's own, where the space of two added tokens overlaps
            if type(panic).__name__ != "PanicException":
                raise
            continue
        answer = driver(op="tokenize", tokenizer=str(file), text=text, add_special_tokens=around)
        check("tokenize", answer.get("ids", answer), expected, text)
        ids = expected if rng.random() < 0.5 else [rng.randrange(size + 3) for _ in range(rng.randrange(1, 12))]
        skip = rng.random() < 0.5
        answer = driver(op="detokenize", tokenizer=str(file), ids=ids, skip_special_tokens=skip)
        check("detokenize", answer.get("text", answer), decode(ids, skip), (ids, skip))
    return differ


def shared_tokenizers():
    """Folders of real tokenizers and how Hugging Face encodes and decodes with them."""
    for folder in sorted(pathlib.Path(os.environ.get("RECLLM_SHARED", "/nowhere"), "data/tokenizers").glob("*")):
        if (folder / "tokenizer.json").exists():
            yield folder, Tokenizer.from_file(str(folder / "tokenizer.json"))
            continue
        try:
            from transformers import AutoTokenizer

            yield folder, AutoTokenizer.from_pretrained(str(folder))._tokenizer
        except ImportError as missing:
            print(f"not compared: {folder.name}: {missing}")


def main():
    if len(sys.argv) < 2:
        sys.exit(__doc__)
    rounds, seed = (int(sys.argv[i]) if len(sys.argv) > i else other for i, other in ((2, 100), (3, 0)))
    driver, differ, asked = Driver(sys.argv[1]), 0, 0

    def ask(name, tokenizer, file, rng):
        nonlocal differ, asked
        added = [token.content for token in tokenizer.get_added_tokens_decoder().values()] or ["a"]
        wrong = compare(
            driver, name, file, lambda text, around: tokenizer.encode(text, add_special_tokens=around).ids,
            lambda ids, skip: tokenizer.decode(ids, skip_special_tokens=skip), tokenizer.get_vocab_size(), rng, rounds, added,
        )
        differ, asked = differ + wrong, asked + 2 * rounds
        print(f"{name}: {2 * rounds - wrong} agree, {wrong} differ")

    with tempfile.TemporaryDirectory() as folder:
        for number, (name, tokenizer) in enumerate(families()):
            rng = random.Random(f"{seed} {name}")
            for kind in ("", ", added tokens"):
                file = pathlib.Path(folder, f"{number}{len(kind)}.json")
                if kind:
                    tokenizer = with_added_tokens(tokenizer, rng)
                file.write_text(tokenizer if isinstance(tokenizer, str) else tokenizer.to_str(), encoding="utf-8")
                ask(name + kind, Tokenizer.from_file(str(file)), file, rng)
        for path, tokenizer in shared_tokenizers():
            ask(path.name, tokenizer, path, random.Random(f"{seed} {path.name}"))
    print(f"{asked} comparisons, {asked - differ} agree, {differ} do not; seed {seed}")
    sys.exit(1 if differ else 0)


if __name__ == "__main__":
    main()
