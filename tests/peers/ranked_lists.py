"""The questions of parity.py about metrics and list rewards: RecBole's evaluator and rapidfuzz's LCS.

Written for RecBole 1.2.1 and rapidfuzz 3.14. Both agree within 1e-9.
"""

import numpy as np

TOLERANCE = 1e-9


class Settings(dict):
    """What RecBole's evaluator reads of its Config: a setting that is absent is None."""

    __getitem__ = dict.get


def recbole_figures(recbole, torch, scores, relevant, metrics, counts=None, **settings):
    """RecBole's figures of a full ranking, by its Collector and Evaluator; -inf scores are masked."""
    for name, kind in (("float", float), ("bool", bool)):  # as its Config does, for a NumPy without them
        if not hasattr(np, name):
            setattr(np, name, kind)
    config = Settings(
        metrics=metrics, metric_decimal_place=15, device="cpu", eval_args={"mode": {"valid": "full", "test": "full"}},
        **settings,
    )
    collector = recbole.Collector(config)
    rows = [user for user, items in enumerate(relevant) for _ in items]
    if metrics == ["AUC"]:
        seen = np.isfinite(scores)
        labels = np.zeros(scores.shape)
        labels[rows, np.concatenate(relevant)] = 1
        collector.data_struct.set("rec.score", torch.tensor(scores[seen]))
        collector.data_struct.set("data.label", torch.tensor(labels[seen]))
    else:
        collector.data_struct.set("data.num_items", scores.shape[1])
        collector.data_struct.set("data.count_items", counts)
        collector.eval_batch_collect(
            torch.tensor(scores), None, torch.tensor(rows), torch.tensor(np.concatenate(relevant))
        )
    return recbole.Evaluator(config).evaluate(collector.data_struct)


def recbole_metrics(driver, tally, peers, rng, wild):
    """Users with one to many relevant items, the history masked; `wild`: scores with many ties (for AUC)."""
    users, items = int(rng.integers(2, 9)), int(rng.integers(30, 80))
    cuts = [1, 5, int(rng.integers(8, 20))]
    scores = rng.normal(0, 1, (users, items))
    orders = [1 + rng.permutation(items - 1) for _ in range(users)]
    relevant = [order[: rng.integers(1, 25)].tolist() for order in orders]
    # Item 0 is RecBole's padding: masked for everyone, an item of the catalogue all the same.
    history = [[0, *order[25 : 25 + rng.integers(0, 4)].tolist()] for order in orders]
    counts = {int(item): int(rng.integers(1, 9)) for item in 1 + rng.permutation(items - 1)[: items - 5]}
    asked = {"op": "metric", "scores": scores.tolist(), "history": history, "relevant": relevant}
    asked |= {"catalogue_size": items, "popularity": {str(item): count for item, count in counts.items()}}

    def masked(scores):
        theirs = scores.copy()
        for user, seen in enumerate(history):
            theirs[user, seen] = -np.inf
        return theirs

    questions = [
        ("Hit", "hit_rate", {}, {}),
        ("Recall", "recall", {}, {}),
        ("Precision", "precision", {}, {}),
        ("NDCG", "ndcg", {}, {}),
        ("MRR", "mrr", {}, {}),
        ("MAP", "map", {}, {}),
        ("ItemCoverage", "coverage", {}, {}),
        ("AveragePopularity", "average_popularity", {}, {}),
        ("ShannonEntropy", "entropy", {"scale": "per_reached"}, {}),
        ("GiniIndex", "gini", {}, {}),
        ("TailPercentage", "tail_share", {"size": 0.1}, {}),
        ("TailPercentage", "tail_share", {"size": 0.35}, {"tail_ratio": 0.35}),
        ("TailPercentage", "tail_share", {"rule": "at_most", "size": 3}, {"tail_ratio": 3}),
    ]
    for theirs, ours, config, settings in questions:
        figures = recbole_figures(
            peers, peers.torch, masked(scores), relevant, [theirs], counts, topk=cuts, **settings
        )
        for k in cuts:
            request = dict(asked)
            if ours == "tail_share":  # RecBole sorts ties by number, the driver by name
                request = named_with_zeros(asked, peers.torch.topk(peers.torch.tensor(masked(scores)), k).indices)
            answer = driver(**request, metric=ours, k=k, config=config)
            tally.compare(f"RecBole metric {ours}", answer, "value", figures[f"{theirs.lower()}@{k}"], TOLERANCE)

    tied = np.round(scores, 0 if wild else 1)
    for theirs, average in (("GAUC", "relevant"), ("AUC", "pooled")):
        figures = recbole_figures(peers, peers.torch, masked(tied), relevant, [theirs], topk=cuts)
        answer = driver(**{**asked, "scores": tied.tolist()}, metric="auc", config={"average": average})
        tally.compare(f"RecBole metric auc, average {average}", answer, "value", figures[theirs.lower()], TOLERANCE)


def named_with_zeros(asked, ranked):
    """The request for lists of item names that sort as the numbers do."""
    name = "{:04}".format
    return {
        "op": "metric",
        "ranked": [[name(item) for item in row] for row in ranked.tolist()],
        "popularity": {name(int(item)): count for item, count in asked["popularity"].items()},
    }


def rapidfuzz_lcs(driver, tally, peers, rng, wild):
    """500 pairs of lists; 20 rounds are the 10,000 pairs."""
    for _ in range(500):
        longest, alphabet = int(rng.choice([4, 20, 70, 200])), int(rng.choice([2, 5, 30, 1000]))
        one, other = (rng.integers(0, alphabet, rng.integers(1, longest + 1)).tolist() for _ in range(2))
        if rng.random() < 0.1:  # an edited copy
            other = [item for item in one if rng.random() < 0.9] or [0]
        common = peers.LCSseq.similarity(one, other)
        asked = {"op": "reward", "completion": {"items": one}, "context": {"target": other}}
        plain = driver(**asked, reward="lcs", config={"weights": "uniform", "normalize": False})
        tally.compare("rapidfuzz reward lcs", plain, "value", common, 0)
        normalised = driver(**asked, reward="lcs", config={"weights": "uniform"})
        # Theirs is over the longer list, ours over the shorter, the most that can be common.
        share = peers.LCSseq.normalized_similarity(one, other) * max(len(one), len(other))
        tally.compare("rapidfuzz reward lcs, normalised", normalised, "value", share / min(len(one), len(other)), 1e-12)
        balanced = driver(**asked, reward="rouge_l")
        theirs = peers.Indel.normalized_similarity(one, other)
        tally.compare("rapidfuzz reward rouge_l", balanced, "value", theirs, 1e-12)
