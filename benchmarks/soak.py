"""A kernel that works and is interrupted all the time: what is left of it afterwards.

    python benchmarks/soak.py --seconds 600

A process of its own signs in, reads, opens, renews and signs out, one after another, and gets real SIGINTs at random
moments. Before and after are counted: its threads, its open files and its memory, and every minute its memory. What the
C library holds without need, because parts of it are in use, is given back at the end (`malloc_trim`): what stays then
is held by somebody.
"""

from __future__ import annotations

import argparse
import contextlib
import ctypes
import gc
import json
import os
import random
import signal
import subprocess
import sys
import tempfile
import threading
import time
from collections import Counter
from pathlib import Path
from typing import Any

_SETTLE_S = 15.0
_MEAN_S = 0.4  # between interrupts
_MINUTE_S = 60.0


class Worker:
    """The process that is interrupted."""

    def __init__(self, api_url: str, ca_file: str, seed: int) -> None:
        import nbauth
        from nbauth import api, kernel
        from nbauth.demo.check import PersonPrompt
        from nbauth.demo.person import Person

        self._errors = nbauth.errors
        self._kernel, self._loading = kernel, api
        self._person = lambda: PersonPrompt(Person("alice", ca_file=ca_file), "alice")
        self._api = api_url
        self._random = random.Random(seed)
        self._folder = Path(tempfile.mkdtemp(prefix="nbauth-soak-"))
        self.done: Counter[str] = Counter()
        self.ended: Counter[str] = Counter()
        self.memory: list[int] = []  # MB, minute by minute
        self._begun = time.monotonic()
        self.operations = {
            "login": lambda: self.login("paste"),
            "login by listener": lambda: self.login("loopback"),
            "json": lambda: api.read(f"{self._api}/sunlight", params={"$top": 500}),
            "json, several at once": lambda: api.read(
                f"{self._api}/sunlight",
                params={"$top": 500, "$count": "true"},
                paging=nbauth.data.paging.Offset(offset="$skip", limit="$top", total="@odata.count"),
                concurrency=4,
            ),
            "csv": lambda: api.read(f"{self._api}/sunlight.csv"),
            "ndjson": lambda: api.read(f"{self._api}/sunlight.ndjson"),
            "parquet": lambda: api.read(f"{self._api}/sunlight.parquet", max_bytes=100_000_000),
            "two": lambda: api.read([f"{self._api}/cities", f"{self._api}/sunlight.csv"]),
            "pages": lambda: [len(page) for page in api.pages(f"{self._api}/sunlight.ndjson")][:3],
            "open": self.open,
            "to": lambda: api.read(f"{self._api}/sunlight", to=self._folder / "sunlight.parquet"),
            "session": self.session,
            "renew": self.renew,
            "sign out": lambda: kernel.logout("demo"),
        }

    def login(self, flow: str) -> None:
        self._loading.login("demo", flow=flow, prompt=self._person(), timeout_s=30)

    def open(self) -> None:
        with self._loading.open(f"{self._api}/sunlight.parquet") as file:
            file.read(10_000)
            file.seek(-1_000, 2)
            file.read()

    def session(self) -> None:
        with self._loading.session("demo") as session:
            session.get(f"{self._api}/me").raise_for_status()

    def renew(self) -> None:
        profile = self._kernel.config().profiles["demo"]
        credential = self._kernel.credential_of(profile, profile.login_scopes)
        credential.token(profile.login_scopes, rejected=credential.token(profile.login_scopes))

    def begin(self) -> None:
        self.done.clear()
        self.ended.clear()
        self._begun = time.monotonic()

    def note_memory(self) -> None:
        if time.monotonic() > self._begun + _MINUTE_S * (len(self.memory) + 1):
            self.memory.append(rss_mb())

    def one(self, name: str) -> None:
        self.done[name] += 1
        try:
            self.operations[name]()
        except KeyboardInterrupt:
            self.ended["interrupted"] += 1
        except self._errors.SignInRequired:
            self.ended["nobody is signed in"] += 1
            with contextlib.suppress(self._errors.SignInCancelled):
                self.login("paste")
        except self._errors.NbauthError as error:
            self.ended[f"{name}: {type(error).__name__}: {error}"[:200]] += 1
        else:
            self.ended["done"] += 1

    def work_until(self, end: float) -> None:
        names = [*self.operations]
        weights = [0.3 if name == "sign out" else 1 for name in names]
        while time.monotonic() < end:
            try:
                self.one(self._random.choices(names, weights)[0])
                self.note_memory()
            except KeyboardInterrupt:
                self.ended["interrupted"] += 1
            except Exception as error:  # noqa: BLE001 - the soak goes on, and tells
                self.ended[f"UNEXPECTED {type(error).__name__}: {error}"[:120]] += 1

    def until(self, end: float) -> None:
        while time.monotonic() < end:
            with contextlib.suppress(KeyboardInterrupt):
                self.work_until(end)


