"""A caller's own function, which says what the next request is."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, replace
from json import dumps
from typing import TYPE_CHECKING, Any, ClassVar, Literal

from nbauth.data.fetch.request import PageRequest
from nbauth.data.paging.guards import canonical, resolve
from nbauth.data.paging.page_response import PageResponse
from nbauth.data.paging.request_params import set_in_query
from nbauth.data.paging.styles.style import StatelessStyle
from nbauth.errors import ConfigError, PaginationError
from nbauth.net.origins import redact_url

if TYPE_CHECKING:
    from nbauth.data.paging.page_response import Rows

__all__ = ["ByFunction", "Function", "Request"]


@dataclass(frozen=True, kw_only=True)
class Request:
    """A whole request for the next page, as a function given as ``paging`` may return it.

    Of the request before it nothing is in it but the headers that the call was given, and the URL, where none is named.

    Attributes:
        url: where; a relative one starts from the answer's.
        params: query parameters to set in the URL.
        json: a document to post; without one it is a GET.
        headers: headers of this request alone.
        method: how it is sent, where the document does not tell.

    Raises:
        ConfigError: one of them is of the wrong type.
    """

    url: str | None = None
    params: Mapping[str, Any] | None = None
    json: Any = None
    headers: Mapping[str, str] | None = None
    method: Literal["GET", "POST"] | None = None

    def __post_init__(self) -> None:
        if self.url is not None and not isinstance(self.url, str):
            raise ConfigError(f"url: expected a string, found {type(self.url).__name__}.")
        for name in ("params", "headers"):
            given = getattr(self, name)
            if given is not None and not isinstance(given, Mapping):
                raise ConfigError(f"{name}: expected names and values, found {type(given).__name__}.")
        if self.method not in (None, "GET", "POST"):
            raise ConfigError(f'method: expected "GET" or "POST", found {self.method!r}.')
        try:
            dumps(self.json, allow_nan=False)
        except (TypeError, ValueError) as error:
            raise ConfigError(f"json: {error}.") from None

    def after(self, response: PageResponse) -> PageRequest:
        """Return it as it is sent after a response."""
        url = response.request.url if self.url is None else resolve(self.url, response.url)
        url = canonical(set_in_query(url, dict(self.params))) if self.params else url
        headers = {name: str(value) for name, value in (self.headers or {}).items()}
        return PageRequest(url, self.json, headers, self.method)


Function = Callable[[PageResponse], str | Mapping[str, Any] | Request | PageRequest | None]


@dataclass(frozen=True)
class ByFunction(StatelessStyle):
    """What the function says. It has no name, and a checkpoint cannot hold it: the caller gives it again."""

    function: Function
    is_callers_word: ClassVar[bool] = True

    def next_request(self, response: PageResponse, rows: Rows) -> PageRequest | None:
        """Return the request that the function names: a URL, parameters for the present one, or a whole request."""
        del rows
        named = self.function(response)
        if named is None or named == "":
            return None
        if isinstance(named, str):
            return replace(response.request, url=resolve(named, response.url))
        if isinstance(named, Request):
            return named.after(response)
        if isinstance(named, PageRequest):
            return replace(named, url=resolve(named.url, response.url))
        if hasattr(named, "items"):
            return replace(response.request, url=canonical(set_in_query(response.request.url, dict(named))))
        shown_url = redact_url(response.url)
        raise PaginationError(
            f"{shown_url}: the function given as paging returned {type(named).__name__}, "
            "not a URL, parameters, a nbauth.data.paging.Request or None.",
            url=shown_url,
        )
