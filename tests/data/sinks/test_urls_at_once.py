"""Several URLs that are asked for at once: what comes is what one after another would bring."""

from __future__ import annotations

import json
import signal
import threading
import time
from typing import TYPE_CHECKING, Any

import pandas as pd
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from loads import read
from loopback_api import Reply, as_json
from played_api import ORIGIN, Answer, session_of

from nbauth.data import readers
from nbauth.data.paging import ahead
from nbauth.data.query import Query
from nbauth.errors import ApiError, AssumptionWarning, NbauthError, ReadInterrupted

if TYPE_CHECKING:
    from collections.abc import Callable

    from loopback_api import Seen, Server
    from played_api import Asked

    from nbauth.data.fetch.session import Session

COUNT = 24


def _numbered(api: Server, count: int = COUNT, answer: Callable[[int, Seen], Reply] | None = None) -> list[str]:
    """Serve numbers at ``/0``, ``/1`` and on; return the URLs."""

    def of(number: int) -> Callable[[Seen], Reply]:
        return lambda seen: as_json([{"id": number}]) if answer is None else answer(number, seen)

    api.routes.update({f"/{number}": of(number) for number in range(count)})
    return [f"{api.origin}/{number}" for number in range(count)]


def _ends() -> None:
    """Make sure that no thread goes on."""
    for thread in threading.enumerate():
        if thread.name == "nbauth-fetch":
            thread.join(10)
            assert not thread.is_alive()


@pytest.mark.parametrize(("options", "at_once"), [({}, 8), ({"concurrency": 3}, 3), ({"concurrency": 10}, 10)])
def test_so_many_at_once(session: Session, api: Server, options: dict[str, Any], at_once: int) -> None:
    """Eight URLs are asked for at once, or as many as the caller says; rows come in the URLs' order."""
    meet, lock = threading.Barrier(at_once), threading.Lock()
    now: list[int] = []
    most = 0

    def answer(number: int, seen: Seen) -> Reply:
        nonlocal most
        with lock:
            now.append(number)
            most = max(most, len(now))
        if number < at_once:
            meet.wait(20)
            time.sleep(0.01 * (at_once - number))  # the last one comes first
        with lock:
            now.remove(number)
        return as_json([{"id": number}])

    assert read(session, _numbered(api, answer=answer), **options)["id"].tolist() == list(range(COUNT))
    assert most == at_once
    assert sorted(seen.path for seen in api.seen) == sorted(f"/{number}" for number in range(COUNT))
    _ends()


@pytest.mark.parametrize("options", [{"concurrency": 1}, {"json": {"q": 1}}], ids=["said", "posted"])
def test_one_after_another(session: Session, api: Server, options: dict[str, Any]) -> None:
    """Where the caller wants it, and of what is posted, nothing is asked for before the URL before it was read."""
    urls = _numbered(api, 4, lambda number, seen: as_json([{"id": 1}]) if number < 2 else Reply(b"", 404))
    with pytest.raises(ApiError, match="/2 answered 404"):
        read(session, urls, **options)
    assert [seen.path for seen in api.seen] == ["/0", "/1", "/2"]


def test_what_a_number_means() -> None:
    """The number is shared by URLs and their pages."""
    url = "https://api.example.com/"
    expected = {
        (1, None): (1, 1),
        (1, 4): (1, 4),
        (3, None): (3, 1),
        (24, None): (8, 1),
        (3, 8): (3, 2),
        (24, 8): (8, 1),
    }
    for (count, concurrency), numbers in expected.items():
        query = Query([url] * count, concurrency=concurrency)
        assert (query.urls_at_once, query.pages_at_once) == numbers


def test_pages_of_each(session: Session, api: Server) -> None:
    """Further pages of the next URLs come early, too, and stand in order."""
    meet = threading.Barrier(3)
    for name in "abc":
        api.routes[f"/{name}"] = as_json({"value": [{"at": f"{name}1"}], "nextLink": f"/{name}2"})

        def second(seen: Seen, name: str = name) -> Reply:
            meet.wait(20)
            return as_json({"value": [{"at": f"{name}2"}]})

        api.routes[f"/{name}2"] = second
    frame = read(session, [f"{api.origin}/{name}" for name in "abc"])
    assert frame["at"].tolist() == ["a1", "a2", "b1", "b2", "c1", "c2"]


def test_the_first_error_counts(session: Session, api: Server) -> None:
    """The first URL's error is raised, though a later one fails sooner; rows before it are in it, none behind it."""
    late = threading.Event()

    def answer(number: int, seen: Seen) -> Reply:
        if number == 3:
            late.wait(20)
            return Reply(b"", 404)
        if number == 6:
            late.set()
            return Reply(b"", 410)
        return as_json([{"id": number}])

    with pytest.raises(ApiError, match="/3 answered 404") as caught:
        read(session, _numbered(api, answer=answer))
    assert caught.value.partial["id"].tolist() == [0, 1, 2]
    assert len(api.seen) < COUNT
    _ends()


def test_interrupted(session: Session, api: Server) -> None:
    """An interrupt ends all of it at once; the rows of the URLs before are in the error."""
    hold = threading.Event()

    def answer(number: int, seen: Seen) -> Reply:
        if number == 2:
            threading.Timer(0.3, signal.pthread_kill, (threading.main_thread().ident, signal.SIGINT)).start()
        if number >= 2:
            hold.wait(20)
        return as_json([{"id": number}])

    began = time.monotonic()
    with pytest.raises(ReadInterrupted) as caught:
        read(session, _numbered(api, answer=answer))
    assert time.monotonic() - began < 10
    assert caught.value.partial["id"].tolist() == [0, 1]
    hold.set()
    _ends()


