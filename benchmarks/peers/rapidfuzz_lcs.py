"""The peer of lcs_plain: rapidfuzz's LCSseq on lists of the same lengths, drawn alike.

One call from Python a pair, the best of 20 rounds; and the mean of a matrix of pairs that is computed without
going back to Python (cdist), several pairs to a SIMD register where lists have at most 64 items.
"""

import random
import time

from rapidfuzz import __version__, process
from rapidfuzz.distance import LCSseq


def seconds(work):
    start = time.perf_counter()
    work()
    return time.perf_counter() - start


print(f"rapidfuzz {__version__}, LCSseq.similarity of lists")
print(f"{'':28}{'call':>10}{'cdist':>12}")
for length in (10, 50, 200, 1000):
    lists = [random.Random(i).sample(range(2 * length), length) for i in range(64)]
    pairs = [(lists[i], lists[(7 * i + 1) % 64]) for i in range(64)]
    rounds = max(1, 200 // length)

    def calls():
        for _ in range(rounds):
            for a, b in pairs:
                LCSseq.similarity(a, b)

    def matrix():
        process.cdist(lists, lists, scorer=LCSseq.similarity, workers=1)

    matrix()
    call = min(seconds(calls) for _ in range(20)) / (64 * rounds)
    cdist = min(seconds(matrix) for _ in range(5)) / 64**2
    print(f"rapidfuzz_lcs/{length:<14}{call * 1e9:7.0f} ns{cdist * 1e9:9.0f} ns")
