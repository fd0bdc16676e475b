"""Asks recllm_conformance and the peers' own functions the same random questions.

    python parity.py <recllm_conformance> [rounds]

Peers: TRL (the loss methods of its trainers, called on stand-ins) and verl (trainer/ppo/core_algos), written for
TRL 1.16.0 and verl 0.9.1, their gradients by autograd, in double; RecBole and rapidfuzz, see ranked_lists.py;
transformers, see models.py. Whichever is there. Exit status: 0 all agree, losses within 1e-6, lists within 1e-9,
logits within 1e-4, relative above 1; 1 some do not; 77 no peer can be imported, said on standard output.
"""

import contextlib
import importlib
import json
import os
import subprocess
import sys
import types
import warnings
from collections import Counter, defaultdict
from unittest import mock

os.environ.setdefault("TRL_EXPERIMENTAL_SILENCE", "1")
warnings.filterwarnings("ignore")
TOLERANCE = 1e-6


def skip(reason):
    print(f"skipped: {reason}")
    sys.exit(77)


try:
    import numpy as np
    import torch
except ImportError as missing:
    skip(f"{missing}; install numpy and torch")

import models
import ranked_lists

torch.set_default_dtype(torch.float64)
torch.set_num_threads(1)


class Driver:
    def __init__(self, path):
        self.process = subprocess.Popen([path], stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True)

    def __call__(self, **request):
        self.process.stdin.write(json.dumps(request) + "\n")
        self.process.stdin.flush()
        return json.loads(self.process.stdout.readline())


class Tally:
    """Counts the figures that agree, by peer and question."""

    def __init__(self):
        self.agreed, self.differ, self.shown = Counter(), Counter(), 0

    def compare(self, what, answer, field, expected, tolerance=TOLERANCE):
        ours = answer
        for part in field.split("."):
            ours = ours.get(part) if isinstance(ours, dict) else None
        expected = np.asarray(expected, float)
        try:
            got = np.asarray(ours, float)
            same = got.shape == expected.shape and bool(
                np.all(np.abs(got - expected) <= tolerance * np.maximum(1.0, np.abs(expected)))
            )
        except (TypeError, ValueError):
            got, same = answer, False
        (self.agreed if same else self.differ)[what] += 1
        if not same and self.shown < 20:
            self.shown += 1
            print(f"DIFFERS {what} {field}: got {got}, expected {expected}")


class Batch:
    """Random ragged tokens: log-probs of three policies, a mask with holes, one advantage a completion."""

    def __init__(self, rng, wild=False):
        rows = 2 * int(rng.integers(1, 4))
        self.lengths = rng.integers(1, 8, rows)
        shape = (rows, int(self.lengths.max()))
        self.mask = np.zeros(shape)
        for row, length in enumerate(self.lengths):
            self.mask[row, :length] = rng.random(length) < 0.8
            self.mask[row, 0] = 1
        spread = 3.0 if wild else 0.5
        self.new = -2 * rng.random(shape)
        self.old = self.new - rng.normal(0, spread, shape)
        self.ref = self.new + rng.normal(0, spread, shape)
        self.advantages = rng.normal(0, 1, rows)
        self.request = {
            "op": "policy_loss",
            "log_probs": self.rows(self.new),
            "old_log_probs": self.rows(self.old),
            "advantages": self.advantages.tolist(),
            "mask": self.rows(self.mask),
        }

    def rows(self, matrix):
        return [np.asarray(matrix)[i, :n].tolist() for i, n in enumerate(self.lengths)]

    def flat(self, matrix):
        return sum(self.rows(matrix), [])


def flattened(answer, field):
    """The answer with a field of rows made one list."""
    return {**answer, field: sum(answer[field], [])} if field in answer else answer


def compare_policy_loss(tally, what, answer, loss, gradient, batch):
    tally.compare(what, answer, "loss", loss.item())
    tally.compare(what, flattened(answer, "gradient"), "gradient", batch.flat(gradient.numpy()))


# --- TRL ---------------------------------------------------------------------------------------------------


def accelerator():
    same = lambda x, **_: x  # noqa: E731
    return types.SimpleNamespace(
        device="cpu", num_processes=1, gather=same, gather_for_metrics=same, reduce=same, sync_gradients=False
    )


def trainer(**settings):
    return types.SimpleNamespace(
        accelerator=accelerator(),
        model=types.SimpleNamespace(training=False),
        aux_loss_enabled=False,
        _metrics=defaultdict(lambda: defaultdict(list)),
        **settings,
    )


