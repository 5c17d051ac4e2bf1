"""A cursor that the response names and the next request sends."""

from __future__ import annotations

import re
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Any, Literal, cast, get_args
from urllib.parse import quote, unquote

from nbauth.data.paging.guards import canonical
from nbauth.data.paging.job_signs import below
from nbauth.data.paging.next_members import numbers
from nbauth.data.paging.page_response import MISSING
from nbauth.data.paging.relay import relay_cursor
from nbauth.data.paging.request_params import set_in_body, set_in_query, without_in_query
from nbauth.data.paging.styles.cursor_names import cursor_header, empty_cursor, named_cursor, parameter_for
from nbauth.data.paging.styles.known_cursors import NO_CURSOR, known_cursor, spelled
from nbauth.data.paging.styles.style import Sign, StatelessStyle
from nbauth.errors import ConfigError, PaginationError
from nbauth.net.origins import redact_url

if TYPE_CHECKING:
    from typing import Self

    from nbauth.data.fetch.request import PageRequest
    from nbauth.data.paging.envelope import Envelope
    from nbauth.data.paging.page_response import PageResponse, Rows

__all__ = ["Cursor"]

_Where = Literal["query", "body", "header"]
_ESCAPED = re.compile(r"(?:[\w.~-]|%[0-9A-Fa-f]{2})+", re.ASCII)


