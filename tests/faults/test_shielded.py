"""What an interrupt meets while a kernel imports, and while threads start."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import threading
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import TYPE_CHECKING, Any

import pytest

from nbauth.data.fetch.ordered_pool import OrderedPool
from nbauth.data.fetch.prefetch import prefetched
from nbauth.process import shielded
from nbauth.process.shielded import load
from nbauth.signin.flows.serving import Serving

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

# The first read of a kernel, which is interrupted meanwhile; then a second one.
_FIRST_READ = """
import os, signal, sys, threading, time
import nbauth

came = []

def soon():
    while not any(name.startswith(sys.argv[1]) for name in list(sys.modules)):
        time.sleep(0.0005)
    os.kill(os.getpid(), signal.SIGINT)

def read():
    try:
        nbauth.read("https://api.example/x")
    except nbauth.errors.ConfigError:
        return "read"

threading.Thread(target=soon, daemon=True).start()
try:
    read()
    time.sleep(20)
except KeyboardInterrupt:
    print("interrupted", flush=True)
print(read(), flush=True)
import numpy, pandas, pyarrow, msgspec, requests
print(len(pandas.DataFrame({"a": numpy.zeros(3)}).convert_dtypes(dtype_backend="pyarrow")), flush=True)
"""


@pytest.mark.parametrize("reached", ["numpy._core._multi", "pandas._libs.tslibs", "pyarrow.lib"])
def test_interrupt_in_the_first_read(reached: str) -> None:
    """An interrupt while the first read imports what it needs leaves a kernel in which the next read works."""
    ended = subprocess.run(
        [sys.executable, "-c", _FIRST_READ, reached], capture_output=True, text=True, timeout=100, check=False
    )
    assert (ended.stdout.split(), ended.stderr) == (["interrupted", "read", "3"], "")


def test_an_import_that_fails() -> None:
    """An import that fails raises what it raises where it was asked for, each time."""
    for _ in range(2):
        with pytest.raises(ImportError, match="no_such_module"):
            load("no_such_module")


def test_the_wait_is_interrupted() -> None:
    """An interrupt ends the wait at once; the work goes on to its end."""
    go_on, done = threading.Event(), threading.Event()

    def work() -> None:
        os.kill(os.getpid(), signal.SIGINT)
        go_on.wait(10)
        done.set()

    with pytest.raises(KeyboardInterrupt):
        shielded.shielded(work)
    assert not done.is_set()
    go_on.set()
    assert done.wait(10)


class _Handler(BaseHTTPRequestHandler):
    """Answers nothing."""


def _listening() -> ThreadingHTTPServer:
    return ThreadingHTTPServer(("127.0.0.1", 0), _Handler)


def _endless() -> Iterator[int]:
    while True:
        yield 1


def _ahead() -> None:
    next(prefetched(_endless(), size=lambda _: 1, stop=lambda: None, pending=[], is_eager=True))


def _in_order() -> None:
    OrderedPool(lambda number: number, range(1_000), at_once=4)


def _serving() -> None:
    Serving(_listening(), name="nbauth-listener").start()


@pytest.mark.parametrize("start", [_ahead, _in_order, _serving])
def test_interrupt_while_a_thread_starts(
    start: Callable[[], None], monkeypatch: pytest.MonkeyPatch, eventually: Callable[[Callable[[], bool]], None]
) -> None:
    """A thread whose start was interrupted ends by itself: nobody else knows of it."""
    begin = threading.Thread.start

    def interrupted(thread: threading.Thread) -> None:
        begin(thread)
        raise KeyboardInterrupt

    with monkeypatch.context() as patch:
        patch.setattr(threading.Thread, "start", interrupted)
        with pytest.raises(KeyboardInterrupt):
            start()
    eventually(lambda: not [t for t in threading.enumerate() if t.name in ("nbauth-fetch", "nbauth-listener")])


def test_a_port_is_free_after_an_interrupted_end(
    monkeypatch: pytest.MonkeyPatch, eventually: Callable[[Callable[[], bool]], None]
) -> None:
    """A listener's port is free also if the wait for its end is interrupted."""
    server = _listening()
    serving = Serving(server, name="nbauth-listener")
    serving.start()

    def interrupted(*_: Any) -> None:
        raise KeyboardInterrupt

    with monkeypatch.context() as patch:
        patch.setattr(threading.Event, "wait", interrupted)
        with pytest.raises(KeyboardInterrupt):
            serving.end()
    eventually(lambda: server.fileno() == -1)
