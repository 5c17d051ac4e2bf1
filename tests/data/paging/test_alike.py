"""Answers that say what the one before said are looked at less closely, and a load comes out as if all were."""

from __future__ import annotations

import json
import warnings
from typing import TYPE_CHECKING, Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from loads import read
from loopback_api import FakeAuthorizer, Reply, serving

from nbauth.data.fetch.session import Session
from nbauth.data.paging import page_look
from nbauth.errors import NbauthError

if TYPE_CHECKING:
    from collections.abc import Iterator

    from loopback_api import Seen, Server

LINK = "@odata.nextLink"
LONG = "n" * 5_000  # short answers are parsed


@pytest.fixture(scope="module")
def server() -> Iterator[Server]:
    """A server that sends what a test says."""
    with serving() as running:
        yield running


@pytest.fixture(scope="module")
def kept(server: Server) -> Iterator[Session]:
    """A session for it."""
    with Session(FakeAuthorizer(server.origin)) as made:
        yield made


def _load(session: Session, server: Server, replies: list[Reply], *, is_off: bool, **options: Any) -> tuple[Any, int]:
    """Return all that a person sees of a load and the server of it, and how many answers were found to be alike."""
    left, count = list(replies), 0
    look_less = page_look.PageLook.look_less

    def see(*args: Any) -> Any:
        nonlocal count
        count += 1
        return look_less(*args)

    def answer(_: Seen) -> Reply:
        return left.pop(0) if left else Reply(b'{"value": []}')

    server.routes["/x"] = server.routes["/y"] = answer
    server.seen.clear()
    with pytest.MonkeyPatch.context() as patch, warnings.catch_warnings(record=True) as warned:
        warnings.simplefilter("always")
        patch.setattr(page_look.PageLook, "look_less", see)
        if is_off:
            patch.setattr(page_look, "alike", lambda *_, **__: None)
        try:
            frame = read(session, server.origin + "/x", **options)
            got: Any = ("frame", frame.to_json(), list(map(str, frame.dtypes)))
        except NbauthError as error:
            partial = getattr(error, "partial", None)
            got = (type(error), str(error), None if partial is None else partial.to_json())
    return (got, [str(one.message) for one in warned], [one.path for one in server.seen]), count


def _compare(session: Session, server: Server, replies: list[Reply], **options: Any) -> int:
    close, none = _load(session, server, replies, is_off=True, **options)
    seen, count = _load(session, server, replies, is_off=False, **options)
    assert not none
    assert seen == close
    return count


def _rows(page: int, count: int = 3) -> list[dict[str, Any]]:
    return [{"id": 10 * page + row, "name": LONG} for row in range(count)]


def _broken(text: str) -> bytes:
    """Return what a server wrote wrong, long enough."""
    return text.replace('"id": 1', f'"id": 1, "name": "{LONG * 3}"').encode()


def _page(rows: Any, link: str | None, *, name: str = LINK, is_first: bool = False, **around: Any) -> Reply:
    members = {"@odata.context": "$metadata#x"} | around if name == LINK else around
    linked = {} if link is None else {name: link}
    document = {**linked, **members, "value": rows} if is_first else {**members, "value": rows, **linked}
    return Reply(json.dumps(document).encode())


@pytest.mark.parametrize("name", [LINK, "nextLink", "next"])
@pytest.mark.parametrize("is_first", [False, True])
def test_a_chain(name: str, *, is_first: bool, kept: Session, server: Server) -> None:
    """All pages between the first and the last one are alike, wherever the address stands."""
    links = [f"/x?page={page}" for page in range(6)]
    replies = [_page(_rows(page), link, name=name, is_first=is_first) for page, link in enumerate(links)]
    assert _compare(kept, server, [*replies, _page(_rows(6), None)]) == 5


def test_with_a_total(kept: Session, server: Server) -> None:
    """Rows are counted all the same, where the answers say how many there are: some are missing here."""
    replies = [_page(_rows(page), f"/x?page={page}", **{"@odata.count": 30}) for page in range(5)]
    assert _compare(kept, server, [*replies, _page(_rows(5), None, **{"@odata.count": 30})]) == 4


