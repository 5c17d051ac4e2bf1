"""Envelopes as odd as APIs make them, for tests that no sign of more is passed over.

An `EnvelopedApi` has some rows over some pages. Its answers say where the next page is, or only that there is one, by
a `Sign` at a place and under a name that are drawn. What it does with a request that it does not understand is drawn,
too: it sends its first page again, or an error.
"""

from __future__ import annotations

from typing import Any, Literal

from enveloped_api import EnvelopedApi, Sign
from hypothesis import strategies as st

__all__ = ["ended_apis", "paged_apis"]

Case = Literal["snake", "camel", "pascal", "kebab", "lower", "upper"]
KINDS = ("link", "links", "token", "flag", "total", "pages", "header")
CASES: tuple[Case, ...] = ("snake", "camel", "pascal", "kebab", "lower", "upper")
# Words; each is written in the case that is drawn.
LINKS = (
    "next", "next link", "next url", "next uri", "next page", "next page url", "next page link", "next href",
    "next page uri", "next page href", "next records url", "continuation uri", "next chunk internal link",
    "next results",
)  # fmt: skip
# Those that are there on the last page, too, such as `endCursor` and `scroll_id`, say nothing.
TOKENS = (
    "next token", "next page token", "next cursor", "continuation token", "continuation", "next marker",
    "next offset", "next page", "next start", "next", "skip token", "next page cursor", "next page id",
)  # fmt: skip
FLAGS = (
    ("has more", True), ("has next", True), ("has next page", True), ("more", True), ("more available", True),
    ("more results", True), ("has more results", True), ("has more items", True), ("truncated", True),
    ("is truncated", True), ("result truncated", True), ("exceeded transfer limit", True), ("more records", True),
    ("more items in collection", True), ("is last", False), ("last page", False), ("is last page", False),
    ("end of records", False), ("incomplete results", True),
)  # fmt: skip
TOTALS = (
    "total", "total count", "total results", "total rows", "total records", "total items", "total elements",
    "record count", "row count", "num found", "number matched", "total hits", "total size", "total entries",
    "@odata.count",
)  # fmt: skip
NUMBERS = (("page", "total pages"), ("current page", "last page"), ("page number", "page count"), ("page", "pages"))
LIST_NAMES = ("links", "link", "_links", "Links")
NAMES = {"link": LINKS, "token": TOKENS, "total": TOTALS, "links": LIST_NAMES}
FORMS = {
    "link": ("url", "path", "query", "href"), "links": ("url",), "token": ("",), "flag": ("", "", "text", "number"),
    "total": ("", "", "text", "object"), "pages": ("", "text", "from 0"),
}  # fmt: skip
HEADERS = ("Link", "X-Next-Page", "X-Next-Cursor", "x-ms-continuation", "x-ms-continuationtoken", "X-Next-Token",
           "X-Total-Count", "X-Total-Pages", "Content-Range", "X-Has-More", "X-Pagination")  # fmt: skip
# Where the sign stands: beside the rows, or inside an object there.
INSIDE = (
    "", "meta", "metadata", "pagination", "paging", "page", "pages", "links", "_links", "page info", "cursor",
    "properties", "response metadata", "paging info", "meta.pagination", "meta.links", "additional data.pagination",
    "meta.page",
)  # fmt: skip
KNOWN_ROWS = ("value", "data", "items", "results", "records", "rows", "entries", "values", "content", "documents")
OTHER_ROWS = ("orders", "users", "features", "hits", "result", "list", "members", "messages", "issues", "nodes")
OUTER = ((), ("data",), ("result",), ("response",), ("_embedded",), ("payload",), ("data", "repository"), ("hits",))
BESIDE: tuple[tuple[str, Any], ...] = (
    ("status", "ok"), ("success", True), ("took", 3), ("kind", "things"), ("version", "1.2"), ("message", None),
    ("self", {"href": "/x"}), ("query", {"limit": 10}), ("errors", []), ("warnings", []), ("facets", []),
    ("included", []), ("columns", ["a", "b"]), ("links", {"self": "/x"}), ("tags", ["a"]), ("fields", [{"name": "id"}]),
    ("aggregations", [{"by": "city", "n": 3}]),
)  # fmt: skip


def in_case(words: str, case: Case) -> str:
    """Write words in a case: a path of names, each of its parts by itself."""
    if "@" in words or not words:
        return words
    return ".".join(_name(part.split(), case) for part in words.split("."))


def _name(words: list[str], case: Case) -> str:
    if len(words) == 1 and words[0].startswith("_"):
        return words[0]
    if case in ("snake", "kebab"):
        return ("_" if case == "snake" else "-").join(words)
    if case == "camel":
        return words[0] + "".join(word.title() for word in words[1:])
    joined = "".join(word.title() for word in words)
    return {"pascal": joined, "lower": joined.lower(), "upper": "_".join(words).upper()}[case]


