"""Where the rows of a response are."""

from __future__ import annotations

from typing import TYPE_CHECKING

from nbauth.data.paging.page_response import Rows, at
from nbauth.errors import FormatError
from nbauth.net.origins import redact_url

if TYPE_CHECKING:
    from collections.abc import Mapping
    from collections.abc import Set as AbstractSet

    from nbauth.data.paging.body_values import BodyValues
    from nbauth.data.paging.page_response import PageResponse
    from nbauth.data.parse.lazy_json import Node

__all__ = ["COUNT", "NEXT", "collections_of", "find_collection", "is_odata", "odata_2_rows", "rows_at", "rows_of"]

NEXT = ("@odata.nextLink", "odata.nextLink", "@nextLink", "nextLink")  # OData 4, 3 and 4.01; Azure Resource Manager
COUNT = ("@odata.count", "odata.count", "@count", "count")
# What envelopes call their rows. Only looked for where something beside them says that the response is a page.
_ROWS = (
    "value", "data", "items", "results", "records", "rows", "entries", "content", "documents", "objects", "elements",
    "values", "issues",
)  # fmt: skip


def rows_at(response: PageResponse, path: str, *, known: AbstractSet[str] | None = None) -> Rows:
    """Return the rows at a path.

    Args:
        response: the response.
        path: where they are.
        known: the members of the first response, if the path was found there. A later one that has no rows may leave
            them out, or be an array.

    Raises:
        FormatError: there is nothing at that path.
    """
    if known is not None and response.document.is_list:
        return Rows(response.document)
    node = at(response.document, tuple(path.split(".")) if path else ())
    if node is None:
        if known is not None and known >= response.document.members().keys():
            return rows_of(response.document) if not response.document.is_object else Rows.none()
        shown_url = redact_url(response.url)
        there = ", ".join(list(response.document.members())[:12]) or "no member"
        what = "is a list; leave records out" if response.document.is_list else f"has {there}"
        raise FormatError(f"{shown_url}: the answer has nothing at records={path!r}; it {what}.", url=shown_url)
    return rows_of(node)


def rows_of(node: Node) -> Rows:
    """Return a list's items as rows, and anything else as one row."""
    if node.is_list:
        return Rows(node)
    # Some servers write null for no rows.
    return Rows.none() if not node.is_object and node.value() is None else Rows(node, is_single=True)


def is_odata(values: BodyValues) -> bool:
    """Tell whether a response is a collection as OData and its kin write it.

    Its ``value`` is a list, and a next link or OData's context stands beside it, or nothing but annotations and a
    count.
    """
    members = values.response.document.members()
    if "value" not in members or not members["value"].is_list:
        return False
    if any(name in members and values.value(name) for name in NEXT):
        return True
    context = "@odata.context" in members and values.value("@odata.context")
    context = context or ("odata.metadata" in members and values.value("odata.metadata"))
    if isinstance(context, str):
        return not context.endswith("$entity")  # OData JSON Format 4.01 §10.7: one entity that has a `value`
    return all(name == "value" or name in NEXT or name in COUNT or name.startswith("@") for name in members)


def odata_2_rows(members: Mapping[str, Node]) -> str | None:
    """Return where the rows of an OData 2 collection are (OData 2.0 JSON Format §4), or None."""
    if set(members) != {"d"}:
        return None
    inner = members["d"].members()
    if "results" in inner and inner["results"].is_list and set(inner) <= {"results", "__next", "__count"}:
        return "d.results"
    return "d" if members["d"].is_list else None


def find_collection(document: Node) -> str | None:
    """Return the path of the only array that can be the rows of an envelope, or None."""
    members = document.members()
    paths = [name for name in _ROWS if name in members and members[name].is_list]
    if not paths:
        for outer in ("data", "result", "response", "_embedded"):
            inner = members[outer].members() if outer in members else {}
            lists = [name for name, node in inner.items() if node.is_list]
            if len(lists) == 1 and (outer == "_embedded" or lists[0] in _ROWS):
                paths.append(f"{outer}.{lists[0]}")
    return paths[0] if len(paths) == 1 else None


def collections_of(document: Node, *, is_page: bool) -> list[str]:
    """Return the members of an object that can be its rows, whatever their names: the lists of objects, if any.

    Args:
        document: the object.
        is_page: whether it is sure to be a page. If not, one with an ``id`` is a row itself, and so is one whose lists
            hold other things than objects.
    """
    members = document.members()
    if "id" in members and not is_page:
        return []
    lists = {name: node for name, node in members.items() if node.is_list}
    of_objects = [name for name, node in lists.items() if node.holds_objects]
    known = [name for name in _ROWS if name in lists]
    others = [name for name, node in lists.items() if is_page or node.is_empty]
    return of_objects or known or others