def trl_grpo_loss(GRPOTrainer, batch, loss_type, **settings):
    """TRL's loss, its gradient and metrics on the batch."""
    new = torch.tensor(batch.new, requires_grad=True)
    entropies = torch.tensor(settings.pop("entropies", np.zeros_like(batch.new)))
    weights = settings.pop("importance", None)
    chosen = {
        "loss_type": loss_type,
        "importance_sampling_level": "token",
        "beta": 0.0,
        "epsilon_low": 0.2,
        "epsilon_high": 0.28,
        "max_completion_length": 16,
        "entropy_coef": 0.0,
        "args": types.SimpleNamespace(
            delta=settings.pop("delta", None),
            use_bias_correction_kl=False,
            sapo_temperature_pos=1.0,
            sapo_temperature_neg=1.05,
            steps_per_generation=1,
        ),
        **settings,
    }
    self = trainer(
        top_entropy_quantile=1.0,
        off_policy_mask_threshold=None,
        use_vllm=weights is not None,
        vllm_importance_sampling_correction=True,
        use_adaptive_entropy=False,
        _entropy_bonus_enabled=chosen["entropy_coef"] != 0.0,
        _get_per_token_logps_and_entropies=lambda *_, **__: (new, entropies, None),
        **chosen,
    )
    mask = torch.tensor(batch.mask)
    tokens = torch.zeros(mask.shape, dtype=torch.long)
    inputs = {
        "prompt_ids": tokens,
        "prompt_mask": tokens,
        "completion_ids": tokens,
        "completion_mask": mask,
        "advantages": torch.tensor(batch.advantages),
        "old_per_token_logps": torch.tensor(batch.old),
        "ref_per_token_logps": torch.tensor(batch.ref),
        "num_items_in_batch": mask.sum(),
        "importance_sampling_ratio": weights,
    }
    loss = GRPOTrainer._compute_loss(self, None, inputs)
    loss.backward()
    return loss, new.grad, self._metrics["eval"]


TRL_AVERAGES = {
    "grpo": {"aggregation": "sequence_mean_token_mean"},
    "bnpo": {"aggregation": "token_mean"},
    "dapo": {"aggregation": "token_mean"},
    "dr_grpo": {"aggregation": "sequence_mean_token_sum_norm", "constant_length": 16},
    "luspo": {"aggregation": "sequence_mean_token_sum"},
}


def trl_policy(driver, tally, trl, rng, wild):
    batch = Batch(rng, wild)
    clip = {"clip_low": 0.2, "clip_high": 0.28}

    def check(what, algorithm, config, loss_type, metrics=(), request=None, **settings):
        loss, gradient, theirs = trl_grpo_loss(trl.GRPOTrainer, batch, loss_type, **settings)
        answer = driver(**{**batch.request, **(request or {}), "algorithm": algorithm, "config": config})
        what = "TRL policy_loss " + what
        compare_policy_loss(tally, what, answer, loss, gradient, batch)
        for field, name in metrics:
            tally.compare(what, answer, "metrics." + field, theirs[name][0])

    clipped = [("clip_fraction_low", "clip_ratio/low_mean"), ("clip_fraction_high", "clip_ratio/high_mean")]
    with_reference = {"ref_log_probs": batch.rows(batch.ref)}
    for name, average in TRL_AVERAGES.items():
        check(name, "grpo", {**clip, **average}, name, clipped)
        kl = {"kl_coef": 0.04, "kl_estimator": "k3"}
        check(
            name + " kl", "grpo", {**clip, **average, **kl}, name, [("kl", "kl")], with_reference, beta=0.04
        )
        if name != "luspo":
            check(
                name + " of sequences (gspo)", "gspo", {**clip, **average}, name,
                importance_sampling_level="sequence",
            )
    check("two-sided", "grpo", {**clip, "delta": 4.0, **TRL_AVERAGES["grpo"]}, "grpo", delta=4.0)
    entropies = rng.random(batch.new.shape)
    check(
        "entropy bonus", "grpo", {**clip, "entropy_coef": 0.1, **TRL_AVERAGES["dapo"]}, "dapo",
        request={"entropies": batch.rows(entropies)}, entropies=entropies, entropy_coef=0.1,
    )
    check("cispo", "cispo", {"cap": 5.0, "aggregation": "token_mean"}, "cispo", epsilon_high=5.0)
    check("sapo", "sapo", {"temperature_pos": 1.0, "temperature_neg": 1.05}, "sapo")
    rollout = batch.old - rng.normal(0, 0.3, batch.old.shape)
    ratios = np.minimum(np.exp(batch.old - rollout), 1.3)  # TRL's loss takes them ready-made
    truncated = {"importance": {"rollout_log_probs": batch.rows(rollout), "mode": "token_truncate", "cap": 1.3}}
    check(
        "truncated importance", "grpo", {**clip, **TRL_AVERAGES["bnpo"], **truncated}, "bnpo",
        importance=torch.tensor(ratios),
    )


