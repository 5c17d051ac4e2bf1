"""Requests and responses as values, between the listener and whoever answers."""

from __future__ import annotations

import json
from dataclasses import dataclass
from functools import cached_property
from http.cookies import CookieError, SimpleCookie
from typing import TYPE_CHECKING, Any
from urllib.parse import parse_qsl

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping
    from email.message import Message

__all__ = ["BadRequestError", "Request", "Response"]

_FORM = "application/x-www-form-urlencoded"


class BadRequestError(Exception):
    """A request that no handler should see."""


@dataclass(frozen=True, kw_only=True)
class Request:
    """A request as it arrived.

    Attributes:
        method: GET, POST, …
        path: the path as sent, without the query.
        query: parameters of the query.
        headers: header fields, looked up without regard to case.
        body: the whole body.
        secure: whether it came over TLS.
    """

    method: str
    path: str
    query: dict[str, str]
    headers: Message
    body: bytes = b""
    secure: bool = True

    @cached_property
    def form(self) -> dict[str, str]:
        """The parameters of a form in the body; empty if the body is something else."""
        content_type = self.headers.get("Content-Type", "").partition(";")[0].strip().lower()
        if content_type != _FORM:
            return {}
        return single_values(self.body.decode("utf-8", "replace"))

    @property
    def host(self) -> str:
        """The host that was asked, in lower case and without its port."""
        host = self.headers.get("Host", "").lower()
        return host.rpartition(":")[0] or host

    @property
    def cookies(self) -> dict[str, str]:
        """The cookies; those that cannot be parsed are left out."""
        jar: SimpleCookie = SimpleCookie()
        for header in self.headers.get_all("Cookie", []):
            try:
                jar.load(header)
            except CookieError:
                continue
        return {name: morsel.value for name, morsel in jar.items()}


def single_values(encoded: str) -> dict[str, str]:
    """Parse parameters, each of which may occur once (RFC 6749 §3.1).

    Raises:
        BadRequestError: one occurs twice, or there are too many.
    """
    try:
        pairs = parse_qsl(encoded, keep_blank_values=True, max_num_fields=100)
    except ValueError:
        raise BadRequestError("The request has too many parameters.") from None
    values = dict(pairs)
    if len(values) != len(pairs):
        raise BadRequestError("A request parameter occurs more than once.")
    return values


@dataclass(frozen=True, kw_only=True)
class Response:
    """A response to send: whole if the body is bytes, chunk by chunk otherwise."""

    status: int = 200
    body: bytes | Iterable[bytes] = b""
    content_type: str = ""
    headers: tuple[tuple[str, str], ...] = ()

    @classmethod
    def json(cls, value: Any, *, status: int = 200, headers: Mapping[str, str] | None = None) -> Response:
        """Return a JSON response."""
        return cls(
            status=status,
            body=json.dumps(value, ensure_ascii=False, separators=(",", ":")).encode(),
            content_type="application/json; charset=utf-8",
            headers=tuple((headers or {}).items()),
        )

    @classmethod
    def text(cls, value: str, *, status: int = 200) -> Response:
        """Return a plain text response."""
        return cls(status=status, body=value.encode(), content_type="text/plain; charset=utf-8")

    @classmethod
    def redirect(cls, url: str, *, status: int = 303, cookies: Iterable[str] = ()) -> Response:
        """Return a redirect that leaks nothing to where it leads."""
        return cls(
            status=status,
            headers=(
                ("Location", url),
                ("Cache-Control", "no-store"),
                ("Referrer-Policy", "no-referrer"),
                *(("Set-Cookie", cookie) for cookie in cookies),
            ),
        )
