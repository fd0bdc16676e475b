"""The peer of metric_bench: RecBole's Collector and Evaluator on the same scores.

512 users' scores of every item, histories masked, in one batch: Recall, Precision, hit rate, NDCG, MAP and MRR at four
cutoffs. Writes one line of JSON: "seconds" of the processor of an evaluation over ITEMS, the best of 5, and "check",
its Recall@10 and NDCG@10; where the library is not there it says so: "left_out".

    pip install recbole==1.2.1 torch==2.13.0
    OMP_NUM_THREADS=1 python benchmarks/peers/recbole_evaluator.py
"""

import json
import sys
import time

try:
    import numpy
    import torch

    numpy.float = float  # RecBole was written for a numpy that had it
    import recbole
    from recbole.evaluator import Collector, Evaluator
except ImportError as missing:
    sys.exit(print(json.dumps({"left_out": str(missing)})))

USERS, SEEN, STEPS = 512, 8, 2**22
SETTINGS = {
    "metrics": ["Recall", "Precision", "Hit", "NDCG", "MAP", "MRR"],
    "topk": [5, 10, 20, 50],
    "metric_decimal_place": 12,
    "eval_args": {"mode": "full"},
    "device": "cpu",
}


def scores_of(items):
    """Scores, and the rows and columns of what is relevant and what is masked, as metric_bench.cpp has them."""
    u, i = torch.arange(USERS)[:, None], torch.arange(items)[None]
    scores = 2 * ((7919 * u + 104729 * i + 31 * i * i + 17 * u * i) % 2147483647 % STEPS)
    relevant = (13 * u + 101 * torch.arange(5)) % items
    history = (13 * u + 101 * torch.arange(SEEN) + 50) % items
    rank = (u[:, 0] % 100).double() + 0.5
    scores[u[:, 0], relevant[:, 0]] = 2 * ((1 - rank / items) * STEPS).long() + 1
    return (scores / (2 * STEPS)).float(), relevant, history


def evaluate(scores, relevant, history):
    collector, evaluator = Collector(SETTINGS), Evaluator(SETTINGS)
    rows = torch.arange(USERS)[:, None]
    masked = scores.clone()
    masked[rows, history] = -torch.inf
    collector.eval_batch_collect(masked, None, rows.expand_as(relevant), relevant)
    return evaluator.evaluate(collector.get_data_struct())


result, check = {}, {}
for items in (1682, 12101, 62423):
    given = scores_of(items)
    times = []
    for _ in range(5):
        start = time.process_time()
        figures = evaluate(*given)
        times.append(time.process_time() - start)
    result[f"RecBole/{items}"] = min(times)
    check[str(items)] = [float(figures["recall@10"]), float(figures["ndcg@10"])]
print(json.dumps({"versions": {"recbole": recbole.__version__}, "seconds": result, "check": check}))
