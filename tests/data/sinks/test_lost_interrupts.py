"""An interrupt that Python drops, in a callback of the garbage collector, ends the load at its next step."""

from __future__ import annotations

import gc
import io
import signal
import sys
import threading
from typing import TYPE_CHECKING, Any

import pandas as pd
import pytest
from loads import pages, read, write
from loopback_api import Reply, as_json

from nbauth.data.fetch.prefetch import _Line
from nbauth.data.paging.page import Page
from nbauth.data.sinks.frame import FrameSink
from nbauth.errors import ApiError, ReadInterrupted

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator
    from pathlib import Path

    from loopback_api import Seen, Server

    from nbauth.data.fetch.session import Session


class Collector:
    """Interrupts in a callback of the collector, as often as it is told to."""

    def __init__(self) -> None:
        self.dropped: list[Any] = []
        self._is_armed = False

    def interrupt(self) -> None:
        """Collect, and have an interrupt come meanwhile."""
        before = len(self.dropped)
        self._is_armed = True
        hook, sys.unraisablehook = sys.unraisablehook, self.dropped.append
        try:
            gc.collect()
        finally:
            sys.unraisablehook = hook
        assert [type(each.exc_value) for each in self.dropped[before:]] == [KeyboardInterrupt]

    def callback(self, phase: str, _: object) -> None:
        """Be what the collector calls."""
        if self._is_armed and phase == "start" and threading.current_thread() is threading.main_thread():
            self._is_armed = False
            signal.raise_signal(signal.SIGINT)


@pytest.fixture
def collector() -> Iterator[Collector]:
    """The collector; afterwards, Python's own handler of interrupts is there, as before."""
    before = signal.signal(signal.SIGINT, signal.default_int_handler)
    collector = Collector()
    gc.callbacks.append(collector.callback)
    yield collector
    gc.callbacks.remove(collector.callback)
    assert signal.signal(signal.SIGINT, before) is signal.default_int_handler


@pytest.fixture
def when_called(monkeypatch: pytest.MonkeyPatch) -> Callable[..., None]:
    """A function that has something done before a method is called for the n-th time."""

    def before(owner: Any, name: str, do: Callable[[], None], *, nth: int = 1) -> None:
        real, calls = getattr(owner, name), []

        def method(*args: Any, **options: Any) -> Any:
            calls.append(name)
            if len(calls) == nth:
                do()
            return real(*args, **options)

        monkeypatch.setattr(owner, name, method)

    return before


class Interrupting:
    """Is told of a load; interrupts it in the collector once rows came."""

    def __init__(self, collector: Collector, rows: int) -> None:
        self._collector, self._rows = collector, rows
        self.outcomes: list[str] = []

    def update(self, *, rows: int, **_: object) -> None:
        """Interrupt once."""
        is_main = threading.current_thread() is threading.main_thread()
        if is_main and rows >= self._rows and not self._collector.dropped:
            self._collector.interrupt()

    def wait(self, seconds: float, why: str) -> None:
        """Do nothing."""

    hint = wait

    def finish(self, outcome: str) -> None:
        """Keep how it ended."""
        self.outcomes.append(outcome)


def _chain(seen: Seen) -> Reply:
    """Answer with pages of two rows that do not end."""
    start = int(seen.path.partition("after=")[2] or 0)
    return as_json({"value": [{"id": start}, {"id": start + 1}], "nextLink": f"/x?after={start + 2}"})


@pytest.mark.parametrize("concurrency", [1, 4])
@pytest.mark.parametrize("rows", [2, 10])
def test_pages_of_json(session: Session, api: Server, collector: Collector, rows: int, concurrency: int) -> None:
    """What was read is there, each row once."""
    api.routes["/x"] = _chain
    watch = Interrupting(collector, rows)
    with pytest.raises(ReadInterrupted) as caught:
        read(session, f"{api.origin}/x", concurrency=concurrency, progress=watch)
    ids = caught.value.partial["id"].tolist()
    assert ids == list(range(len(ids)))
    assert len(ids) >= rows
    assert watch.outcomes == ["interrupted"]


def test_several_urls(session: Session, api: Server, collector: Collector) -> None:
    """The URLs before are whole in what was read."""
    api.routes["/first"], api.routes["/x"] = as_json([{"id": -2}, {"id": -1}]), _chain
    with pytest.raises(ReadInterrupted) as caught:
        read(session, [f"{api.origin}/first", f"{api.origin}/x"], progress=Interrupting(collector, 2))
    ids = caught.value.partial["id"].tolist()
    assert ids == list(range(-2, len(ids) - 2))


@pytest.mark.parametrize("options", [{}, {"csv": {}}])
def test_csv(
    session: Session, api: Server, collector: Collector, when_called: Callable[..., None], options: dict[str, Any]
) -> None:
    """A table ends before its next piece is waited for."""
    lines = ["id", *map(str, range(1_000_000))]
    api.routes["/x"] = Reply("\n".join(lines).encode(), content_type="text/csv")
    when_called(_Line, "take", collector.interrupt, nth=2)
    with pytest.raises(ReadInterrupted) as caught:
        read(session, f"{api.origin}/x", **options)
    ids = caught.value.partial["id"].tolist()
    assert ids == list(range(len(ids)))
    assert 0 < len(ids) < 1_000_000


def test_lines_of_json(session: Session, api: Server, collector: Collector) -> None:
    """Lines end before the next ones are waited for."""
    lines = [f'{{"id": {number}}}' for number in range(50_000)]
    api.routes["/x"] = Reply("\n".join(lines).encode(), content_type="application/x-ndjson")
    with pytest.raises(ReadInterrupted) as caught:
        read(session, f"{api.origin}/x", progress=Interrupting(collector, 1))
    ids = caught.value.partial["id"].tolist()
    assert ids == list(range(len(ids)))
    assert 0 < len(ids) < 50_000


