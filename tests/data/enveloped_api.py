"""An API that writes its pages into envelopes as odd as APIs make them."""

from __future__ import annotations

import copy
import itertools
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Literal

from played_api import ORIGIN, Answer

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

    from played_api import Asked

__all__ = ["EnvelopedApi", "Kind", "Sign"]

MOST_REQUESTS = 250  # of one load; an empty page may come a hundred times
Kind = Literal["link", "links", "token", "flag", "total", "pages", "header"]


class Endless(Exception):
    """A load goes on for ever."""


@dataclass(frozen=True)
class Sign:
    """How answers say that there is more.

    Attributes:
        kind: what they name.
        name: the member's name, or the header's.
        inside: the object in which it stands, with dots; empty for none.
        place: how many of the members above the rows it stands inside.
        form: how its value is written, where there are several ways.
        more: of a flag, what says that there is more.
        other: of pages, the name of their number.
    """

    kind: Kind
    name: str
    inside: str = ""
    place: int = 0
    form: str = ""
    more: bool = True
    other: str = ""


@dataclass(frozen=True)
class EnvelopedApi:
    """An API: its rows, its pages, and how it writes them.

    Attributes:
        rows: how many rows there are.
        size: how many stand in a page.
        path: the path of the rows; an array where it is empty.
        signs: what says that there is more.
        beside: what else stands in an answer, each with how many of the members above the rows it stands inside.
        asked_by: what a request must say to get another page: a query parameter, or a member of its body.
        counts: what that holds: the rows before the page, or the page's number from 0 or 1.
        else_: what a request gets that the API does not understand.
        end: how the last page says that it is the last one, where there is a member for it.
        posted: whether it wants a POST.
        named: whether the caller names the rows.
        nested: whether a row holds lists and objects.
        changes: whether a row is another one each time.
        paging: what the caller says of the pages.
        concurrency: how many requests the caller wants at once.
        sorted: whether an answer's members are in the order of their names, so that any may come first.
    """

    rows: int
    size: int
    path: tuple[str, ...]
    signs: tuple[Sign, ...]
    beside: tuple[tuple[int, str, Any], ...] = ()
    asked_by: str = "p"
    counts: Literal["rows", "pages from 0", "pages from 1", "token"] = "pages from 0"
    else_: Literal["first page", "error"] = "first page"
    end: Literal["absent", "null", "empty"] = "absent"
    posted: bool = False
    named: bool = False
    nested: bool = False
    changes: bool = False
    paging: str = "auto"
    concurrency: int = 1
    sorted: bool = False

    @property
    def pages(self) -> int:
        """How many pages there are."""
        return max(1, -(-self.rows // self.size))

    @property
    def arguments(self) -> dict[str, Any]:
        """What a caller says to `read`."""
        named = {"records": ".".join(self.path)} if self.named and self.path else {}
        posted = {"json": {"query": "x"}} if self.posted else {}
        return {"paging": self.paging, "concurrency": self.concurrency, **named, **posted}

    def played(self) -> Callable[[Asked], Answer]:
        """Return the API as a function of the request."""
        count = itertools.count()

        def answer(asked: Asked) -> Answer:
            number = next(count)
            if number > MOST_REQUESTS:
                raise Endless
            page = self._page(asked)
            return Answer({"code": 400, "message": "what?"}, 400) if page is None else self._answer(page, number)

        return answer

    def _page(self, asked: Asked) -> int | None:
        if "link" in asked.query:
            return int(asked.query["link"])
        given: Mapping[str, Any] = {**asked.query, **{k.lower(): v for k, v in asked.headers.items()}}
        given = {**given, **(asked.body or {})}
        known = {"query"} | {name.lower() for name in asked.headers}
        if self.asked_by not in given:
            unknown = [name for name in given if name not in known]
            return None if unknown and self.else_ == "error" else 0
        text = str(given[self.asked_by])
        if self.counts == "token":
            return int(text[1:]) if text[:1] == "t" else 0
        number = int(text) if text.isdecimal() else 0
        return {"rows": -(-number // self.size), "pages from 0": number, "pages from 1": number - 1}[self.counts]

    def _answer(self, page: int, count: int) -> Answer:
        rows = [self._row(number, count) for number in range(self.rows)][page * self.size : (page + 1) * self.size]
        if not self.path:
            return Answer(rows, headers=self._headers(page))
        document: dict[str, Any] = {}
        for sign in self.signs:
            if sign.kind != "header":
                above = self.path[: min(sign.place, len(self.path) - 1)]
                inside = tuple(sign.inside.split(".")) if sign.inside else ()
                for name, value in self._said(sign, page).items():
                    _put(document, (*above, *inside, name), value)
        _put(document, self.path, rows)
        for depth, name, value in self.beside:
            _put(document, (*self.path[:depth], name), copy.deepcopy(value))
        return Answer(dict(sorted(document.items())) if self.sorted else document, headers=self._headers(page))

    def _row(self, number: int, count: int) -> dict[str, Any]:
        more = {"tags": ["a"], "items": [{"sku": 1}], "next": {"href": "/y"}} if self.nested else {}
        return {"id": number, "name": f"n{number}", **more, **({"at": count} if self.changes else {})}

    def _said(self, sign: Sign, page: int) -> dict[str, Any]:
        """Return what one sign says on a page: names and values."""
        is_more = page + 1 < self.pages
        if sign.kind == "pages":
            number = page + (0 if sign.form == "from 0" else 1)
            as_written: Any = str if sign.form == "text" else int
            return {sign.other: as_written(number), sign.name: as_written(self.pages)}
        if sign.kind in ("link", "token") and not is_more:
            return {} if self.end == "absent" else {sign.name: None if self.end == "null" else ""}
        return {sign.name: self._value(sign, page, is_more=is_more)}

    def _value(self, sign: Sign, page: int, *, is_more: bool) -> Any:
        flag = sign.more if is_more else not sign.more
        link = self._link(page + 1, sign.form)
        links = [{"rel": "self", "href": "/x"}, {"rel": "next", "href": link}]
        plain: Any = {
            "flag": flag,
            "total": self.rows,
            "links": links if is_more else links[:1],
            "link": link,
            "token": self._token(page + 1),
        }[sign.kind]
        forms = {
            "text": str(plain).lower(),
            "number": int(flag),
            "object": {"value": self.rows, "relation": "eq"},
            "href": {"href": link},
        }
        return forms.get(sign.form, plain)

    def _token(self, page: int) -> Any:
        kinds = {"rows": page * self.size, "pages from 0": page, "pages from 1": page + 1, "token": f"t{page}"}
        return kinds[self.counts]

    def _link(self, page: int, form: str) -> str:
        return {"path": "/x", "query": ""}.get(form, f"{ORIGIN}/x") + f"?link={page}"

    def _headers(self, page: int) -> dict[str, str]:
        start, is_more = page * self.size, page + 1 < self.pages
        last = min(start + self.size, self.rows) - 1
        always = {
            "X-Total-Count": str(self.rows),
            "X-Total-Pages": str(self.pages),
            "Content-Range": f"items {start}-{last}/{self.rows}",
            "X-Has-More": str(is_more).lower(),
            "X-Pagination": f'{{"currentPage": {page + 1}, "totalPages": {self.pages}}}',
        }
        link = f'<{self._link(page + 1, "url")}>; rel="next"'
        names = [sign.name for sign in self.signs if sign.kind == "header"]
        said = {name: always[name] for name in names if name in always}
        if is_more:
            said |= {
                name: link if name == "Link" else str(self._token(page + 1)) for name in names if name not in always
            }
        return said


def _put(document: dict[str, Any], path: tuple[str, ...], value: Any) -> None:
    """Put a value into a document, unless something stands in its way."""
    for name in path[:-1]:
        inner = document.setdefault(name, {})
        if not isinstance(inner, dict):
            return
        document = inner
    document.setdefault(path[-1], value)
