"""The objects of a response in which it says something about all of its rows, and the names in them.

APIs spell one name in many ways: ``has_more``, ``hasMore``, ``HasMore``, ``has-more``,
``@Microsoft.Dynamics.CRM.morerecords``. Here a name is known by its `plain` form, and its place by the
objects around it.
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from functools import lru_cache
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping

    from nbauth.data.parse.lazy_json import Node

__all__ = ["ENVELOPES", "Place", "places", "plain"]

_NOT_PLAIN = re.compile(r"[^a-z0-9]")
_MOST_PLACES = 60
_DEEPEST = 5
_LONGEST_LINKS = 50_000  # bytes; longer, it is rows
_LINKS = {"links", "link"}
# Objects for an address or a number: {"next_url": {"href": …}}, {"record_count": {"value": …}}.
_VALUES = re.compile(
    r"(?:next|continuation|total)\w*|(?:record|row|item|result)s?count|(?:num|number)(?:found|matched)"
)
# Objects that speak of something else: what was asked for, other pages, a cluster's parts, groups of rows.
_ELSEWHERE = {
    "request", "params", "parameters", "query", "input", "arguments", "filter", "filters", "shards", "clusters",
    "facets", "aggregations", "aggs", "aggregates", "buckets", "schema", "error", "errors", "included", "profile",
    "self", "first", "last", "prev", "previous", "previouspage", "prevpage", "extensions", "context", "ratelimit",
}  # fmt: skip
# Objects that speak of the rows, also where it is not known yet where the rows are.
ENVELOPES = {
    "meta", "metadata", "pagination", "paging", "page", "pages", "pageinfo", "paginginfo", "paginationinfo", "pager",
    "pagemeta", "pagecontext", "cursor", "cursors", "links", "link", "next", "nextpage", "additionaldata",
    "responsemetadata", "resultinfo", "resultset", "resultmetadata", "response", "result", "listinfo", "searchinfo",
    "queryresult", "queryresponse", "info", "summary", "header", "manifest", "data", "d", "hits", "total", "embedded",
    "searchmetadata", "searchinformation", "continuation", "properties", "pagingmetadata", "navigation", "nav",
}  # fmt: skip


# Names of such objects that APIs make of several words: ``page_metadata``, ``responseMetaData``, ``paginationInfo``.
_OF_PAGES = re.compile(
    "(?:response|results?|search|query|list|collection|api)?(?:pag(?:e|es|ing|ination|inator|er)|cursors?|meta(?:data)?)"
    "(?:info|data|meta|metadata|details|context|state|results?)*"
)


@dataclass(frozen=True)
class Place:
    """An object, and the plain forms of its members' names.

    Attributes:
        inside: the object, as the start of a path.
        role: its own plain name; nothing for the whole document.
        is_envelope: whether it speaks of the rows: they are inside it, or its name says so.
        names: the names as they are written, by their plain forms.
        links: the arrays of links in it.
    """

    inside: str
    role: str
    is_envelope: bool
    names: Mapping[str, str]
    links: tuple[str, ...] = ()

    def path(self, name: str) -> str:
        """Return the path of the member with this plain name."""
        return self.inside + self.names[name]


@lru_cache(maxsize=4096)
def plain(name: str) -> str:
    """Return a name without case, separators and prefixes: of ``@odata.nextLink`` it is ``nextlink``."""
    return _NOT_PLAIN.sub("", name.rpartition(".")[2].rpartition(":")[2].lower())


def places(document: Node, rows_path: str | None) -> Iterator[Place]:
    """Yield the objects beside and above the rows, outer ones first.

    Nothing but names is read, no array is looked into but those above the rows; of many objects only the first.

    Args:
        document: the response's.
        rows_path: the path of the rows. If it is not known, only objects count whose names say what they are.
    """
    above = _above(rows_path)
    waiting = [("", "", document, 0, True)]
    for inside, role, node, depth, is_envelope in waiting:
        names: dict[str, str] = {}
        links = []
        is_above = not inside or inside[:-1] in above
        for name, member in node.members().items():
            key = plain(name)
            names.setdefault(key, name)
            path = inside + name
            if len(waiting) >= _MOST_PLACES or depth >= _DEEPEST:
                continue
            if member.is_list:
                if key in _LINKS and path != rows_path and member.holds_objects and member.size < _LONGEST_LINKS:
                    links.append(path)
                elif path in above:  # the rows are in one of its items
                    waiting.extend(
                        (f"{item}.", key, node, depth + 1, True) for item, node in _items(member, path, above)
                    )
            elif member.is_object and path != rows_path and key not in _ELSEWHERE:
                is_named = key in ENVELOPES or _VALUES.fullmatch(key)
                is_named = is_named or _OF_PAGES.fullmatch(key) or _OF_PAGES.fullmatch(role)
                if path in above or is_named or (rows_path is not None and is_above):
                    speaks = path in above or (is_envelope and bool(is_named))
                    waiting.append((path + ".", key, member, depth + 1, speaks))
        yield Place(inside, role, is_envelope, names, tuple(links))


def _items(array: Node, path: str, above: set[str]) -> list[tuple[str, Node]]:
    """Return the items of an array that are above the rows, and their paths."""
    start = f"{path}."
    numbers = {above_path[len(start) :] for above_path in above if above_path.startswith(start)}
    nodes = array.items()
    found = [int(number) for number in numbers if number.isdecimal() and int(number) < len(nodes)]
    return [(f"{start}{number}", nodes[number]) for number in found]


def _above(rows_path: str | None) -> set[str]:
    parts = (rows_path or "").split(".")[:-1]
    return {".".join(parts[: count + 1]) for count in range(len(parts))}
