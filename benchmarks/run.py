"""Measures start-up, token look-ups and loads against the alternatives, prints tables and writes charts.

`python run.py [--quick] [--only startup lookup loads] [--workloads NAME ...] [--readme]`. Each contender of a
workload runs in a fresh process, in interleaved rounds; ratios are taken within a round and their median is shown, so
that whatever else the machine does weighs on both sides. All contenders of a workload must bring the same rows, value
by value.
"""

import argparse
import io
import json
import subprocess
import sys
import time
from pathlib import Path
from urllib.request import urlopen

import report
import startup
from by_nbauth import PERSON_S
from by_parquet import COLUMNS
from report import NO_CONTENDERS, Results
from servers import HERE, Servers, serving
from workloads import ROWS, WORKLOADS, Workload


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


def loads(names: list[str], sizes: list[int] | None, rounds: int, *, quick: bool) -> Results:
    results: Results = {}
    with serving() as servers:
        wanted = wanted_mb(servers)
        for name in names:
            small = [WORKLOADS[name].quick] if WORKLOADS[name].quick else []
            for rows in small if quick else sizes or WORKLOADS[name].sizes:
                found = results[name, rows] = measure(name, rows, rounds, servers)
                for one in (one for ones in found.values() for one in ones):
                    one["wanted_mb"] = wanted
                print(f"{report.table({(name, rows): found})}\n", flush=True)  # a long run may be stopped
    return results


def check() -> None:
    """See that every row names what there is."""
    for name, contender, other, _, _ in ROWS:
        unknown = {contender, other} - set(WORKLOADS[name].who) - set(NO_CONTENDERS)
        if unknown:
            sys.exit(f"workloads.py: {name!r} has no {unknown}")


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--quick", action="store_true", help="less data, two rounds")
    parser.add_argument("--only", nargs="+", choices=("startup", "lookup", "loads"), help="all of them")
    parser.add_argument("--workloads", nargs="+", choices=list(WORKLOADS), help="all of them", metavar="NAME")
    parser.add_argument("--rows", type=int, nargs="+", help="each workload's own")
    parser.add_argument("--rounds", type=int, help="5; with --quick 2")
    parser.add_argument("--out", type=Path, default=HERE, help="where results.md, results.json and charts go")
    parser.add_argument("--readme", action="store_true", help="put tables and charts into the README, too")
    chosen = parser.parse_args()
    check()
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
    text = f"{report.table(results)}\n\n{report.absolute(results)}\n"
    print(f"{text}\n{time.monotonic() - began:.0f} s; a person took {PERSON_S:.0f} s to sign in.")
    chosen.out.mkdir(parents=True, exist_ok=True)
    (chosen.out / "results.md").write_text(text)
    (chosen.out / "results.json").write_text(json.dumps([[*key, found] for key, found in results.items()]))
    for out in {chosen.out, HERE} if chosen.readme else {chosen.out}:
        report.chart_of_chains(results, out / "loading.png")
        report.chart_of_ratios(results, out / "against.png")
    if chosen.readme:
        report.write_readme(results)


if __name__ == "__main__":
    main()
