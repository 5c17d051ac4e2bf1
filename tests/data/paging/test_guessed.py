"""Pages that are asked for before the page before them names them."""

from __future__ import annotations

import threading
from itertools import pairwise
from typing import TYPE_CHECKING, Any
from urllib.parse import parse_qsl, urlsplit

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from loads import pages, read
from loopback_api import Reply, as_json
from played_api import ORIGIN, Answer, session_of

from nbauth.data.fetch.request import PageRequest
from nbauth.data.paging.guessed import Guesser
from nbauth.errors import ApiError, NbauthError

if TYPE_CHECKING:
    from collections.abc import Callable

    from loopback_api import Seen, Server
    from played_api import Asked

    from nbauth.data.fetch.session import Session

URL = "https://api.example/v1/x"
LAST, SIZE = 30, 2


@pytest.mark.parametrize(
    ("urls", "rows", "expected"),
    [
        (["?page=1", "?page=2"], 9, ["?page=3", "?page=4"]),
        (["/page/1", "/page/2"], 9, ["/page/3", "/page/4"]),
        (["?a=1", "?a=1&page=2"], 9, ["?a=1&page=3", "?a=1&page=4"]),
        (["?a=1", "?page=1&a=1"], 9, ["?page=2&a=1", "?page=3&a=1"]),
        (["", "?$skip=9"], 9, ["?$skip=18", "?$skip=27"]),
        (["", "?$skip=8"], 9, None),  # some rows were left out, or it is an id
        (["", "?$skip=8", "?$skip=16"], 9, None),
        (["", "?$skip=8", "?$skip=16", "?$skip=24"], 9, ["?$skip=32", "?$skip=40"]),
        (["?n=0&m=1", "?n=9&m=1"], 9, ["?n=18&m=1", "?n=27&m=1"]),
        (["?after=17", "?after=40"], 9, None),
        (["?n=1&m=1", "?n=2&m=2"], 9, None),
        (["?n=2", "?n=1"], 9, None),
        (["?n=01", "?n=02"], 9, None),
        (["?n=a1", "?n=b2"], 9, None),
        (["", "?cursor=abc2"], 9, None),
        (["", "?a=1&b=2"], 9, None),
        (["?a=1", "?page=2"], 9, None),
        (["", "?page=0"], 0, None),
        (["", "?n=12345678901234567"], 9, None),
    ],
)
def test_how_they_go_on(urls: list[str], rows: int, expected: list[str] | None) -> None:
    """A number that grows as pages, offsets or the links before do tells what comes; nothing else does."""
    guesser = Guesser(PageRequest(URL + urls[0]))
    for url in urls[1:-1]:
        assert guesser.saw(PageRequest(URL + url), lambda: rows) is None
    request = PageRequest(URL + urls[-1])
    guessed = guesser.saw(request, lambda: rows)
    if expected is None:
        assert guessed is None
    else:
        assert guessed is not None
        assert guessed[0] == request
        assert [each.url for each in guessed[1:3]] == [URL + url for url in expected]


@pytest.mark.parametrize(
    ("one", "other"),
    [
        (PageRequest("https://api1.example/?n=1"), PageRequest("https://api2.example/?n=1")),
        (PageRequest("https://api.example:81/"), PageRequest("https://api.example:82/")),
        (PageRequest(f"{URL}?n=1", {}), PageRequest(f"{URL}?n=2", {})),
        (PageRequest(f"{URL}?n=1"), PageRequest(f"{URL}?n=2", headers={"Range": "2"})),
    ],
)
def test_what_is_never_guessed(one: PageRequest, other: PageRequest) -> None:
    """No other server is guessed, no document is posted, and no header changes."""
    assert Guesser(one).saw(other, lambda: 1) is None


def test_no_json_to_count() -> None:
    """Rows that cannot be counted are for whoever decodes them."""

    def count() -> int:
        raise ValueError("no JSON")

    assert Guesser(PageRequest(URL)).saw(PageRequest(f"{URL}?n=7"), count) is None


def _number(seen: Seen) -> int:
    return int(dict(parse_qsl(urlsplit(seen.path).query)).get("page", 1))


def _page(number: int, last: int = LAST) -> dict[str, Any]:
    following = {"nextLink": f"/x?page={number + 1}"} if number < last else {}
    return {"value": [{"id": number * SIZE + i} for i in range(SIZE)], **following}


def _ids(last: int = LAST) -> list[int]:
    return [number * SIZE + i for number in range(1, last + 1) for i in range(SIZE)]


def test_so_many_at_once(session: Session, api: Server) -> None:
    """Pages behind predictable links are asked for at once; few are asked for behind the last one."""
    meet = threading.Barrier(4)

    def answer(seen: Seen) -> Reply:
        number = _number(seen)
        if 2 <= number <= 1 + 4 * 6:
            meet.wait(20)
        return as_json(_page(number)) if number <= LAST else Reply(b"", 404)

    api.routes["/x"] = answer
    assert read(session, f"{api.origin}/x", concurrency=4)["id"].tolist() == _ids()
    assert max(map(_number, api.seen)) <= LAST + 4
    assert len({seen.path for seen in api.seen}) == len(api.seen)


@pytest.mark.parametrize("as_", ["pandas", "arrow"])
def test_page_by_page(session: Session, api: Server, as_: str) -> None:
    """`pages` asks for several at once, too, and gives them in order; whoever leaves early ends it."""
    meet = threading.Barrier(4)

    def answer(seen: Seen) -> Reply:
        number = _number(seen)
        if 2 <= number <= 5:
            meet.wait(20)
        return as_json(_page(number)) if number <= LAST else Reply(b"", 404)

    api.routes["/x"] = answer
    came = [list(part["id"]) for part in pages(session, f"{api.origin}/x", concurrency=4, as_=as_)]
    assert [int(str(one)) for part in came for one in part] == _ids()
    few = pages(session, f"{api.origin}/x", concurrency=4)
    next(few)
    few.close()  # type: ignore[attr-defined]
    _wait_for_threads()