TRL_PAIRS = (
    "sigmoid robust ipo hinge exo_pair nca_pair bco_pair sppo_hard aot aot_unpaired apo_zero apo_down discopop"
).split()


class Pairs:
    """Sequence log-probs of n pairs; for TRL, each is its completion's first token's and the others' are 0."""

    def __init__(self, rng, wild):
        self.n = int(rng.integers(1, 6))
        spread = 20 if wild else 2
        draw = lambda: rng.normal(-spread, spread, self.n)  # noqa: E731
        self.chosen, self.rejected = np.minimum(draw(), -1e-3), np.minimum(draw(), -1e-3)
        self.ref_chosen, self.ref_rejected = draw(), draw()
        self.lengths = rng.integers(1, 9, 2 * self.n)
        self.mask = np.zeros((2 * self.n, 9 + 1), int)  # a token of the prompt, then the completion
        for row, length in enumerate(self.lengths):
            self.mask[row, 1 : 1 + length] = 1

    def request(self):
        both = {"chosen_lengths": self.lengths[: self.n].tolist(), "rejected_lengths": self.lengths[self.n :].tolist()}
        names = ("chosen", "rejected", "ref_chosen", "ref_rejected")
        return {"op": "preference_loss", **both, **{name: getattr(self, name).tolist() for name in names}}

    def outputs(self, log_probs):
        """What TRL's model returns for the sums `log_probs`."""
        tokens = torch.cat([log_probs[:, None], torch.zeros(len(log_probs), 8)], 1)
        other = torch.zeros(tokens.shape)
        return types.SimpleNamespace(log_probs=tokens, entropy=other, mean_logits=other, is_top1=other.bool())

    def inputs(self):
        mask = torch.tensor(self.mask)
        return {"input_ids": torch.zeros_like(mask), "attention_mask": torch.ones_like(mask), "completion_mask": mask}


def trl_pair_loss(driver, tally, trl, rng, wild):
    pairs = Pairs(rng, wild)
    beta, smoothing, tau = 0.1 + rng.random(), 0.05 + 0.3 * rng.random(), 0.05
    for name in TRL_PAIRS:
        policy = torch.tensor(np.concatenate([pairs.chosen, pairs.rejected]), requires_grad=True)
        self = trainer(
            beta=beta, label_smoothing=smoothing, loss_types=[name], loss_weights=[1.0], ld_alpha=None,
            f_divergence_type="reverse_kl", precompute_ref_logps=True, use_weighting=False, _total_train_tokens=0,
            args=types.SimpleNamespace(discopop_tau=tau),
        )
        references = {
            "ref_chosen_logps": torch.tensor(pairs.ref_chosen),
            "ref_rejected_logps": torch.tensor(pairs.ref_rejected),
        }
        loss = trl.DPOTrainer._compute_loss(
            self, lambda **_: pairs.outputs(policy), {**pairs.inputs(), **references}, False
        )
        loss.backward()
        config = {"beta": beta, "label_smoothing": smoothing, "length_normalize": name == "ipo", "tau": tau, "delta": 0}
        if name in ("sigmoid", "hinge", "ipo"):
            config["label_smoothing"] = 0.0  # TRL smooths none of these
        answer = driver(**pairs.request(), loss=name, config=config)
        what = "TRL preference_loss " + name
        tally.compare(what, answer, "loss", loss.item())
        tally.compare(what, answer, "gradient_chosen", policy.grad[: pairs.n].numpy())
        tally.compare(what, answer, "gradient_rejected", policy.grad[pairs.n :].numpy())
        for side in ("chosen", "rejected"):
            ours = {"mean": float(np.mean(answer.get(side + "_rewards", [np.nan])))}
            tally.compare(what, ours, "mean", self._metrics["eval"]["rewards/" + side][0])


