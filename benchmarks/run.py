"""Measures start-up, token look-ups and loads against the alternatives, prints tables and writes a chart.

`python run.py [--quick] [--only startup lookup loads] [--workloads NAME ...]`. Each contender of a workload runs in a
fresh process, in interleaved rounds; ratios are taken within a round and their median is shown, so that whatever else
the machine does weighs on both sides. All contenders of a workload must bring the same rows, value by value.
"""

import argparse
import io
import json
import statistics
import subprocess
import sys
import time
from pathlib import Path
from urllib.request import urlopen

import startup
from contenders import COLUMNS, PERSON_S
from servers import HERE, Servers, serving
from workloads import ROWS, WORKLOADS, Workload

FIGURES = {"seconds": "wall", "cpu_s": "CPU", "peak_mb": "memory", "received_mb": "bytes"}
NO_CONTENDERS = ("itself", "1", "wanted")

# What was measured: by the workload and its rows, of each contender a figure's value each round.
Results = dict[tuple[str, int], dict[str, list[dict]]]


def run(workload: str, contender: str, url: str, servers: Servers) -> dict:
    command = [sys.executable, HERE / "cases.py", workload, contender, url]
    done = subprocess.run(
        command, capture_output=True, text=True, timeout=900, check=False, env=servers.environment, cwd=HERE
    )
    if done.returncode:
        sys.exit(f"{workload}, {contender} failed:\n{done.stderr}")
    return json.loads(done.stdout.splitlines()[-1])


def wanted_mb(servers: Servers) -> float:
    """Return the size of the wanted columns."""
    import pyarrow.parquet as pq

    with urlopen(servers.url("/wide.parquet", tls=False, rtt_ms=0)) as answer:
        facts = pq.read_metadata(io.BytesIO(answer.read()))
    chunks = (facts.row_group(group).column(place) for group in range(facts.num_row_groups) for place in range(60))
    return sum(chunk.total_compressed_size for chunk in chunks if chunk.path_in_schema in COLUMNS) / 1e6


def make(chosen: Workload, path: str, servers: Servers) -> None:
    """Have the data made before anything is measured."""
    for number in range(chosen.several or 1):
        urlopen(servers.url(path.format(number=number), tls=False, rtt_ms=chosen.rtt_ms)).close()


def measure(name: str, rows: int, rounds: int, servers: Servers) -> dict[str, list[dict]]:
    chosen = WORKLOADS[name]
    path = chosen.path.replace("{rows}", str(rows))
    make(chosen, path, servers)
    url = servers.url(path, tls=chosen.tls, rtt_ms=chosen.rtt_ms)
    found: dict[str, list[dict]] = {}
    for number in range(rounds):
        for contender in chosen.who:
            found.setdefault(contender, []).append(run(name, contender, url, servers))
            print(f"\r{name}, {rows:,}: round {number + 1}, {contender:40}", end="", file=sys.stderr, flush=True)
    print(file=sys.stderr)
    prints = {contender: {one["fingerprint"] for one in ones} for contender, ones in found.items()}
    reference = next(iter(prints.values()))
    different = [contender for contender, seen in prints.items() if seen != reference or len(seen) > 1]
    if different:
        sys.exit(f"{name}: not the same rows: {', '.join(different)}")
    return found


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
    names = ("seconds", "cpu_s", "peak_mb", "frame_mb", "requests", "received_mb")
    lines = [
        "| what | rows | who | ms | CPU ms | memory MB | frame MB | requests | MB received |",
        "| --- | --- | --- | --- | --- | --- | --- | --- | --- |",
    ]
    for (workload, rows), found in results.items():
        for contender, ones in found.items():
            seconds, cpu_s, *others = (statistics.median(one[name] for one in ones) for name in names)
            cells = [f"{seconds * 1000:,.0f}", f"{cpu_s * 1000:,.0f}", *(f"{value:,.1f}" for value in others)]
            lines.append(f"| {workload} | {rows:,} | {contender} | {' | '.join(cells)} |")
    return "\n".join(lines)


def chart(results: Results, path: Path) -> None:
    """Write the chains of the largest size, in seconds and memory."""
    import matplotlib as mpl

    mpl.use("Agg")
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


def loads(names: list[str], sizes: list[int] | None, rounds: int, *, quick: bool) -> Results:
    results: Results = {}
    with serving() as servers:
        wanted = wanted_mb(servers)
        for name in names:
            for rows in [WORKLOADS[name].quick] if quick else sizes or WORKLOADS[name].sizes:
                found = results[name, rows] = measure(name, rows, rounds, servers)
                for one in (one for ones in found.values() for one in ones):
                    one["wanted_mb"] = wanted
                print(f"{table({(name, rows): found})}\n", flush=True)  # a long run may be stopped
    return results


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--quick", action="store_true", help="less data, two rounds")
    parser.add_argument("--only", nargs="+", choices=("startup", "lookup", "loads"), help="all of them")
    parser.add_argument("--workloads", nargs="+", choices=list(WORKLOADS), help="all of them", metavar="NAME")
    parser.add_argument("--rows", type=int, nargs="+", help="each workload's own")
    parser.add_argument("--rounds", type=int, help="5; with --quick 2")
    parser.add_argument("--out", type=Path, default=HERE, help="where results.md, results.json and loading.png go")
    chosen = parser.parse_args()
    only = chosen.only or (("loads",) if chosen.workloads else ("startup", "lookup", "loads"))
    began = time.monotonic()
    if "startup" in only:
        print(f"{startup.table(5 if chosen.quick else 15)}\n", flush=True)
    if "lookup" in only:
        lookup = [sys.executable, HERE / "token_lookup.py", "--rounds", "3" if chosen.quick else "15"]
        print(subprocess.run(lookup, check=True, capture_output=True, text=True).stdout, flush=True)
    if "loads" not in only:
        return
    rounds = chosen.rounds or (2 if chosen.quick else 5)
    results = loads(chosen.workloads or list(WORKLOADS), chosen.rows, rounds, quick=chosen.quick)
    text = f"{table(results)}\n\n{absolute(results)}\n"
    print(f"{text}\n{time.monotonic() - began:.0f} s; a person took {PERSON_S:.0f} s to sign in.")
    chosen.out.mkdir(parents=True, exist_ok=True)
    (chosen.out / "results.md").write_text(text)
    (chosen.out / "results.json").write_text(json.dumps([[*key, found] for key, found in results.items()]))
    chart(results, chosen.out / "loading.png")


if __name__ == "__main__":
    main()
