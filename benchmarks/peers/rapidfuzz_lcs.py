"""The peer of lcs_plain: rapidfuzz's LCSseq on lists of the same lengths, drawn alike.

One call from Python a pair, the best of 20 rounds; and the mean of a matrix of pairs that is computed without
going back to Python (cdist), several pairs to a SIMD register where lists have at most 64 items. Writes one line of
JSON: "seconds" of the processor a pair of call/LENGTH and cdist/LENGTH; where the library is not there it says so:
"left_out".
"""

import json
import random
import sys
import time

try:
    from rapidfuzz import __version__, process
    from rapidfuzz.distance import LCSseq
except ImportError as missing:
    sys.exit(print(json.dumps({"left_out": str(missing)})))


def seconds(work):
    start = time.process_time()
    work()
    return time.process_time() - start


result = {}
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
    result[f"call/{length}"] = min(seconds(calls) for _ in range(20)) / (64 * rounds)
    result[f"cdist/{length}"] = min(seconds(matrix) for _ in range(5)) / 64**2
print(json.dumps({"versions": {"rapidfuzz": __version__}, "seconds": result}))
