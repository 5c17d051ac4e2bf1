"""A caller's own function, which says what the next request is."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Any, ClassVar

from nbauth.data.paging.guards import canonical, resolve
from nbauth.data.paging.page_response import PageResponse
from nbauth.data.paging.request_params import set_in_query
from nbauth.data.paging.styles.style import StatelessStyle
from nbauth.errors import PaginationError
from nbauth.net.origins import redact_url

if TYPE_CHECKING:
    from nbauth.data.fetch.request import PageRequest
    from nbauth.data.paging.page_response import Rows

__all__ = ["ByFunction", "Function"]

Function = Callable[[PageResponse], str | Mapping[str, Any] | None]


@dataclass(frozen=True)
class ByFunction(StatelessStyle):
    """What the function says. It has no name, and a checkpoint cannot hold it: the caller gives it again."""

    function: Function
    is_callers_word: ClassVar[bool] = True

    def next_request(self, response: PageResponse, rows: Rows) -> PageRequest | None:
        """Return the request that the function names: a URL, or parameters for the present one."""
        del rows
        named = self.function(response)
        if named is None or named == "":
            return None
        if isinstance(named, str):
            return replace(response.request, url=resolve(named, response.url))
        if hasattr(named, "items"):
            return replace(response.request, url=canonical(set_in_query(response.request.url, dict(named))))
        shown_url = redact_url(response.url)
        raise PaginationError(
            f"{shown_url}: the function given as paging returned {type(named).__name__}, "
            "not a URL, parameters or None.",
            url=shown_url,
        )
