"""Requests of requests, signed: the hook that sends one again, and headers whose token shows nowhere."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from requests.structures import CaseInsensitiveDict

from nbauth.data.fetch.exchange import check_connection
from nbauth.net.origins import origin_of
from nbauth.net.requests_internals import asking_connection, drop_body
from nbauth.net.secrecy import HiddenText

if TYPE_CHECKING:
    from collections.abc import Callable

    from requests import PreparedRequest, Response

    from nbauth.data.fetch.exchange import Exchange
    from nbauth.net.requests_internals import AskingConnection

__all__ = ["sign"]

_UNAUTHORIZED = 401


def sign(begin: Callable[[str], Exchange], request: PreparedRequest) -> PreparedRequest:
    """Sign a prepared request, and once more where that may help.

    Args:
        begin: finds the profile of a URL.
        request: what is to be sent.

    Returns:
        The same request.
    """
    exchange = begin(str(request.url))
    _add(request, exchange, exchange.sign(str(request.url)))
    request.register_hook("response", _Retry(exchange, request))  # type: ignore[no-untyped-call]
    return request


class _Retry:
    """The hook that requests calls for each answer, and for those of the redirects that it follows."""

    def __init__(self, exchange: Exchange, first: PreparedRequest) -> None:
        self._exchange = exchange
        self._first = first

    def __reduce__(self) -> Any:
        return _pickled, ()  # with a response, whose request has it

    def __call__(self, response: Response, **options: Any) -> Response:
        request, url = response.request, str(response.url)
        was_signed = _hide_header(request)
        if request is self._first:
            self._exchange.begin()
        self._exchange.visit(url)
        while response.status_code == _UNAUTHORIZED:
            try:
                header = self._exchange.after(url, response.headers.get("WWW-Authenticate", ""), was_signed=was_signed)
            except BaseException:
                drop_body(response)
                raise
            # A file or a generator has been read.
            if header is None or not (request.body is None or isinstance(request.body, (bytes, str))):
                break
            drop_body(response)
            _add(request, self._exchange, header)
            again: Response = response.connection.send(request, **options)
            was_signed = _hide_header(request)
            again.history, again.request = [*response.history, response], request
            response = again
        return response


def _pickled() -> Any:
    return _as_it_is


def _as_it_is(response: Response, **_: Any) -> Response:
    return response


_LATER = HiddenText("Bearer later")


class _SignedHeaders(CaseInsensitiveDict[str]):
    """Headers whose token goes into no pickle, and onto no connection that others could read or answer.

    Args:
        headers: all headers, with or without the token.
        exchange: signs them again where the request is sent again.
        url: where they are for.
    """

    def __init__(self, headers: Any, exchange: Exchange, url: str) -> None:
        super().__init__(headers)
        self._exchange = exchange
        self._url = url
        self._was_signed = False

    def hide(self) -> bool:
        """Take the token away: whoever prints a response's request would print it. Tell whether it was sent."""
        is_signed = self.pop("Authorization", None) is not None
        self._was_signed = self._was_signed or is_signed
        return self._was_signed

    def copy(self) -> _SignedHeaders:
        """Return what a redirect begins with, or a request that is sent again; the token comes when it is sent.

        requests takes the header away where a redirect leads to another origin.
        """
        copied = _SignedHeaders(self, self._exchange, self._url)
        if self._was_signed:
            copied["Authorization"] = _LATER
        return copied

    def items(self) -> Any:
        """Return the headers; a connection asks for them when it sends them."""
        connection = asking_connection()
        if connection is not None and isinstance(self.get("Authorization"), HiddenText):
            self._check(connection)
            if self["Authorization"] == _LATER:
                self["Authorization"] = self._exchange.sign(self._url)
        return super().items()

    def _check(self, connection: AskingConnection) -> None:
        # A session that keeps the header on a redirect, or a URL that was changed after it was signed, leads elsewhere.
        is_elsewhere = origin_of(connection.url) != origin_of(self._url)
        check_connection(
            connection.url,
            is_verified=connection.is_verified,
            has_proxy=connection.has_proxy,
            is_elsewhere=is_elsewhere,
        )

    def __reduce__(self) -> Any:
        return CaseInsensitiveDict, ([(name, self[name]) for name in self if name.lower() != "authorization"],)


def _add(request: PreparedRequest, exchange: Exchange, header: HiddenText) -> None:
    request.headers = _SignedHeaders(request.headers, exchange, str(request.url))
    request.headers["Authorization"] = header


def _hide_header(request: PreparedRequest) -> bool:
    return isinstance(request.headers, _SignedHeaders) and request.headers.hide()