def _target(handle: Path) -> str:
    try:
        target = str(handle.readlink())
    except OSError:  # that of the directory itself
        return ""
    return target.partition(":")[0]


def rss_mb() -> int:
    pages = int(Path("/proc/self/statm").read_text().split()[1])
    return round(pages * os.sysconf("SC_PAGE_SIZE") / 1e6)


def state() -> dict[str, Any]:
    gc.collect()
    held = rss_mb()
    with contextlib.suppress(OSError, AttributeError):  # another C library than glibc
        ctypes.CDLL("libc.so.6").malloc_trim(0)
    files = Counter(filter(None, map(_target, Path("/proc/self/fd").iterdir())))
    return {
        "threads": dict(Counter(thread.name.split("-0")[0] for thread in threading.enumerate())),
        "files": dict(files),
        "rss_mb": held,
        "trimmed_mb": rss_mb(),
        "objects": len(gc.get_objects()),
    }


def settled() -> dict[str, Any]:
    """Return what is left once what ends by itself had time to."""
    sys.last_value = sys.last_traceback = None
    deadline = time.monotonic() + _SETTLE_S
    while time.monotonic() < deadline and any(t.name.startswith("nbauth") for t in threading.enumerate()):
        time.sleep(0.2)
    return state()


def work(seconds: float, api_url: str, ca_file: str, seed: int) -> None:
    signal.signal(signal.SIGINT, signal.default_int_handler)
    worker = Worker(api_url, ca_file, seed)
    worker.login("paste")
    for name in worker.operations:
        if name != "sign out":
            worker.one(name)
    before = settled()
    worker.begin()
    print("ready", flush=True)
    end = time.monotonic() + seconds
    while time.monotonic() < end + 2:  # the last interrupts have come then
        with contextlib.suppress(KeyboardInterrupt):
            worker.until(end)
            time.sleep(0.1)
    after = settled()
    worker.ended["after it"] = 0
    worker.login("paste")
    worker.one("json")
    operations = sum(worker.done.values())
    found = {"before": before, "after": after, "operations": operations, "ended": worker.ended, "memory": worker.memory}
    print(json.dumps(found))


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--seconds", type=float, default=600)
    parser.add_argument("--seed", type=int, default=1)
    parser.add_argument("--worker", nargs=2, help=argparse.SUPPRESS)
    options = parser.parse_args()
    if options.worker:
        work(options.seconds, *options.worker, options.seed)
        return 0
    from nbauth.demo.server import DemoServer

    chance = random.Random(options.seed)
    with DemoServer(rows=20_000) as demo:
        same = ["--seconds", str(options.seconds), "--seed", str(options.seed)]
        process = subprocess.Popen(
            [sys.executable, __file__, *same, "--worker", demo.api_url, str(demo.ca_file)],
            env={**os.environ, "NBAUTH_CONFIG": str(demo.config_path), "NBAUTH_NONINTERACTIVE": ""},
            stdout=subprocess.PIPE,
            text=True,
        )
        assert process.stdout is not None
        assert process.stdout.readline() == "ready\n"
        sent, end = 0, time.monotonic() + options.seconds
        while time.monotonic() < end and process.poll() is None:
            time.sleep(chance.expovariate(1 / _MEAN_S))
            process.send_signal(signal.SIGINT)
            sent += 1
        found = json.loads(process.stdout.read())
        process.wait(60)
    print(f"{found['operations']} operations in {options.seconds:.0f} s, {sent} interrupts; {found['ended']}")
    for when in ("before", "after"):
        one = found[when]
        print(
            f"{when}: {sum(one['threads'].values())} threads {one['threads']}, {one['files']} files, "
            f"{one['objects']:,} objects, {one['rss_mb']} MB, {one['trimmed_mb']} MB trimmed"
        )
    print(f"MB after each minute: {found['memory']}")
    return 0


if __name__ == "__main__":
    sys.exit(main())
