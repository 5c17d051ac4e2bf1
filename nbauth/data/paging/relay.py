"""The cursor of a GraphQL connection, and the variable of the query that takes it.

See https://relay.dev/graphql/connections.htm and https://docs.github.com/graphql/guides/using-pagination-in-the-graphql-api
"""

from __future__ import annotations

import re
from typing import TYPE_CHECKING

from nbauth.data.paging.more import truth

if TYPE_CHECKING:
    from typing import Any

    from nbauth.data.fetch.request import PageRequest
    from nbauth.data.paging.envelope import Envelope

__all__ = ["how_to_page", "relay_cursor"]

_VARIABLE = re.compile(r"\bafter\s*:\s*\$(\w+)")


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
