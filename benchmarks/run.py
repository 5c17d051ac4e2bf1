"""Measures start-up, token look-ups and loads against the alternatives, prints tables and writes a chart.

`python run.py [--quick] [--only startup lookup loads] [--rows N ...]`. Each case of a load runs in a fresh process, in
interleaved rounds; ratios are taken within a round and their median is shown, so that whatever else the machine does
weighs on both sides. All cases of a data set must bring the same rows.
"""

import argparse
import json
import statistics
import subprocess
import sys
from contextlib import contextmanager
from pathlib import Path

import startup

HERE = Path(__file__).parent
CHAIN = ("naive loop", "json_normalize", "dlt", "azure-core", "httpx", "aiohttp", "floor")
# What is measured, against what, in which figure, and the design's targets.
ROWS = (
    ("nbauth", "naive loop", "seconds", "0.45; 0.30"),
    ("nbauth", "json_normalize", "seconds", "0.40; 0.27"),
    ("nbauth", "dlt", "seconds", "0.35; 0.25"),
    ("nbauth", "azure-core", "seconds", ""),
    ("nbauth", "httpx", "seconds", ""),
    ("nbauth", "aiohttp", "seconds", ""),
    ("nbauth", "floor", "seconds", "1.9; 1.4"),
    ("nbauth without extra", "naive loop", "seconds", ""),
    ("nbauth", "naive loop", "cpu_s", ""),
    ("20 ms: nbauth", "20 ms: floor", "seconds", "1.10"),
    ("20 ms: nbauth", "20 ms: naive loop", "seconds", ""),
    ("offset, 20 ms: nbauth, 8 at once", "offset, 20 ms: naive loop", "seconds", "1/6; 1/8.5"),
    ("nbauth", "its frame", "peak_mb", "1.6"),
    ("nbauth, Arrow dtypes", "its frame", "peak_mb", "1.5"),
    ("naive loop", "its frame", "peak_mb", ""),
    ("nbauth to Parquet", "1 MB", "peak_mb", "60"),
    ("CSV: nbauth", "CSV: pd.read_csv(url)", "seconds", "0.9"),
    ("CSV: nbauth", "CSV: pd.read_csv(url)", "peak_mb", "0.6"),
    # The same work: nbauth's columns of times are times.
    ("CSV: nbauth", "CSV: pd.read_csv(url, parse_dates)", "seconds", "0.9"),
    ("CSV: nbauth", "CSV: pd.read_csv(url, parse_dates)", "peak_mb", "0.6"),
    ("NDJSON: nbauth", "NDJSON: pd.read_json(url)", "seconds", "0.4"),
    ("NDJSON: nbauth", "NDJSON: pd.read_json(url)", "peak_mb", "0.12"),
)
FIGURES = {"seconds": "time", "cpu_s": "CPU", "peak_mb": "memory"}
SLOW_ROWS = 100_000  # what takes 20 ms a page need not be longer


@contextmanager
def serving(rows: int):
    server = subprocess.Popen([sys.executable, HERE / "data_server.py", str(rows)], stdout=subprocess.PIPE, text=True)
    try:
        yield f"http://127.0.0.1:{int(server.stdout.readline())}"
    finally:
        server.kill()
        server.wait()


def run(case: str, base: str) -> dict:
    done = subprocess.run(
        [sys.executable, HERE / "cases.py", case, base], capture_output=True, text=True, timeout=900, check=False
    )
    if done.returncode:
        sys.exit(f"{case} failed:\n{done.stderr}")
    return json.loads(done.stdout.splitlines()[-1])


def cases_for(rows: int) -> list[str]:
    named = dict.fromkeys(name for row in ROWS for name in row[:2] if name not in ("its frame", "1 MB"))
    return [name for name in named if rows <= SLOW_ROWS or "20 ms" not in name]