@dataclass(frozen=True, kw_only=True)
class Cursor(StatelessStyle):
    """The response names a cursor, which the next request sends; none, or an empty one, is the end.

    Attributes:
        parameter: what the request calls it; with ``send="body"`` a path with dots.
        path: where it stands in the body, with dots between the members.
        header: the response's header that holds it, instead of `path`. One that ends in ``*`` stands for all headers
            that begin so, and the ``*`` at the end of `parameter` for the rest of each one's name. Of an object at
            `path`, such a parameter stands for each member.
        send: whether it goes into the query, the JSON body or a header of the request.
        job: where the body of a POST's answer names its job, whose further pages come by GET, behind the POST's URL.
    """

    parameter: str = "cursor"
    path: str = "next_cursor"
    header: str | None = None
    send: _Where = "query"
    job: str | None = None

    @classmethod
    def shown_by(cls, envelope: Envelope, sign: Sign) -> Self | None:
        """Return it for a header, a cursor, the next page's number, and an empty member where a cursor would be."""
        request = envelope.response.request
        if sign in (Sign.HEADER, Sign.CURSOR):
            known = cls._known(envelope, in_header=sign is Sign.HEADER)
            if known is not None:
                return known
        if sign is Sign.HEADER:
            header = cursor_header(envelope)
            return (
                None
                if header is None
                else cls(header=header, parameter=parameter_for(header.lower().replace("-", "_"), request))
            )
        if sign is Sign.NEXT_NUMBER:
            path = next((path for path in numbers(envelope.places) if envelope.number(path)), None)
            return None if path is None else cls._in(request, "page", path)
        if sign not in (Sign.CURSOR, Sign.EMPTY):
            return None
        path = named_cursor(envelope) if sign is Sign.CURSOR else empty_cursor(envelope)
        if path is None:
            return None
        return cls._in(request, parameter_for(path.rpartition(".")[2], request), path)

    @classmethod
    def _known(cls, envelope: Envelope, *, in_header: bool) -> Self | None:
        """Return it as the service's own word says."""
        relay = None if in_header else relay_cursor(envelope)
        if relay is not None:
            return cls(path=relay[0], parameter=relay[1], send="body")
        known = known_cursor(envelope, in_header=in_header)
        if known is None:
            return None
        if known.elsewhere is not None:
            place = redact_url(envelope.response.url)
            raise PaginationError(
                f"{place}: the answer says {known.path}, which is sent elsewhere: by {known.elsewhere}.",
                url=place,
                next_step="Ask for the pages one by one; for the first one alone say paging='none'.",
            )
        if known.header:
            send = cast("_Where", known.send or "query")
            return cls(header=known.header, parameter=known.parameter, send=send)
        if known.job is not None:
            return cls(parameter=known.parameter, path=known.path, job=known.job)
        return cls._in(envelope.response.request, known.parameter, known.path, body=known.body)

    @classmethod
    def _in(cls, request: PageRequest, parameter: str, path: str, *, body: str | None = None) -> Self:
        """Return it for the query, or for the JSON object of a request that posts one and has no query for it."""
        if isinstance(request.body, dict):
            return cls(parameter=body or parameter, path=path, send="body")
        return cls(parameter=parameter, path=path)

    def check(self) -> None:
        """Check where the cursor goes."""
        if self.send not in get_args(_Where):
            raise ConfigError(f"send: expected one of {', '.join(get_args(_Where))}, found {self.send!r}.")

    @property
    def next_path(self) -> str | None:
        """Where the cursor stands, unless that is a header."""
        return None if self.header else self.path

    @property
    def most_equal_pages(self) -> int:
        """Two: an API that does not know the parameter answers its first page again."""
        return 2

    @property
    def next_step(self) -> str:
        """What to type where the service does not know the parameter."""
        place = f'header="{self.header}"' if self.header else f'path="{self.path}"'
        send = "" if self.send == "query" else f', send="{self.send}"'
        return (
            f"The cursor of {self.header or self.path} was sent as {self.parameter}. If the API calls it otherwise, "
            f'say so, as in paging=nbauth.data.paging.Cursor(parameter="{self.parameter}", {place}{send}).'
        )

    def next_request(self, response: PageResponse, rows: Rows) -> PageRequest | None:
        """Return the request that sends the cursor."""
        del rows
        request = response.request
        cursors = {name: value for name, value in self._cursors(response).items() if not _is_none(value)}
        if not cursors:
            return None
        if self.send == "body":
            return replace(request, body=set_in_body(request.body, cursors))
        for value in cursors.values():
            if not isinstance(value, (str, int)) or isinstance(value, bool):
                place, where = redact_url(response.url), self.header or self.path
                raise PaginationError(f"{place}: {where} is neither text nor a number.", url=place)
        if self.send == "query":
            request = request if self.job is None else _of_job(response, self.job.split("."))
            url = self._without_starred(request.url)
            return replace(request, url=canonical(set_in_query(url, _unescaped(cursors))))
        return replace(request, headers={**request.headers, **{name: str(value) for name, value in cursors.items()}})

    def _without_starred(self, url: str) -> str:
        """Return the URL without the cursors of the page before: this one may name fewer of them."""
        start, star, end = self.parameter.partition("*")
        if not star:
            return url
        return without_in_query(url, lambda name: name.startswith(start) and name.endswith(end))

    def _cursors(self, response: PageResponse) -> dict[str, Any]:
        """Return the cursor under the name that the request gives it; several, where the header has a star."""
        if self.header is None:
            value: Any = response.get(*self.path.split("."))
            return value if "*" in self.parameter and isinstance(value, dict) else {self.parameter: value}
        start, star, _ = self.header.partition("*")
        if not star:
            return {self.parameter: response.headers.get(start)}
        starred = [name for name in response.headers if name.lower().startswith(start.lower())]
        named = {name: spelled(self.parameter.replace("*", name[len(start) :])) for name in starred}
        return {parameter: response.headers[name] for name, parameter in named.items()}


STYLE = Cursor


def _of_job(response: PageResponse, path: list[str]) -> PageRequest:
    """Return the request for the pages of a job, in its region, if it names one (BigQuery's ``jobReference``)."""
    request, number, region = response.request, response.get(*path), response.get(*path[:-1], "location")
    if request.verb != "POST" or not isinstance(number, str):
        return request
    url = below(request.url, quote(number, safe=""))
    url = set_in_query(url, {"location": region}) if isinstance(region, str) else url
    return replace(request, url=url, body=None, method=None)


def _is_none(value: Any) -> bool:
    return value is MISSING or value is None or value is False or value in NO_CURSOR


def _unescaped(cursors: dict[str, Any]) -> dict[str, Any]:
    """Return the cursors for a query, which escapes them. One that comes escaped is not to be escaped twice.

    Fabric's, Power BI's and HubSpot's come so, as ``LDEsMTAwMDAwLDA%3D``:
    https://learn.microsoft.com/rest/api/fabric/articles/pagination
    """
    return {
        name: unquote(value) if isinstance(value, str) and "%" in value and _ESCAPED.fullmatch(value) else value
        for name, value in cursors.items()
    }
