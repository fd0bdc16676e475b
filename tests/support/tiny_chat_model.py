"""Writes a small random chat model, a Hugging Face folder: tiny_chat_model.py FOLDER SPECIAL_TOKEN...

A Qwen2 of one layer whose tokens are the 256 bytes and the special tokens; the last of these ends a reply.
"""
import json
import pathlib
import random
import struct
import sys

folder, special = pathlib.Path(sys.argv[1]), sys.argv[2:]
folder.mkdir(parents=True, exist_ok=True)

# Byte-level tokens: a byte that is a visible Latin-1 character stands for itself, the others for U+0100, U+0101, ...
visible = [b for b in range(256) if 33 <= b <= 126 or 161 <= b <= 172 or 174 <= b <= 255]
hidden = [b for b in range(256) if b not in visible]
vocabulary = {chr(b if b in visible else 256 + hidden.index(b)): b for b in range(256)}
level = {"type": "ByteLevel", "add_prefix_space": False, "trim_offsets": True, "use_regex": True}
model = {"type": "BPE", "dropout": None, "unk_token": None, "continuing_subword_prefix": None, "end_of_word_suffix": None,
         "fuse_unk": False, "byte_fallback": False, "ignore_merges": False, "vocab": vocabulary, "merges": []}
added = [{"id": 256 + i, "content": token, "single_word": False, "lstrip": False, "rstrip": False, "normalized": False,
          "special": True} for i, token in enumerate(special)]
tokenizer = {"version": "1.0", "truncation": None, "padding": None, "added_tokens": added, "normalizer": None,
             "pre_tokenizer": level, "post_processor": None, "decoder": level, "model": model}
(folder / "tokenizer.json").write_text(json.dumps(tokenizer), encoding="utf-8")

size, width, tokens = 16, 32, 256 + len(special)
config = {"architectures": ["Qwen2ForCausalLM"], "model_type": "qwen2", "vocab_size": tokens, "hidden_size": size,
          "intermediate_size": width, "num_hidden_layers": 1, "num_attention_heads": 2, "num_key_value_heads": 1,
          "max_position_embeddings": 4096, "rms_norm_eps": 1e-6, "rope_theta": 10000.0, "hidden_act": "silu",
          "tie_word_embeddings": True, "eos_token_id": tokens - 1}
(folder / "config.json").write_text(json.dumps(config))

layer = "model.layers.0."
shapes = {"model.embed_tokens.weight": [tokens, size], "model.norm.weight": [size],
          layer + "input_layernorm.weight": [size], layer + "post_attention_layernorm.weight": [size],
          layer + "self_attn.q_proj.weight": [size, size], layer + "self_attn.q_proj.bias": [size],
          layer + "self_attn.k_proj.weight": [size // 2, size], layer + "self_attn.k_proj.bias": [size // 2],
          layer + "self_attn.v_proj.weight": [size // 2, size], layer + "self_attn.v_proj.bias": [size // 2],
          layer + "self_attn.o_proj.weight": [size, size], layer + "mlp.gate_proj.weight": [width, size],
          layer + "mlp.up_proj.weight": [width, size], layer + "mlp.down_proj.weight": [size, width]}
draw = random.Random(1)
header, data = {}, b""
for name, shape in shapes.items():
    count = shape[0] * (shape[1] if len(shape) == 2 else 1)
    values = [draw.gauss(0.0, 0.1) if len(shape) == 2 else float("norm" in name) for _ in range(count)]
    header[name] = {"dtype": "F32", "shape": shape, "data_offsets": [len(data), len(data) + 4 * count]}
    data += struct.pack(f"<{count}f", *values)
text = json.dumps(header).encode()
(folder / "model.safetensors").write_bytes(struct.pack("<Q", len(text)) + text + data)
