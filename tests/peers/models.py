"""Random tiny models that transformers makes, saves and computes: logits, greedy continuations, gradients; where PEFT
can be imported, the same with its adapters."""

import json
import os
import tempfile

import torch

try:
    import peft
except ImportError:
    peft = None

os.environ.setdefault("HF_HUB_DISABLE_PROGRESS_BARS", "1")

ROPES = [
    {"rope_type": "default"},
    {"rope_type": "linear", "factor": 3.0},
    {
        "rope_type": "llama3",
        "factor": 4.0,
        "low_freq_factor": 1.0,
        "high_freq_factor": 4.0,
        "original_max_position_embeddings": 64,
    },
    {"rope_type": "yarn", "factor": 4.0, "original_max_position_embeddings": 64},
    {"rope_type": "yarn", "factor": 2.0, "original_max_position_embeddings": 48, "beta_fast": 20.0, "truncate": False},
]


def made(peer, rng, kind):
    """A model with its folder's config: kind is qwen2, qwen3 or llama; everything else is drawn."""
    heads, kv_heads, size = [(4, 2, 16), (6, 3, 8), (4, 4, 16), (3, 1, 12)][rng.integers(4)]
    settings = {
        "vocab_size": int(rng.integers(60, 200)),
        "hidden_size": heads * size,
        "intermediate_size": int(rng.integers(20, 80)),
        "num_hidden_layers": int(rng.integers(1, 4)),
        "num_attention_heads": heads,
        "num_key_value_heads": kv_heads,
        "max_position_embeddings": 256,
        "rms_norm_eps": float(rng.choice([1e-6, 1e-5])),
        "tie_word_embeddings": bool(rng.integers(2)),
        "initializer_range": 0.15,
        "rope_parameters": ROPES[rng.integers(len(ROPES))] | {"rope_theta": float(rng.choice([1e4, 5e5]))},
    }
    if kind == "qwen3":
        settings |= {"head_dim": int(rng.choice([size, 20])), "attention_bias": bool(rng.integers(2))}
    if kind == "llama":
        settings |= {"attention_bias": bool(rng.integers(2)), "mlp_bias": bool(rng.integers(2))}
    config = {"qwen2": peer.Qwen2Config, "qwen3": peer.Qwen3Config, "llama": peer.LlamaConfig}[kind](**settings)
    torch.manual_seed(int(rng.integers(1 << 30)))
    model = peer.AutoModelForCausalLM.from_config(config, dtype=torch.float32, attn_implementation="eager")
    with torch.no_grad():  # norms and biases that do something
        for weight in model.parameters():
            if weight.dim() == 1:
                weight.add_(0.2 * torch.randn_like(weight))
    return model.eval()


def respelt(folder):
    """config.json as transformers 4 wrote it."""
    path = os.path.join(folder, "config.json")
    with open(path) as file:
        config = json.load(file)
    rope = config.pop("rope_parameters")
    config["rope_theta"] = rope.pop("rope_theta")
    config["rope_scaling"] = None if rope["rope_type"] == "default" else rope
    config["torch_dtype"] = config.pop("dtype", "float32")
    with open(path, "w") as file:
        json.dump(config, file)


def language_models(driver, tally, peer, rng, wild):
    torch.set_default_dtype(torch.float32)
    try:
        for kind in ("qwen2", "qwen3", "llama"):
            compare(driver, tally, peer, rng, wild, kind)
    finally:
        torch.set_default_dtype(torch.float64)


def compare(driver, tally, peer, rng, wild, kind):
    model = made(peer, rng, kind)
    with tempfile.TemporaryDirectory() as folder:
        size = "20KB" if rng.integers(2) else "1GB"
        (model.bfloat16() if wild else model).save_pretrained(folder, max_shard_size=size)
        model = peer.AutoModelForCausalLM.from_pretrained(folder, dtype=torch.float32, attn_implementation="eager")
        if rng.integers(2):
            respelt(folder)
        ids = torch.tensor(rng.integers(0, model.config.vocab_size, int(rng.integers(2, 90))))
        logits = model(ids[None]).logits[0]
        log_probs = logits.log_softmax(-1)[:-1].gather(1, ids[1:, None])[:, 0]
        loss = -log_probs.mean()
        loss.backward()
        what = f"transformers {kind}"
        answer = driver(op="logits", model=folder, ids=ids.tolist())
        tally.compare(f"{what} logits", answer, "last_logits", logits[-1].tolist(), 1e-4)
        tally.compare(f"{what} log-probs", answer, "log_probs", log_probs.tolist(), 1e-4)
        said = ids
        with torch.no_grad():
            for _ in range(12):
                said = torch.cat([said, model(said[None]).logits[0, -1].argmax()[None]])
        answer = driver(op="greedy", model=folder, ids=ids.tolist(), new_tokens=12)
        tally.compare(f"{what} greedy", answer, "ids", said[len(ids) :].tolist())
        compare_gradients(tally, what, driver(op="sft_gradients", model=folder, ids=ids.tolist()), loss, model)
        if peft is not None:
            compare_adapters(driver, tally, rng, folder, model, ids, f"peft on {what}")


def compare_gradients(tally, what, answer, loss, model):
    tally.compare(f"{what} loss", answer, "loss", loss.item(), 1e-5)
    gradients = {
        name.removeprefix("base_model.model.").replace(".default", "").replace(".base_layer", ""): weight.grad
        for name, weight in model.named_parameters()
        if weight.requires_grad
    }
    found = answer.get("gradients", {})
    assert set(found) == set(gradients), (set(found) ^ set(gradients), answer)
    for name, gradient in gradients.items():
        norm = gradient.double().norm().item()
        # A sum may cancel: it is compared on the scale of the norm.
        scale = max(norm, 1e-3) * gradient.numel() ** 0.5
        both = {"norm": found[name]["norm"] / max(norm, 1e-3), "sum": found[name]["sum"] / scale}
        tally.compare(f"{what} gradients", both, "norm", norm / max(norm, 1e-3), 1e-3)
        tally.compare(f"{what} gradients", both, "sum", gradient.double().sum().item() / scale, 1e-3)


def compare_adapters(driver, tally, rng, folder, model, ids, what):
    modules = ["q_proj", "k_proj", "v_proj", "o_proj", "gate_proj", "up_proj", "down_proj"]
    some = [name for name in modules if rng.integers(2)] or ["q_proj"]
    config = peft.LoraConfig(
        r=int(rng.integers(1, 6)),
        lora_alpha=float(rng.choice([4, 7.5, 16])),
        target_modules=some if rng.integers(3) else "all-linear",
        use_rslora=bool(rng.integers(2)),
        init_lora_weights=False,  # B is not 0
        task_type="CAUSAL_LM",
    )
    model.zero_grad()
    adapted = peft.get_peft_model(model, config)
    with tempfile.TemporaryDirectory() as adapters:
        adapted.save_pretrained(adapters)
        logits = adapted(ids[None]).logits[0]
        loss = -logits.log_softmax(-1)[:-1].gather(1, ids[1:, None])[:, 0].mean()
        loss.backward()
        question = {"model": folder, "lora": adapters, "ids": ids.tolist()}
        tally.compare(f"{what} logits", driver(op="logits", **question), "last_logits", logits[-1].tolist(), 1e-4)
        compare_gradients(tally, what, driver(op="sft_gradients", **question), loss, adapted)
