"""Where the rows of a document are."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from nbauth.data.paging.answers import Rows, at
from nbauth.errors import FormatError
from nbauth.signin.origins import redact_url

if TYPE_CHECKING:
    from collections.abc import Mapping

    from nbauth.data.nodes import Node
    from nbauth.data.paging.answers import Answer

__all__ = ["NEXT", "find_collection", "is_odata", "odata_rows", "rows_at", "total_of"]

NEXT = ("@odata.nextLink", "odata.nextLink", "@nextLink", "nextLink")  # OData 4, 3 and 4.01; Azure Resource Manager
COUNT = ("@odata.count", "odata.count", "@count", "count")
# What envelopes call their rows. Only looked for where something beside them says that the answer is a page.
_ROWS = (
    "value", "data", "items", "results", "records", "rows", "entries", "content", "documents", "objects", "elements",
)  # fmt: skip


def rows_at(answer: Answer, path: str) -> Rows:
    """Return the rows at a path that the caller named.

    Raises:
        FormatError: there is nothing at that path.
    """
    node = at(answer.document, tuple(path.split(".")) if path else ())
    if node is None:
        place = redact_url(answer.url)
        there = ", ".join(list(answer.document.members())[:12]) or "no member"
        raise FormatError(f"{place}: the answer has nothing at records={path!r}; it has {there}.", url=place)
    if node.is_list:
        return Rows(node)
    # Some servers write null for no rows.
    return Rows.none() if not node.is_object and node.value() is None else Rows(node, is_single=True)


def odata_rows(document: Node) -> Rows:
    """Return the rows of an OData answer, an array or a single object."""
    if document.is_list:
        return Rows(document)
    if is_odata(members := document.members()):
        return Rows(members["value"])
    return Rows(document, is_single=True)


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


def total_of(answer: Answer, path: str | None) -> int | None:
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


def _value(members: Mapping[str, Node], name: str) -> Any:
    return members[name].value() if name in members else None