@st.composite
def _signs(draw: st.DrawFn, *, depth: int, kinds: tuple[str, ...] = KINDS, cases: tuple[Case, ...] = CASES) -> Sign:
    kind: Any = draw(st.sampled_from(kinds))
    if kind == "header":
        return Sign("header", draw(st.sampled_from(HEADERS)))
    case, more, other = draw(st.sampled_from(cases)), True, ""
    form = draw(st.sampled_from(FORMS[kind]))
    if kind == "flag":
        name, more = draw(st.sampled_from(FLAGS))
        form = form if form != "number" or name.startswith("has ") else ""  # "last page" is that page's number
    elif kind == "pages":
        other, name = draw(st.sampled_from(NUMBERS))
    else:
        name = draw(st.sampled_from(NAMES[kind]))
        form = "" if "@" in name else form  # OData's count is a number
    inside, place = draw(st.sampled_from(INSIDE)), draw(st.integers(0, max(0, depth - 1)))
    if kind != "links":
        inside, name, other = in_case(inside, case), in_case(name, case), in_case(other, case)
    return Sign(kind, name, inside, place, form, more=more, other=other)


_PARAMETERS = (
    "p", "page", "cursor", "after", "offset", "skip", "start", "pageToken", "nextPageToken", "next_token", "nextToken",
    "continuationToken", "x-ms-continuation", "marker", "starting_after", "$skiptoken", "startAt", "page_token",
)  # fmt: skip


@st.composite
def paged_apis(draw: st.DrawFn) -> EnvelopedApi:
    """Draw an API of several pages whose first answer says that there is more."""
    size = draw(st.integers(1, 3))
    rows = draw(st.integers(size + 1, 3 * size + 1))
    path: tuple[str, ...] = ()
    if draw(st.integers(0, 9)):
        name = draw(st.sampled_from(KNOWN_ROWS) | st.sampled_from(KNOWN_ROWS + OTHER_ROWS))
        path = (*draw(st.just(()) | st.sampled_from(OUTER)), name if draw(st.integers(0, 3)) else name.title())
    beside = tuple(
        (draw(st.integers(0, max(0, len(path) - 1))), name, value)
        for name, value in draw(st.lists(st.sampled_from(BESIDE), max_size=3, unique_by=lambda pair: pair[0]))
    )
    count = draw(st.sampled_from([1, 1, 1, 2]))
    kinds = KINDS if path else ("header",)
    signs = tuple(draw(_signs(depth=len(path), kinds=kinds)) for _ in range(count))
    paging = draw(st.sampled_from(["auto"] * 6 + ["odata", "link", "next", "cursor", "offset", "page"]))
    return EnvelopedApi(
        rows=rows,
        size=size,
        path=path,
        signs=signs,
        beside=beside,
        # Somebody who names a style says by that where the pages begin.
        asked_by=draw(st.sampled_from(_PARAMETERS).filter(lambda name: name != paging)),
        counts=draw(st.sampled_from(["rows", "pages from 0", "pages from 1", "token"])),
        else_=draw(st.sampled_from(["first page", "error"])),
        end=draw(st.sampled_from(["absent", "null", "empty"])),
        posted=draw(st.sampled_from([False, False, True])),
        named=draw(st.sampled_from([False, False, True])),
        nested=draw(st.booleans()),
        changes=draw(st.sampled_from([False, False, True])),
        paging=paging,
        sorted=draw(st.booleans()),
        concurrency=draw(st.sampled_from([1, 1, 3])),
    )


@st.composite
def ended_apis(draw: st.DrawFn) -> EnvelopedApi:
    """Draw an API of one page, all of whose signs say that this is all, and whose rows have a name that is known."""
    rows = draw(st.integers(0, 3))
    path = (
        *draw(st.just(()) | st.sampled_from([("data",), ("result",), ("response",)])),
        draw(st.sampled_from(KNOWN_ROWS)),
    )
    beside = tuple(
        (0, name, value)
        for name, value in draw(st.lists(st.sampled_from(BESIDE), max_size=3, unique_by=lambda pair: pair[0]))
        if not isinstance(value, list) or not value
    )
    kinds = tuple(kind for kind in KINDS if kind not in ("links", "header"))
    signs = tuple(draw(_signs(depth=len(path), kinds=kinds, cases=CASES[:4])) for _ in range(draw(st.integers(1, 2))))
    return EnvelopedApi(
        rows=rows,
        size=3,
        path=path,
        signs=signs,
        beside=beside,
        end=draw(st.sampled_from(["null", "empty"])),
        named=draw(st.booleans()),
        nested=draw(st.booleans()),
    )