def trl_kto_loss(driver, tally, trl, rng, wild):
    pairs = Pairs(rng, wild)
    n = 2 * pairs.n
    labels = rng.random(n) < 0.5
    kl = rng.normal(0.0, 1.0, n)
    reference = np.concatenate([pairs.ref_chosen, pairs.ref_rejected])
    policy = torch.tensor(np.concatenate([pairs.chosen, pairs.rejected]), requires_grad=True)
    self = trainer(
        beta=0.3, loss_type="kto", calculate_KL=True, precompute_ref_logps=True, desirable_weight=1.3,
        undesirable_weight=0.7, _compute_kl_logps=lambda *_: torch.tensor(kl), _total_train_tokens=0,
    )
    given = {
        **pairs.inputs(), "label": torch.tensor(labels), "ref_logps": torch.tensor(reference),
        "ref_KL_logps": torch.zeros(n),
    }
    loss = trl.KTOTrainer._compute_loss(self, lambda **_: pairs.outputs(policy), given, False)
    loss.backward()
    answer = driver(
        op="preference_loss", loss="kto", labels=labels.tolist(), policy=policy.tolist(), ref=reference.tolist(),
        kl=float(kl.mean()), config={"beta": 0.3, "desirable_weight": 1.3, "undesirable_weight": 0.7},
    )
    tally.compare("TRL preference_loss kto", answer, "loss", loss.item())
    tally.compare("TRL preference_loss kto", answer, "gradient", policy.grad.numpy())


def trl_reference_free(driver, tally, trl, rng, wild):
    pairs = Pairs(rng, False)
    sums = {"simpo": "simpo", "sigmoid": "cpo"}
    for theirs, ours in [*sums.items(), ("orpo", "orpo")]:
        chosen = torch.tensor(pairs.chosen, requires_grad=True)
        rejected = torch.tensor(pairs.rejected, requires_grad=True)
        self = trainer(alpha=0.0, beta=0.7, simpo_gamma=0.4, label_smoothing=0.1, loss_type=theirs)
        if ours == "orpo":
            with mock.patch.object(torch.Tensor, "float", lambda tensor: tensor):  # their formula in double
                losses = -trl.ORPOTrainer.odds_ratio_loss(self, chosen, rejected)[0]
        else:
            losses = trl.CPOTrainer.cpo_loss(self, chosen, rejected)[0]
        losses.mean().backward()
        request = {**pairs.request(), "chosen_lengths": [1] * pairs.n, "rejected_lengths": [1] * pairs.n}
        smoothing = 0.0 if ours == "orpo" else 0.1
        answer = driver(**request, loss=ours, config={"beta": 0.7, "gamma": 0.4, "label_smoothing": smoothing})
        what = "TRL preference_loss " + ours
        tally.compare(what, answer, "losses", losses.detach().numpy())
        tally.compare(what, answer, "gradient_chosen", chosen.grad.numpy())
        tally.compare(what, answer, "gradient_rejected", rejected.grad.numpy())


# --- verl --------------------------------------------------------------------------------------------------

VERL_AVERAGES = {
    "token-mean": {"aggregation": "token_mean"},
    "seq-mean-token-sum": {"aggregation": "sequence_mean_token_sum"},
    "seq-mean-token-mean": {"aggregation": "sequence_mean_token_mean"},
    "seq-mean-token-sum-norm": {"aggregation": "sequence_mean_token_sum_norm"},
}


