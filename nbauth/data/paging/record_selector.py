"""Where the rows of a document are."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from nbauth.data.paging.page import Rows, at
from nbauth.errors import FormatError
from nbauth.net.origins import redact_url

if TYPE_CHECKING:
    from collections.abc import Mapping
    from collections.abc import Set as AbstractSet

    from nbauth.data.paging.page import PageResponse
    from nbauth.data.parse.lazy_json import Node

__all__ = ["COUNT", "NEXT", "collections_of", "find_collection", "is_odata", "rows_at", "rows_of", "total_of"]

NEXT = ("@odata.nextLink", "odata.nextLink", "@nextLink", "nextLink")  # OData 4, 3 and 4.01; Azure Resource Manager
COUNT = ("@odata.count", "odata.count", "@count", "count")
# What envelopes call their rows. Only looked for where something beside them says that the answer is a page.
_ROWS = (
    "value", "data", "items", "results", "records", "rows", "entries", "content", "documents", "objects", "elements",
    "values", "issues",
)  # fmt: skip


def rows_at(answer: PageResponse, path: str, *, known: AbstractSet[str] | None = None) -> Rows:
    """Return the rows at a path.

    Args:
        answer: the answer.
        path: where they are.
        known: the members of the first answer, if the path was found there. A later one that has no rows may leave them
            out, or be an array.

    Raises:
        FormatError: there is nothing at that path.
    """
    if known is not None and answer.document.is_list:
        return Rows(answer.document)
    node = at(answer.document, tuple(path.split(".")) if path else ())
    if node is None:
        if known is not None and known >= answer.document.members().keys():
            return rows_of(answer.document) if not answer.document.is_object else Rows.none()
        place = redact_url(answer.url)
        there = ", ".join(list(answer.document.members())[:12]) or "no member"
        what = "is a list; leave records out" if answer.document.is_list else f"has {there}"
        raise FormatError(f"{place}: the answer has nothing at records={path!r}; it {what}.", url=place)
    return rows_of(node)


def rows_of(node: Node) -> Rows:
    """Return a list's items as rows, and anything else as one row."""
    if node.is_list:
        return Rows(node)
    # Some servers write null for no rows.
    return Rows.none() if not node.is_object and node.value() is None else Rows(node, is_single=True)


def is_odata(members: Mapping[str, Node]) -> bool:
    """Tell whether an object is a collection as OData and its kin write it.

    Its ``value`` is a list, and a next link or OData's context stands beside it, or nothing but annotations and a
    count.
    """
    if "value" not in members or not members["value"].is_list:
        return False
    if any(_value(members, name) for name in NEXT):
        return True
    context = _value(members, "@odata.context") or _value(members, "odata.metadata")
    if isinstance(context, str):
        return not context.endswith("$entity")  # OData JSON Format 4.01 §10.7: one entity that has a `value`
    return all(name == "value" or name in NEXT or name in COUNT or name.startswith("@") for name in members)


def total_of(answer: PageResponse, path: str | None) -> int | None:
    """Return how many rows there are in all, where the answer says: at the path, or as OData does."""
    if path is not None:
        found = answer.get(*path.split("."))
        return found if type(found) is int else None
    members = answer.document.members()
    counts = (members[name].value() for name in COUNT if name in members)
    return next((count for count in counts if type(count) is int), None) if is_odata(members) else None


def find_collection(document: Node) -> str | None:
    """Return the path of the only array that can be the rows of an envelope, or None."""
    members = document.members()
    found = [name for name in _ROWS if name in members and members[name].is_list]
    if not found:
        for outer in ("data", "result", "response", "_embedded"):
            inner = members[outer].members() if outer in members else {}
            lists = [name for name, node in inner.items() if node.is_list]
            if len(lists) == 1 and (outer == "_embedded" or lists[0] in _ROWS):
                found.append(f"{outer}.{lists[0]}")
    return found[0] if len(found) == 1 else None


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
    lists = {name: node.value() for name, node in members.items() if node.is_list}
    of_objects = [name for name, rows in lists.items() if rows and isinstance(rows[0], dict)]
    known = [name for name in _ROWS if name in lists]
    others = [name for name, rows in lists.items() if is_page or not rows]
    return of_objects or known or others


def _value(members: Mapping[str, Node], name: str) -> Any:
    return members[name].value() if name in members else None
