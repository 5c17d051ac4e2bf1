"""A caller's own function."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import pytest
from page_responses import URL, next_request

from nbauth.errors import PaginationError

if TYPE_CHECKING:
    from nbauth.data.paging import PageResponse


def test_function() -> None:
    """A function returns a URL, parameters or nothing, and sees the answer."""
    seen: list[PageResponse] = []

    def more(answer: PageResponse) -> Any:
        seen.append(answer)
        return answer.json()["more"]

    assert next_request(more, {"more": "?page=7"}, X_Next="n") == "https://api.example/items?page=7"
    assert next_request(more, {"more": {"page": 8}}) == "https://api.example/items?page=8"
    assert next_request(more, {"more": None}) is None
    assert (seen[0].headers["x-next"], seen[0].status, seen[0].url) == ("n", 200, URL)
    with pytest.raises(PaginationError, match="returned int"):
        next_request(more, {"more": 7})