def verl_policy(driver, tally, verl, rng, wild):
    batch = Batch(rng, wild)
    settings = object.__new__(verl.ActorConfig)  # its other fields are of no matter to the losses
    for name, value in {
        "clip_ratio": 0.2, "clip_ratio_low": 0.2, "clip_ratio_high": 0.28, "clip_ratio_c": 3.0, "tau_pos": 1.0,
        "tau_neg": 1.05, "global_batch_info": {},
    }.items():
        object.__setattr__(settings, name, value)
    clip, limit = {"clip_low": 0.2, "clip_high": 0.28}, {"log_ratio_limit": 20}
    questions = [
        ("vanilla", "ppo", {**clip, **limit, "dual_clip": 3.0}),
        ("vanilla", "grpo", {**clip, **limit, "dual_clip": 3.0}),
        ("gspo", "gspo_token", {**clip, "log_ratio_limit": 10}),
        ("sapo", "sapo", {**limit, "temperature_pos": 1.0, "temperature_neg": 1.05}),
        ("cispo", "cispo", {**clip, **limit, "clip_counting": "outside"}),
        ("gpg", "gpg", {}),
        ("gpg", "reinforce", {}),
    ]
    for theirs, ours, config in questions:
        for mode, average in VERL_AVERAGES.items():
            if theirs == "sapo" and mode != "seq-mean-token-mean":
                continue  # verl takes this one whatever it is told
            new = torch.tensor(batch.new, requires_grad=True)
            each = torch.tensor(batch.advantages)[:, None].expand(new.shape)
            loss, metrics = getattr(verl.algos, "compute_policy_loss_" + theirs)(
                torch.tensor(batch.old), new, each, torch.tensor(batch.mask), loss_agg_mode=mode, config=settings
            )
            loss.backward()
            answer = driver(**batch.request, algorithm=ours, config={**config, **average, "skip_empty": True})
            what = f"verl policy_loss {ours} {mode}"
            compare_policy_loss(tally, what, answer, loss, new.grad, batch)
            if theirs in ("vanilla", "gspo", "cispo"):
                tally.compare(what, answer, "metrics.clip_fraction", metrics["actor/pg_clipfrac"])


def verl_kl_and_values(driver, tally, verl, rng, wild):
    batch = Batch(rng, wild)
    new, ref, mask = torch.tensor(batch.new), torch.tensor(batch.ref), torch.tensor(batch.mask)
    for name in ("k1", "k2", "abs", "low_var_kl"):
        answer = driver(op="kl", log_probs=batch.rows(new), ref_log_probs=batch.rows(ref), estimator=name)
        theirs = verl.algos.kl_penalty(new, ref, name).numpy()
        tally.compare("verl kl " + name, flattened(answer, "kl"), "kl", batch.flat(theirs))
    values = torch.tensor(rng.normal(0, 1, batch.new.shape), requires_grad=True)
    returns, old = rng.normal(0, 1, values.shape), values.detach().numpy() + rng.normal(0, 0.4, values.shape)
    for mode, average in VERL_AVERAGES.items():
        values.grad = None
        loss, share = verl.algos.compute_value_loss(
            values, torch.tensor(returns), torch.tensor(old), mask, 0.2, loss_agg_mode=mode
        )
        loss.backward()
        answer = driver(
            op="value_loss", values=batch.rows(values.detach()), old_values=batch.rows(old),
            returns=batch.rows(returns), mask=batch.rows(mask), config={"clip_range": 0.2, **average},
        )
        what = "verl value_loss " + mode
        compare_policy_loss(tally, what, answer, loss, values.grad, batch)
        tally.compare(what, answer, "metrics.clip_fraction", share.item())


