"""The limit that compare.py measures ours against: GFLOP/s of a product of two 2048 x 2048 matrices, one thread.

    python benchmarks/peers/product.py

Of the best of ten, by torch, in float32 and, where the processor has such products, bf16, as one line of JSON.
"""

import json
import time

import torch
from works import HAS_BF16

SIZE, REPEATS = 2048, 10


def seconds(a, b):
    start = time.perf_counter()
    torch.mm(a, b)
    return time.perf_counter() - start


torch.set_num_threads(1)
speeds = {}
for kind in (torch.float32, *[torch.bfloat16] * HAS_BF16):
    a, b = (torch.randn(SIZE, SIZE, generator=torch.manual_seed(i)).to(kind) for i in (1, 2))
    seconds(a, b)
    speeds[str(kind).removeprefix("torch.")] = 2e-9 * SIZE**3 / min(seconds(a, b) for _ in range(REPEATS))
print(json.dumps({"gflops": speeds, "torch": torch.__version__}))
