"""The peer of lcs_plain: rapidfuzz's LCSseq on the same lists.

One call from Python a pair, the best of 20 rounds; and the mean of a matrix of pairs that is computed without
going back to Python (cdist), several pairs to a SIMD register where lists have at most 64 items. Writes one line of
JSON: "seconds" of the processor a pair of call/LENGTH and cdist/LENGTH, "check" with the sum over the pairs of each
length; where the library is not there it says so: "left_out".
"""

import json
import sys
import time

try:
    from rapidfuzz import __version__, process
    from rapidfuzz.distance import LCSseq
except ImportError as missing:
    sys.exit(print(json.dumps({"left_out": str(missing)})))


def items(count, kinds, seed):
    """As reward_bench's some_items()."""
    chosen = list(range(kinds))
    for i in range(count):
        seed = (seed * 6364136223846793005 + 1442695040888963407) % 2**64
        other = i + (seed >> 33) % (kinds - i)
        chosen[i], chosen[other] = chosen[other], chosen[i]
    return chosen[:count]


def seconds(work):
    start = time.process_time()
    work()
    return time.process_time() - start


result, sums = {}, {}
for length in (10, 50, 200, 1000):
    lists = [items(length, 2 * length, i) for i in range(64)]
    pairs = [(lists[i], lists[(7 * i + 1) % 64]) for i in range(64)]
    sums[length] = [sum(LCSseq.similarity(a, b) for a, b in pairs)]
    rounds = max(1, 200 // length)

    def calls():
        for _ in range(rounds):
            for a, b in pairs:
                LCSseq.similarity(a, b)

    def matrix():
        process.cdist(lists, lists, scorer=LCSseq.similarity, workers=1)

    matrix()
    result[f"call/{length}"] = min(seconds(calls) for _ in range(20)) / (64 * rounds)
    result[f"cdist/{length}"] = min(seconds(matrix) for _ in range(5)) / 64**2
print(json.dumps({"versions": {"rapidfuzz": __version__}, "seconds": result, "check": sums}))