def verl_advantages(driver, tally, verl, rng, wild):
    batch = Batch(rng)
    rows, shape = len(batch.advantages), batch.new.shape
    mask = torch.tensor(batch.mask)
    groups = np.repeat(np.arange(rows // 2), 2) if rng.random() < 0.5 else np.zeros(rows, int)
    rewards = rng.normal(0, 1, rows)
    at_first = torch.zeros(shape)
    at_first[:, 0] = torch.tensor(rewards)
    counted = {"rewards": rewards.tolist(), "groups": groups.tolist(), "mask": batch.rows(mask)}
    questions = [
        ("grpo", "grpo", {"eps": 1e-6}, {}),
        ("grpo", "grpo", {"eps": 1e-6, "scale": "none"}, {"norm_adv_by_std_in_grpo": False}),
        ("rloo", "rloo", {}, {}),
        ("opo", "opo", {}, {}),
        ("gpg", "gpg", {}, {}),
        ("reinforce_plus_plus_baseline", "reinforce_plus_plus_baseline", {}, {}),
    ]
    for theirs, ours, config, options in questions:
        function = getattr(verl.algos, f"compute_{theirs}_outcome_advantage")
        expected, _ = function(at_first.clone(), mask, groups, **options)
        answer = driver(op="advantages", estimator=ours, config=config, **counted)
        tally.compare("verl advantages " + ours, answer, "advantages", expected[:, 0].numpy())
    baselines = rng.normal(0, 1, rows)
    expected, _ = verl.algos.compute_remax_outcome_advantage(at_first, torch.tensor(baselines), mask)
    answer = driver(op="advantages", estimator="remax", baselines=baselines.tolist(), **counted)
    tally.compare("verl advantages remax", answer, "advantages", expected[:, 0].numpy())

    by_token, values = rng.normal(0, 1, shape), rng.normal(0, 1, shape)
    both = {
        "gae": verl.algos.compute_gae_advantage_return(torch.tensor(by_token), torch.tensor(values), mask, 0.97, 0.9),
        "reinforce_plus_plus": verl.algos.compute_reinforce_plus_plus_outcome_advantage(
            torch.tensor(by_token), mask, types.SimpleNamespace(gamma=0.9)
        ),
    }
    for name, (advantages, returns) in both.items():
        config = {"gamma": 0.97, "lambda": 0.9, "whiten": True} if name == "gae" else {"gamma": 0.9}
        answer = driver(
            op="advantages", estimator=name, rewards=batch.rows(by_token), values=batch.rows(values),
            mask=batch.rows(mask), config={**config, "masked": "carry"},
        )
        for field, expected in (("advantages", advantages), ("returns", returns)):
            theirs = batch.flat((expected * mask).numpy())
            tally.compare("verl advantages " + name, flattened(answer, field), field, theirs)


# --- all ---------------------------------------------------------------------------------------------------


def imported(what, names):
    """The named things, or the reason why they cannot be had."""
    try:
        with contextlib.redirect_stdout(sys.stderr):
            found = {name: (importlib.import_module(path), part) for name, (path, part) in names.items()}
            return types.SimpleNamespace(
                **{name: getattr(module, part) if part else module for name, (module, part) in found.items()}
            )
    except Exception as problem:  # whatever a half-installed package throws
        return f"{what}: {type(problem).__name__}: {problem}"


def main():
    if len(sys.argv) < 2:
        sys.exit(__doc__)
    rounds = int(sys.argv[2]) if len(sys.argv) > 2 else 20
    trl = imported(
        "TRL",
        {
            "GRPOTrainer": ("trl", "GRPOTrainer"),
            "DPOTrainer": ("trl", "DPOTrainer"),
            "KTOTrainer": ("trl.trainer.kto_trainer", "KTOTrainer"),
            "CPOTrainer": ("trl.experimental.cpo", "CPOTrainer"),
            "ORPOTrainer": ("trl.experimental.orpo", "ORPOTrainer"),
        },
    )
    verl = imported(
        "verl",
        {"algos": ("verl.trainer.ppo.core_algos", None), "ActorConfig": ("verl.workers.config", "ActorConfig")},
    )
    recbole = imported(
        "RecBole",
        {
            "Collector": ("recbole.evaluator", "Collector"),
            "Evaluator": ("recbole.evaluator", "Evaluator"),
            "torch": ("torch", None),
        },
    )
    rapidfuzz = imported(
        "rapidfuzz", {"LCSseq": ("rapidfuzz.distance", "LCSseq"), "Indel": ("rapidfuzz.distance", "Indel")}
    )
    transformers = imported(
        "transformers",
        {name: ("transformers", name) for name in ("Qwen2Config", "Qwen3Config", "LlamaConfig", "AutoModelForCausalLM")},
    )
    suites = [
        (transformers, (models.language_models,)),
        (trl, (trl_policy, trl_pair_loss, trl_kto_loss, trl_reference_free)),
        (verl, (verl_policy, verl_kl_and_values, verl_advantages)),
        (recbole, (ranked_lists.recbole_metrics,)),
        (rapidfuzz, (ranked_lists.rapidfuzz_lcs,)),
    ]
    missing = [peer for peer, _ in suites if isinstance(peer, str)]
    if len(missing) == len(suites):
        skip("; ".join(missing))
    driver, tally = Driver(sys.argv[1]), Tally()
    for seed in range(rounds):
        for peer, questions in suites:
            for question in questions if not isinstance(peer, str) else ():
                try:
                    question(driver, tally, peer, np.random.default_rng(seed), wild=seed % 3 == 2)
                except AssertionError:
                    raise
                except Exception as problem:
                    raise RuntimeError(f"{question.__name__}, seed {seed}") from problem
    for what in sorted({*tally.agreed, *tally.differ}):
        print(f"{what}: {tally.agreed[what]} agree, {tally.differ[what]} differ")
    for reason in missing:
        print(f"not compared: {reason}")
    agreed, differ = tally.agreed.total(), tally.differ.total()
    print(f"{agreed + differ} comparisons, {agreed} agree, {differ} do not; seeds 0 to {rounds - 1}")
    sys.exit(1 if differ or not agreed else 0)


if __name__ == "__main__":
    main()
