"""The `Link` header (RFC 8288 §3)."""

from __future__ import annotations

import re
from urllib.parse import urljoin

__all__ = ["next_link"]

_TARGET = re.compile(r"[\s,]*<([^>]*)>")
_PARAMETER = re.compile(r'\s*;\s*([^\s=;,"<>]+)\s*(?:=\s*(?:"((?:[^"\\]|\\.)*)"|([^\s;,"]*)))?')


def next_link(header: str, url: str) -> str | None:
    """Return the target of the first link of relation ``next``, as the server wrote it.

    Args:
        header: the header's value; several headers joined by commas.
        url: where the response came from. A link whose ``anchor`` is another place does not count (§3.2).
    """
    position = 0
    while (target := _TARGET.match(header, position)) is not None:
        position = target.end()
        parameters: dict[str, str] = {}
        while (parameter := _PARAMETER.match(header, position)) is not None:
            name, quoted, plain = parameter.groups()
            value = re.sub(r"\\(.)", r"\1", quoted) if quoted is not None else plain or ""
            parameters.setdefault(name.lower(), value)  # only the first `rel` counts (§3.3)
            position = parameter.end()
        is_next = "next" in parameters.get("rel", "").lower().split()
        # Sentry's next link is always there: https://docs.sentry.io/api/pagination/
        is_next = is_next and parameters.get("results", "").lower() != "false"
        if is_next and _is_about(parameters.get("anchor"), url):
            return target[1].strip() or None
        # On to the next link, past whatever cannot be read.
        comma = header.find(",", position)
        if comma < 0:
            return None
        position = comma
    return None


def _is_about(anchor: str | None, url: str) -> bool:
    try:
        return anchor is None or urljoin(url, anchor) == url
    except ValueError:  # brackets that are no IPv6 address
        return False
