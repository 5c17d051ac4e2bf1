"""Members that say nothing: null or empty, as programs write them that have no way to leave a member out.

Ping answers a refresh with ``"id_token": null``, and Go's `encoding/json` writes ``"refresh_token": ""`` for a string
without `omitempty`. Each stands for a member that is not there: RFC 6749 §3.2 says so of parameters without a value,
and OpenID Connect Discovery §4.2 and Core §5.3.2 have such members left out.
"""

from __future__ import annotations

from typing import Any

__all__ = ["without_empty"]


def without_empty(document: dict[str, Any], *, containers: bool = False) -> dict[str, Any]:
    """Return a JSON object without the members that say nothing.

    Args:
        document: what a provider answered.
        containers: leave out empty objects and arrays, too. PHP writes an array for an empty object; but of a list of
            keys or of host names that nothing is in it is an answer.
    """
    return {name: value for name, value in document.items() if not _is_empty(value, containers=containers)}


def _is_empty(value: Any, *, containers: bool) -> bool:
    return value is None or (isinstance(value, str) and not value.strip()) or (containers and value in ([], {}))