@pytest.mark.parametrize(
    "odd",
    [
        _page([], "/x?odd"),
        _page(_rows(3), ""),
        _page(_rows(3), "/x?page=1"),  # a loop
        _page(_rows(3), "https://elsewhere.example/x"),
        _page(_rows(3), "/x?a=[1]"),
        _page(_rows(3), 'a"b\\'),
        _page([1, 2], "/x?odd"),
        _page([[1], [2]], "/x?odd"),
        _page(_rows(2), "/x?odd"),  # rows that came before
        _page([{"error": "broken"}], "/x?odd", name="nextLink"),
        _page(_rows(3), "/x?odd", error={"message": "no"}),
        _page(_rows(3), "/x?odd", hasMore=False),
        _page(_rows(3), "/x?odd", warning="old"),
        _page(_rows(3), "/x?$expand=y"),
        _page([{"id": 1, "y": [], "y@odata.nextLink": "/z"}], "/x?odd"),
        _page("none", "/x?odd"),
        Reply(_broken('{"@odata.context": "$metadata#x", "value": [{"id": 1}], "@odata.nextLink": null}')),
        Reply(_broken('{"@odata.context": "$metadata#x", "value": [{"id": 1}, "@odata.nextLink": "/x?odd"}')),
        Reply(_broken('{"@odata.context": "$metadata#x", "value": [{"id": 1}}], "@odata.nextLink": "/x?odd"}')),
        Reply(_broken('{"@odata.context": "$metadata#x", "value": [{"id": "]"}], "@odata.nextLink": "/x?odd"}')),
        Reply(_broken('{"@odata.context": "$metadata#x", "value": [{"id": 1}], "@odata.nextLink": "/x?odd"} x')),
        Reply(b'{"error": "no"}', 404),
        Reply(b'{"id": "1", "status": "running"}', 202),
        Reply(b"", 204, content_type=None),
        Reply(
            _broken('{"@odata.context": "$metadata#x", "value": [{"id": 1}]}'), content_type="application/problem+json"
        ),
        Reply(b"a,b\n1,2\n", content_type="text/csv"),
    ],
)
@pytest.mark.parametrize("place", [1, 2, 3])
def test_an_odd_one_out(odd: Reply, place: int, kept: Session, server: Server) -> None:
    """One that is different is looked at as closely as ever, and so are those behind it, until two are alike again."""
    replies = [_page(_rows(page), f"/x?page={page}") for page in range(6)]
    replies.insert(place, odd)
    _compare(kept, server, [*replies, _page(_rows(6), None)])


def test_the_same_page_again_and_again(kept: Session, server: Server) -> None:
    """Pages that bring nothing new end a load."""
    replies = [_page(_rows(0), f"/x?page={page}") for page in range(20)]
    assert 0 < _compare(kept, server, replies) < 19


def test_several_at_once(kept: Session, server: Server) -> None:
    """The links of alike answers may be guessed ahead."""

    def answer(seen: Seen) -> Reply:
        page = int(seen.path.partition("page=")[2] or 0)
        return _page(_rows(page), f"/x?page={page + 1}" if page < 30 else None)

    server.routes["/x"] = answer
    frame = read(kept, server.origin + "/x", concurrency=8)
    assert list(frame["id"]) == [row["id"] for page in range(31) for row in _rows(page)]


_VALUES = st.sampled_from(
    [1, 0, None, True, False, "", "x", "ok", "error", "/x?q=1", {}, {"next": "/x"}, {"id": 1}, [], [1]]
)
_NAMES = st.sampled_from(
    ["count", "total", "hasMore", "is_last", "id", "status", "message", "error", "errors", "meta", "jobId", "next",
     "previous", "done", "truncated", "page", "limit", "offset", "warning", "kind", "data", "items"]
)  # fmt: skip
_FILLED = [{"id": 7, "a": LONG * 3}]
_ROWS = st.lists(
    st.one_of(
        st.fixed_dictionaries(
            {"id": st.integers(0, 30)}, optional={"a": _VALUES, "error": _VALUES, "time": st.floats()}
        ),
        _VALUES,
    ),
    max_size=3,
)
_LINKS = st.sampled_from(
    ["/x?a", "/x?b", "/x?c", "/y", "?d", "x?e", "http://[", "/x?page=1#top", "/x?%zz", "/x?ü", "", "true", None, 3]
) | st.integers(1, 99).map(lambda page: f"/x?page={page}")


@st.composite
def _chains(draw: st.DrawFn) -> list[Reply]:
    names = draw(st.sampled_from([LINK, "nextLink", "next", "next_url", "link", "data"]))
    rows_name = draw(st.sampled_from(["value", "value", "data", "items", "results", "things"]))
    around = draw(st.dictionaries(_NAMES, _VALUES, max_size=3))
    replies = []
    for page in range(draw(st.integers(2, 7))):
        own = dict(around)
        if draw(st.integers(0, 5)) == 5:
            own |= draw(st.dictionaries(_NAMES, _VALUES, max_size=1))
        usual = draw(st.integers(0, 4)) < 4
        rows: Any = _rows(page) if usual else draw(_ROWS) + draw(st.sampled_from([[], _FILLED]))
        link = f"/x?page={page}" if usual else draw(_LINKS)
        members = [*own.items(), (rows_name, rows), (names, link)]
        if draw(st.integers(0, 9)) == 9:
            members = draw(st.permutations(members))
        text = "{" + ", ".join(f"{json.dumps(name)}: {json.dumps(value)}" for name, value in members) + "}"
        status = draw(st.sampled_from([200] * 12 + [202, 404]))
        replies.append(Reply(text.encode(), status))
    return [*replies, Reply(json.dumps({**around, rows_name: _rows(9)}).encode())]


@given(replies=_chains())
@settings(max_examples=150)
def test_whatever_comes(replies: list[Reply], kept: Session, server: Server) -> None:
    """Rows, dtypes, errors, warnings and requests are the same."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr("nbauth.data.fetch.retry.Retries.pause", lambda *_: 0.001)
        _compare(kept, server, replies)