def test_parquet(session: Session, api: Server, collector: Collector) -> None:
    """A file that comes whole is there, as after an interrupt that comes when it has been read."""
    file = io.BytesIO()
    pd.DataFrame({"id": [1, 2]}).to_parquet(file)
    api.routes["/x"] = Reply(file.getvalue(), content_type="application/vnd.apache.parquet")
    with pytest.raises(ReadInterrupted) as caught:
        read(session, f"{api.origin}/x", progress=Interrupting(collector, 2))
    assert caught.value.partial["id"].tolist() == [1, 2]


def test_while_the_frame_is_made(
    session: Session, api: Server, collector: Collector, when_called: Callable[..., None]
) -> None:
    """What comes behind the last page is heard, too."""
    api.routes["/x"] = as_json([{"id": 1}, {"id": 2}])
    when_called(FrameSink, "frame", collector.interrupt)
    with pytest.raises(ReadInterrupted) as caught:
        read(session, f"{api.origin}/x")
    assert caught.value.partial["id"].tolist() == [1, 2]


def test_page_by_page(session: Session, api: Server, collector: Collector, when_called: Callable[..., None]) -> None:
    """Pages end before the page that is being made; between pages, interrupts are the caller's as ever."""
    api.routes["/x"] = _chain
    when_called(Page, "append_to", collector.interrupt, nth=3)
    each = pages(session, f"{api.origin}/x")
    seen: list[int] = []

    def take_all() -> None:
        for page in each:
            assert signal.getsignal(signal.SIGINT) is signal.default_int_handler
            seen.extend(page["id"].tolist())

    with pytest.raises(ReadInterrupted):
        take_all()
    assert seen == [0, 1, 2, 3]
    api.routes["/x"] = as_json([{"id": 1}])
    assert [page["id"].tolist() for page in pages(session, f"{api.origin}/x")] == [[1]]


def test_to_parquet(
    session: Session, api: Server, collector: Collector, tmp_path: Path, when_called: Callable[..., None]
) -> None:
    """Pages that came are kept, and the same call goes on after them."""

    def answer(seen: Seen) -> Reply:
        start = int(seen.path.partition("after=")[2] or 0)
        further = {"nextLink": f"/x?after={start + 1}"} if start < 5 else {}
        return as_json({"value": [{"id": start}], **further})

    api.routes["/x"] = answer
    when_called(Page, "append_to", collector.interrupt, nth=2)
    with pytest.raises(ReadInterrupted, match=r"rows of .* are kept"):
        write(session, f"{api.origin}/x", tmp_path / "d.parquet")
    write(session, f"{api.origin}/x", tmp_path / "d.parquet")
    assert pd.read_parquet(tmp_path / "d.parquet")["id"].tolist() == list(range(6))


def test_the_next_load_is_its_own(session: Session, api: Server, collector: Collector) -> None:
    """An interrupt ends one load, and an error leaves the handler as it was."""
    api.routes["/x"], api.routes["/y"] = _chain, as_json([{"id": 1}])
    with pytest.raises(ReadInterrupted):
        read(session, f"{api.origin}/x", progress=Interrupting(collector, 2))
    assert signal.getsignal(signal.SIGINT) is signal.default_int_handler
    assert len(read(session, f"{api.origin}/y")) == 1
    with pytest.raises(ApiError):
        read(session, f"{api.origin}/missing")
    assert signal.getsignal(signal.SIGINT) is signal.default_int_handler


def test_the_page_behind_which_an_interrupt_comes(
    session: Session, api: Server, collector: Collector, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A page that was taken in is not taken in again, whenever the interrupt comes."""
    api.routes["/x"] = _chain
    monkeypatch.setattr("nbauth.data.fetch.prefetch.raise_lost_interrupt", lambda: signal.raise_signal(signal.SIGINT))
    with pytest.raises(ReadInterrupted) as caught:
        read(session, f"{api.origin}/x")
    ids = caught.value.partial["id"].tolist()
    assert ids == list(range(len(ids)))
    assert ids[:2] == [0, 1]


def test_a_load_within_a_load(session: Session, api: Server, collector: Collector) -> None:
    """An interrupt of a load that somebody makes while they are told of another one is not that one's."""
    api.routes["/x"], api.routes["/y"] = _chain, as_json([{"id": 1}, {"id": 2}])
    partial: list[Any] = []

    class Within(Interrupting):
        def update(self, *, rows: int, **_: object) -> None:
            if rows and not partial:
                with pytest.raises(ReadInterrupted) as caught:
                    read(session, f"{api.origin}/x", progress=Interrupting(collector, 2))
                partial.append(caught.value.partial)

    assert read(session, f"{api.origin}/y", progress=Within(collector, 0))["id"].tolist() == [1, 2]
    assert len(partial) == 1


def test_somebody_elses_handler(session: Session, api: Server, collector: Collector) -> None:
    """A handler that somebody has set is theirs: before a load, and while it runs."""
    api.routes["/x"] = as_json([{"id": 1}])
    signal.signal(signal.SIGINT, handler := lambda *_: None)
    read(session, f"{api.origin}/x")
    assert signal.getsignal(signal.SIGINT) is handler
    signal.signal(signal.SIGINT, signal.default_int_handler)

    class Setting(Interrupting):
        def update(self, **_: object) -> None:
            if threading.current_thread() is threading.main_thread():
                signal.signal(signal.SIGINT, handler)

    read(session, f"{api.origin}/x", progress=Setting(collector, 0))
    assert signal.signal(signal.SIGINT, signal.default_int_handler) is handler
