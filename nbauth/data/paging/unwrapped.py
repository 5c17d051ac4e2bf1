"""Documents that hold what is meant in another form: as JSON text, or as a list of an envelope and its rows."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING

from nbauth.data.parse.lazy_json import PlainNode, RawNode, node_of

if TYPE_CHECKING:
    from nbauth.data.parse.lazy_json import Node

__all__ = ["document_of"]

_TEXT = re.compile(rb"""\s*\{\s*"d"\s*:\s*\"""")
_PAIR_END = re.compile(rb"(?:\]|null)\s*\]\s*\Z")
_TAIL = 200  # bytes
_OF_PAGES = {"page", "pages", "total", "per_page"}
_ROWS = "1"  # their place in the list, so that records= may name them


def document_of(content: bytes) -> Node:
    """Return a response's document in the form that the rest of the package knows.

    ASP.NET's older services (ASMX) put the answer as JSON text into ``d``. The World Bank answers
    ``[{"page": 1, "pages": 3, "per_page": "50", "total": 120}, [rows]]``, which becomes one object with all of it
    (datahelpdesk.worldbank.org, "API basic call structures").

    Raises:
        ValueError: it is no JSON.
        RecursionError: it is nested too deeply.
    """
    document = node_of(content)
    if isinstance(document, RawNode):
        if document.is_object and _TEXT.match(document.start):
            return _of_text(document)
        if document.holds_objects and _PAIR_END.search(bytes(document.raw[-_TAIL:])):
            return _of_pair(document)
        return document
    return _of_text(document) if document.is_object else _of_pair(document)


def _of_text(document: Node) -> Node:
    members = document.members()
    text = members["d"].value() if set(members) == {"d"} else None
    if not isinstance(text, str) or text.strip()[:1] + text.strip()[-1:] not in ("[]", "{}"):
        return document
    return node_of(text.encode("utf-8", "surrogatepass"))


def _of_pair(document: Node) -> Node:
    try:
        items = document.items()
    except ValueError:  # Infinity, which only the standard library takes, or no JSON: whoever decodes it tells
        return document
    if len(items) != 2 or not items[0].members().keys() & _OF_PAGES:  # noqa: PLR2004 - an envelope, and rows
        return document
    if not (items[1].is_list or items[1].is_null):
        return document
    if items[1].is_null:
        return PlainNode([])
    if isinstance(items[0], RawNode) and isinstance(items[1], RawNode):
        envelope = bytes(items[0].raw).rstrip()[:-1]
        return RawNode(b'%b, "%b": %b}' % (envelope, _ROWS.encode(), bytes(items[1].raw)))
    return PlainNode({**items[0].value(), _ROWS: items[1].value()})