def _wait_for_threads() -> None:
    for thread in threading.enumerate():
        if thread.name == "nbauth-fetch":
            thread.join(10)
            assert not thread.is_alive()


@pytest.mark.parametrize(
    "behind",
    [
        Reply(b"", 404),
        Reply(b"", 500),
        Reply(b"{"),
        as_json(_page(1)),
        Reply(b"busy", 429, headers={"Retry-After": "0"}),
    ],
    ids=["404", "500", "no JSON", "the first", "429"],
)
def test_what_stands_behind_the_end(session: Session, api: Server, behind: Reply) -> None:
    """What an API answers behind its last page is none of the load's."""
    api.routes["/x"] = lambda seen: as_json(_page(_number(seen))) if _number(seen) <= LAST else behind
    assert read(session, f"{api.origin}/x", concurrency=8)["id"].tolist() == _ids()


@pytest.mark.parametrize("status", [429, 503])
def test_nothing_is_sent_after_the_end(session: Session, api: Server, status: int) -> None:
    """What was guessed beyond the last page, and refused for now, is not asked for again once the load is done."""
    behind = Reply(b"busy", status, headers={"Retry-After": "1"})
    api.routes["/x"] = lambda seen: as_json(_page(_number(seen))) if _number(seen) <= LAST else behind
    assert read(session, f"{api.origin}/x", concurrency=8)["id"].tolist() == _ids()
    _wait_for_threads()
    assert len({seen.path for seen in api.seen}) == len(api.seen)


def test_an_error_is_that_of_the_page(session: Session, api: Server) -> None:
    """A page that fails for good fails the load; the rows before it are in the error."""
    api.routes["/x"] = lambda seen: as_json(_page(_number(seen))) if _number(seen) != 9 else Reply(b"", 500)
    with pytest.raises(ApiError, match="answered 500") as caught:
        read(session, f"{api.origin}/x", concurrency=4)
    assert caught.value.partial["id"].tolist() == _ids(8)


def test_a_page_that_is_there_once_it_was_named(session: Session, api: Server) -> None:
    """A page that fails when it is asked for too early is asked for again, when the one before it names it."""
    named = {2}

    def answer(seen: Seen) -> Reply:
        number = _number(seen)
        if number > 1 and number not in named:
            return Reply(b"", 404)
        named.add(number + 1)
        return as_json(_page(number))

    api.routes["/x"] = answer
    assert read(session, f"{api.origin}/x", concurrency=4)["id"].tolist() == _ids()


def test_other_links_count(session: Session, api: Server) -> None:
    """Where the links leave what was guessed, they are followed, and what was guessed is dropped."""
    following = {1: 2, 2: 3, 3: 4, 4: 11, 11: 12, 12: 13, 13: 20}

    def answer(seen: Seen) -> Reply:
        number = _number(seen)
        more = {"nextLink": f"/x?page={following[number]}"} if number in following else {}
        return as_json({"value": [{"id": number}], **more})

    api.routes["/x"] = answer
    frame = read(session, f"{api.origin}/x", concurrency=4)
    assert frame["id"].tolist() == [1, 2, 3, 4, 11, 12, 13, 20]


def test_a_limit_of_bytes(session: Session, api: Server) -> None:
    """With `max_bytes` nothing is guessed: what is dropped would count."""
    api.routes["/x"] = lambda seen: as_json(_page(_number(seen), last=3))
    assert read(session, f"{api.origin}/x", concurrency=8, max_bytes=10_000)["id"].tolist() == _ids(3)
    assert len(api.seen) == 3


_LINKS = st.lists(st.sampled_from([1, 1, 1, 1, 2, 2, 5, -1, 0]), max_size=12)


def _api(steps: list[int], behind: int, form: str) -> Callable[[Asked], Answer]:
    """Serve pages whose numbers go by steps, and something else at all other numbers."""
    numbers = [1]
    for step in steps:
        numbers.append(numbers[-1] + step)
    following = dict(pairwise(numbers))

    def answer(asked: Asked) -> Answer:
        number = int(asked.query.get("n", asked.path.rpartition("/")[2] or 1))
        if number not in numbers:
            return [Answer({}, 404), Answer({"error": "x"}, 500), Answer(b"{"), Answer({"value": [{"id": -1}]})][behind]
        link = f"/x?n={following.get(number)}" if form == "query" else f"/x/{following.get(number)}"
        more = {"nextLink": link} if number in following else {}
        return Answer({"value": [{"id": number, "v": number / 2}, {"id": -number, "v": None}], **more})

    return answer


def _outcome(api: Callable[[Asked], Answer], concurrency: int) -> tuple[Any, Any]:
    try:
        with session_of(api) as session:
            frame = read(session, f"{ORIGIN}/x/1", concurrency=concurrency)
    except NbauthError as error:
        frame, what = error.partial, (type(error), str(error))
    else:
        what = None
    return what, None if frame is None else (repr(frame.to_dict("list")), frame.dtypes.astype(str).to_dict())


@settings(deadline=None, max_examples=80)
@given(_LINKS, st.integers(0, 3), st.sampled_from(["query", "path"]), st.integers(2, 10))
def test_the_same_as_one_after_another(steps: list[int], behind: int, form: str, concurrency: int) -> None:
    """However links go on, and whatever stands where none leads, rows and errors are those of one by one."""
    api = _api(steps, behind, form)
    assert _outcome(api, concurrency) == _outcome(api, 1)
