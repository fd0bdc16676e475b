"""Draws what compare.py --growth measured: reads JSON from standard input, writes SVG on standard output.

[{"title": of the x axis, "x": [...], "lines": {name: [seconds, null where none], ...}}, ...]. Both axes are
logarithmic.
"""

import io
import json
import sys

import matplotlib

matplotlib.use("svg")
matplotlib.rcParams |= {"svg.fonttype": "none", "svg.hashsalt": "growth", "font.size": 9}
from matplotlib import pyplot  # noqa: E402: after use()

tables = json.load(sys.stdin)
figure, axes = pyplot.subplots(
    1, len(tables), figsize=(3.6 * len(tables), 2.8), squeeze=False, sharey=True, layout="constrained"
)
for axis, table in zip(axes[0], tables):
    for name, seconds in table["lines"].items():
        points = [(x, y) for x, y in zip(table["x"], seconds) if y is not None]
        axis.plot([x for x, _ in points], [y for _, y in points], "o-", label=name, markersize=4)
    axis.set(xscale="log", yscale="log", xlabel=table["title"], ylabel="seconds")
    axis.set_xticks(table["x"], table["x"])
    axis.minorticks_off()
    axis.grid(True, alpha=0.3)
    axis.legend(frameon=False)
drawn = io.StringIO()
figure.savefig(drawn, format="svg", metadata=dict.fromkeys(("Creator", "Date", "Format", "Type")))
print(drawn.getvalue()[drawn.getvalue().index("<svg") :])
