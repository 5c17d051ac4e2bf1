"""What was measured as tables and charts."""

import os
import platform
import statistics
import textwrap
from importlib.metadata import version
from pathlib import Path

from servers import HERE
from workloads import ROWS, WORKLOADS

FIGURES = {"seconds": "wall", "cpu_s": "CPU", "peak_mb": "memory", "received_mb": "bytes"}
NO_CONTENDERS = ("itself", "1", "wanted")

MARKS = ("<!-- written by run.py --readme -->", "<!-- to here -->")

# What was measured: by the workload and its rows, of each contender a figure's value each round.
Results = dict[tuple[str, int], dict[str, list[dict]]]


def ratio(found: dict[str, list[dict]], contender: str, other: str, figure: str) -> float:
    ratios = []
    for number, one in enumerate(found[contender]):
        fixed = {"itself": one["frame_mb"], "1": 1.0, "wanted": one.get("wanted_mb", 1.0)}
        ratios.append(one[figure] / (fixed[other] if other in fixed else found[other][number][figure]))
    return statistics.median(ratios)


def shown(found: dict[str, list[dict]], contender: str, other: str, figure: str) -> str:
    value = ratio(found, contender, other, figure)
    unit = {"seconds": " s", "peak_mb": " MB"}[figure] if other == "1" else ""
    return f"{value:.2f}{unit}"


def table(results: Results) -> str:
    """Return the ratios; beside the one that has a target, those of wall and CPU."""
    head = ["what", "who", "against", "figure", "found", "target; then", "wall", "CPU"]
    lines = [head, ["---"] * len(head)]
    for (name, rows), found in results.items():
        for workload, contender, other, figure, target in ROWS:
            if workload != name:
                continue
            beside = [
                "" if other in NO_CONTENDERS else shown(found, contender, other, one) for one in ("seconds", "cpu_s")
            ]
            what = name if len(WORKLOADS[name].sizes) == 1 else f"{name}, {rows:,} rows"
            value = shown(found, contender, other, figure)
            lines.append([what, contender, other, FIGURES[figure], value, target, *beside])
    return "\n".join(f"| {' | '.join(line)} |" for line in lines)


def absolute(results: Results) -> str:
    names = ("seconds", "cpu_s", "peak_mb", "frame_mb", "received_mb", "requests")
    lines = [
        "| what | rows | who | ms | CPU ms | memory MB | frame MB | MB received | requests |",
        "| --- | --- | --- | --- | --- | --- | --- | --- | --- |",
    ]
    for (workload, _), found in results.items():
        for contender, ones in found.items():
            seconds, cpu_s, *others, requests = (statistics.median(one[name] for one in ones) for name in names)
            times = [f"{seconds * 1000:,.0f}", f"{cpu_s * 1000:,.0f}"]
            cells = [*times, *(f"{value:,.1f}" for value in others), f"{requests:,.0f}"]
            rows = int(ones[0]["fingerprint"].split()[0])  # of several URLs, all; of a small read, few
            lines.append(f"| {workload} | {rows:,} | {contender} | {' | '.join(cells)} |")
    return "\n".join(lines)


def chart_of_chains(results: Results, path: Path) -> None:
    """Write the chains of the largest size, in seconds and memory."""
    import matplotlib.pyplot as plt

    chains = {rows: found for (name, rows), found in results.items() if name == "1,000-row pages"}
    if not chains:
        return
    rows, found = max(chains.items())
    names = [name for name in found if "Parquet" not in name and "Arrow" not in name and name != "rows once"]
    names.sort(key=lambda name: statistics.median(one["seconds"] for one in found[name]))
    figure, axes = plt.subplots(1, 2, figsize=(11, 4.2), constrained_layout=True)
    for axis, key, title in ((axes[0], "seconds", "seconds"), (axes[1], "peak_mb", "memory above the start, MB")):
        values = [statistics.median(one[key] for one in found[name]) for name in names]
        colours = ["#0b5cad" if name.startswith("nbauth") else "#b8b4aa" for name in names]
        bars = axis.barh(names[::-1], values[::-1], color=colours[::-1])
        axis.bar_label(bars, fmt="%.2f" if key == "seconds" else "%.0f", padding=3)
        axis.set_title(title)
        axis.spines[["top", "right"]].set_visible(False)
        axis.margins(x=0.12)
    figure.suptitle(f"{rows:,} rows behind a chain of next links, 1,000 a page")
    figure.savefig(path, dpi=150)


def chart_of_ratios(results: Results, path: Path) -> None:
    """Write what has a target, in the figure that it is for, as a part of what the other one takes."""
    import matplotlib.pyplot as plt

    bars: dict[str, float] = {}
    for (name, _), found in results.items():  # of several sizes the largest stays
        for workload, contender, other, figure, target in ROWS:
            if workload == name and target and other not in NO_CONTENDERS:
                label = f"{name}: {contender} / {other} ({FIGURES[figure]})"
                bars[label] = ratio(found, contender, other, figure)
    figure, axis = plt.subplots(figsize=(11, 0.3 * len(bars) + 1), constrained_layout=True)
    drawn = axis.barh(list(bars)[::-1], list(bars.values())[::-1], color="#0b5cad")
    axis.bar_label(drawn, fmt="%.2f", padding=3)
    axis.axvline(1, color="#b8b4aa")
    axis.spines[["top", "right"]].set_visible(False)
    axis.margins(x=0.08, y=0.01)
    figure.suptitle("nbauth beside another way to the same rows, which takes 1")
    figure.savefig(path, dpi=110)


def machine(results: Results) -> str:
    """Return what it was measured on, and in how many rounds."""
    rounds = min(len(ones) for found in results.values() for ones in found.values())
    facts = Path("/proc/cpuinfo").read_text()
    model = next((line.partition(": ")[2] for line in facts.splitlines() if line.startswith("model name")), "?")
    busy = ", ".join(f"{load:.1f}" for load in os.getloadavg())
    versions = ", ".join(f"{name} {version(name)}" for name in ("pandas", "pyarrow", "requests"))
    found = (
        f"{os.cpu_count()} cores of {model}, load {busy} at the end, {platform.system()}, "
        f"Python {platform.python_version()}, {versions}; medians of {rounds} rounds:"
    )
    return textwrap.fill(found, 120)


def write_readme(results: Results) -> None:
    """Put the tables and the charts into the README, where the last ones are."""
    readme = HERE / "README.md"
    before, rest = readme.read_text().split(MARKS[0])
    _, after = rest.split(MARKS[1])
    charts = "![Seconds and memory of a chain](loading.png)\n\n![nbauth beside other ways](against.png)"
    parts = (MARKS[0], machine(results), table(results), charts, absolute(results), MARKS[1])
    readme.write_text(before + "\n\n".join(parts) + after)