def test_a_limit_of_one(session: Session, api: Server) -> None:
    """An API that takes one request at a time is read to its end: whoever was refused waits for those before it."""
    lock = threading.Lock()

    def answer(number: int, seen: Seen) -> Reply:
        if not lock.acquire(blocking=False):
            return Reply(b"", 429, headers={"retry-after-ms": "50"})
        try:
            time.sleep(0.01)
            return as_json([{"id": number}])
        finally:
            lock.release()

    frame = read(session, _numbered(api, answer=answer))
    assert frame["id"].tolist() == list(range(COUNT))


@pytest.mark.parametrize("length", ["announced", "chunked"])
def test_little_waits_in_memory(session: Session, api: Server, monkeypatch: pytest.MonkeyPatch, length: str) -> None:
    """While one URL is slow, no more of the others is fetched than may wait."""
    monkeypatch.setattr(readers, "_MOST_BYTES", 500_000)
    go_on = threading.Event()

    def answer(number: int, seen: Seen) -> Reply:
        if number == 0:
            time.sleep(0.5)
            asked.append(len(api.seen))
        body = json.dumps([{"id": number, "text": "x" * 200_000}]).encode()
        return Reply(body, chunks=[body] if length == "chunked" else None)

    asked: list[int] = []
    frame = read(session, _numbered(api, 12, answer), concurrency=2)
    go_on.set()
    assert frame["id"].tolist() == list(range(12))
    assert asked[0] <= 5


def test_a_file_that_waited_long(session: Session, api: Server, monkeypatch: pytest.MonkeyPatch) -> None:
    """A file whose connection may have ended while it waited for its turn is asked for again; no row comes twice."""
    monkeypatch.setattr(ahead, "_STALE_S", -1.0)
    rows = 50_000
    body = b"id\n" + b"".join(b"%d\n" % number for number in range(rows))

    def answer(number: int, seen: Seen) -> Reply:
        return Reply(body, content_type="text/csv")

    frame = read(session, _numbered(api, 4, answer))
    assert frame["id"].tolist() == list(range(rows)) * 4


def test_a_file_that_breaks_off(session: Session, api: Server) -> None:
    """Files that break off are read again, also those that were begun early."""
    cut: set[int] = set()

    def answer(number: int, seen: Seen) -> Reply:
        body = b"id\n" + b"".join(b"%d\n" % row for row in range(20_000))
        if number in cut:
            return Reply(body, content_type="text/csv")
        cut.add(number)
        return Reply(body[:50_000], content_type="text/csv", announce=len(body))

    frame = read(session, _numbered(api, 9, answer))
    assert frame["id"].tolist() == list(range(20_000)) * 9


def test_what_is_assumed_is_said_in_order(session: Session, api: Server) -> None:
    """What is taken for granted is said in the order of the URLs, however they come."""

    def answer(number: int, seen: Seen) -> Reply:
        time.sleep(0.02 * (4 - number))
        return as_json([{"id": row} for row in range(100)])

    with pytest.warns(AssumptionWarning) as said:
        read(session, _numbered(api, 4, answer))
    assert [str(one.message).split(":")[2].split("/")[1] for one in said] == ["0", "1", "2", "3"]


_ROWS = st.lists(
    st.fixed_dictionaries({"id": st.integers(0, 9), "v": st.sampled_from([1, 2.5, "x", None])}), max_size=4
)
_DOCUMENTS = st.one_of(
    _ROWS.map(Answer),
    _ROWS.map(
        lambda rows: Answer(
            "".join(f"{json.dumps(row)}\n" for row in rows).encode(), content_type="application/x-ndjson"
        )
    ),
    _ROWS.map(
        lambda rows: Answer(
            pd.DataFrame(rows, columns=["id", "v"]).to_csv(index=False).encode(), content_type="text/csv"
        )
    ),
    st.tuples(_ROWS, _ROWS).map(lambda pair: Answer({"value": pair[0], "nextLink": pair[1]})),
    st.sampled_from([Answer(b"{", status=200), Answer({"error": "no"}, status=404), Answer(b"", status=200)]),
)


def _outcome(answers: list[Answer], concurrency: int) -> tuple[Any, ...]:
    """Return what a load comes to: the rows and dtypes, or the error and its rows."""

    def api(asked: Asked) -> Answer:
        number = int(asked.path.strip("/"))
        answer = answers[number]
        if isinstance(answer.content, dict) and "value" in answer.content:
            if "second" in asked.query:
                return Answer({"value": answer.content["nextLink"]})
            return Answer({"value": answer.content["value"], "nextLink": f"/{number}?second=1"})
        return answer

    try:
        with session_of(api) as session:
            frame = read(session, [f"{ORIGIN}/{number}" for number in range(len(answers))], concurrency=concurrency)
    except NbauthError as error:
        frame, what = error.partial, (type(error), str(error))
    else:
        what = ()
    shown = None if frame is None else (frame.to_dict("list").__repr__(), frame.dtypes.astype(str).to_dict())
    return what, shown


@settings(deadline=None, max_examples=60)
@given(st.lists(_DOCUMENTS, min_size=1, max_size=12), st.integers(2, 10))
def test_the_same_as_one_after_another(answers: list[Answer], concurrency: int) -> None:
    """Whatever the URLs answer, in pages, lines and tables, the rows, dtypes and errors are those of one by one."""
    assert _outcome(answers, concurrency) == _outcome(answers, 1)
