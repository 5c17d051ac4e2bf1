"""The cursor of a GraphQL connection, and the variable of the query that takes it.

See https://relay.dev/graphql/connections.htm and https://docs.github.com/graphql/guides/using-pagination-in-the-graphql-api
"""

from __future__ import annotations

import re
from typing import TYPE_CHECKING

from nbauth.data.paging.more import truth
from nbauth.net.origins import redact_url

if TYPE_CHECKING:
    from typing import Any

    from nbauth.data.fetch.request import PageRequest
    from nbauth.data.paging.envelope import Envelope

__all__ = ["how_to_page", "relay_cursor", "unasked_end"]

_VARIABLE = re.compile(r"\bafter\s*:\s*\$(\w+)")
_SIZE = re.compile(r"\b(?:first|last|limit|pageSize|take)\s*:\s*(\d+)")


def relay_cursor(envelope: Envelope) -> tuple[str, str] | None:
    """Return the path of the cursor, and where the next request's JSON takes it; None without both."""
    query = _query(envelope.response.request)
    variables = set(_VARIABLE.findall(query or ""))
    if len(variables) != 1:
        return None
    beside = (envelope.rows_path or "").rpartition(".")[0]
    found = [
        place
        for place in envelope.places
        if {"endcursor", "hasnextpage"} <= place.names.keys()
        and truth(envelope.value(place.path("hasnextpage")))
        and isinstance(envelope.value(place.path("endcursor")), str)
    ]
    near = [place for place in found if beside and place.inside.startswith(f"{beside}.")] or found
    return (near[0].path("endcursor"), f"variables.{variables.pop()}") if len(near) == 1 else None


def unasked_end(envelope: Envelope, rows_path: str | None) -> str | None:
    """Return what to say of a connection whose query asks where its page ends, and not whether another comes.

    A cursor is there on the last page, too, where it has rows; so one page that is full may be all or not.

    Args:
        envelope: the response's.
        rows_path: where its rows are.
    """
    if rows_path is None or rows_path.rpartition(".")[2] not in ("nodes", "edges"):
        return None
    inside = f"{rows_path.rpartition('.')[0]}.pageInfo.".lstrip(".")
    place = next((place for place in envelope.places_around(rows_path) if place.inside == inside), None)
    if place is None or "endcursor" not in place.names or "hasnextpage" in place.names:
        return None
    sizes, node = _sizes(envelope.response.request), envelope.node(rows_path)
    rows = node.count() if node is not None and node.is_list else 0
    if not envelope.value(place.path("endcursor")) or not rows or (sizes and rows not in sizes):
        return None
    return (
        f"{redact_url(envelope.response.url)}: the answer has a cursor ({place.path('endcursor')}), and its query does "
        "not ask for hasNextPage, so that nothing says whether there are more rows. These are taken for all. "
        + (how_to_page(envelope.response.request) or "Ask for pageInfo { hasNextPage endCursor }.")
    )


def _sizes(request: PageRequest) -> set[int]:
    """Return the numbers that a query may have for a page's size."""
    sizes = set(map(int, _SIZE.findall(_query(request) or "")))
    body: Any = request.body
    variables = body.get("variables") if isinstance(body, dict) else None
    return sizes | {
        value for value in (variables.values() if isinstance(variables, dict) else ()) if type(value) is int
    }


def how_to_page(request: PageRequest) -> str | None:
    """Return what a query of GraphQL's needs so that its pages can be asked for; None of any other request."""
    if _query(request) is None:
        return None
    return (
        "Let the query take its place from a variable and ask for the cursor, as in query($after: String) "
        "{ … (first: 100, after: $after) { nodes { … } pageInfo { hasNextPage endCursor } } }; it is filled in then."
    )


def _query(request: PageRequest) -> str | None:
    body: Any = request.body
    query = body.get("query") if isinstance(body, dict) else None
    return query if isinstance(query, str) and "{" in query else None
