"""The limits that compare.py measures ours against: GFLOP/s of a product of two 2048 x 2048 matrices, and GB/s at which
two vectors of 256 MB each are read for their dot product; one thread.

    python benchmarks/peers/product.py

Of the best of ten, by torch, products in float32 and, where the processor has such products, bf16, as one line of JSON.
"""

import json
import time

import torch
from works import HAS_BF16

SIZE, LENGTH, REPEATS = 2048, 64 << 20, 10


def best(work, a, b):
    seconds = []
    for _ in range(1 + REPEATS):
        start = time.perf_counter()
        work(a, b)
        seconds.append(time.perf_counter() - start)
    return min(seconds[1:])


torch.set_num_threads(1)
speeds = {}
for kind in (torch.float32, *[torch.bfloat16] * HAS_BF16):
    a, b = (torch.randn(SIZE, SIZE, generator=torch.manual_seed(i)).to(kind) for i in (1, 2))
    speeds[str(kind).removeprefix("torch.")] = 2e-9 * SIZE**3 / best(torch.mm, a, b)
a, b = torch.ones(LENGTH), torch.ones(LENGTH)
read = 8e-9 * LENGTH / best(torch.dot, a, b)
print(json.dumps({"gflops": speeds, "gigabytes": read, "torch": torch.__version__}))