def measure(rows: int, rounds: int) -> dict[str, list[dict]]:
    found: dict[str, list[dict]] = {}
    with serving(rows) as base:
        for number in range(rounds):
            for case in cases_for(rows):
                found.setdefault(case, []).append(run(case, base))
                print(
                    f"\r{rows:,} rows, round {number + 1} of {rounds}: {case:40}", end="", file=sys.stderr, flush=True
                )
    print(file=sys.stderr)
    prints = {case: {one["fingerprint"] for one in ones} for case, ones in found.items()}
    reference = prints["naive loop"]
    different = [case for case, seen in prints.items() if seen != reference]
    if different:
        sys.exit(f"not the same rows as the naive loop: {', '.join(different)}")
    return found


def ratio(found: dict[str, list[dict]], case: str, other: str, figure: str) -> float | None:
    if case not in found:
        return None
    ratios = []
    for number, one in enumerate(found[case]):
        fixed = {"its frame": one["frame_mb"], "1 MB": 1.0}
        ratios.append(one[figure] / (fixed[other] if other in fixed else found[other][number][figure]))
    return statistics.median(ratios)


def table(results: dict[int, dict[str, list[dict]]]) -> str:
    head = ["what", "against", "figure", *(f"{rows:,} rows" for rows in results), "target"]
    lines = [head, ["---"] * len(head)]
    for case, other, figure, target in ROWS:
        cells = [ratio(found, case, other, figure) for found in results.values()]
        shown = ["" if cell is None else f"{cell:.2f}" for cell in cells]
        lines.append([case, other, FIGURES[figure], *shown, target])
    return "\n".join(f"| {' | '.join(line)} |" for line in lines)


def absolute(results: dict[int, dict[str, list[dict]]]) -> str:
    lines = ["| case | rows | seconds | CPU s | memory MB | frame MB |", "| --- | --- | --- | --- | --- | --- |"]
    for rows, found in results.items():
        for case, ones in found.items():
            middle = [
                statistics.median(one[name] for one in ones) for name in ("seconds", "cpu_s", "peak_mb", "frame_mb")
            ]
            lines.append(f"| {case} | {rows:,} | " + " | ".join(f"{value:.2f}" for value in middle) + " |")
    return "\n".join(lines)


def chart(results: dict[int, dict[str, list[dict]]], path: Path) -> None:
    import matplotlib as mpl

    mpl.use("Agg")
    import matplotlib.pyplot as plt

    rows, found = max(results.items())
    names = [name for name in ("floor", "nbauth", "nbauth without extra", *CHAIN[:-1]) if name in found]
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


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--quick", action="store_true", help="one small data set, three rounds")
    parser.add_argument("--only", nargs="+", choices=("startup", "lookup", "loads"), help="all of them")
    parser.add_argument("--rows", type=int, nargs="+", default=[10_000, 100_000, 1_000_000])
    parser.add_argument("--rounds", type=int, default=5)
    parser.add_argument("--out", type=Path, default=HERE, help="where results.md, results.json and loading.png go")
    chosen = parser.parse_args()
    only = chosen.only or ("startup", "lookup", "loads")
    if "startup" in only:
        print(f"{startup.table(5 if chosen.quick else 15)}\n", flush=True)
    if "lookup" in only:
        lookup = [sys.executable, HERE / "token_lookup.py", "--rounds", "3" if chosen.quick else "15"]
        print(subprocess.run(lookup, check=True, capture_output=True, text=True).stdout, flush=True)
    if "loads" not in only:
        return
    sizes, rounds = ([20_000], 3) if chosen.quick else (chosen.rows, chosen.rounds)
    results: dict[int, dict[str, list[dict]]] = {}
    for rows in sizes:
        results[rows] = measure(rows, rounds)
        print(f"{table({rows: results[rows]})}\n", flush=True)  # a long run may be stopped
    text = f"{table(results)}\n\n{absolute(results)}\n"
    print(text)
    chosen.out.mkdir(parents=True, exist_ok=True)
    (chosen.out / "results.md").write_text(text)
    (chosen.out / "results.json").write_text(json.dumps(results))
    chart(results, chosen.out / "loading.png")


if __name__ == "__main__":
    main()
