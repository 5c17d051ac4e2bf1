"""Where the rows of a response are."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from nbauth.data.paging.page_response import Rows, at
from nbauth.errors import FormatError
from nbauth.net.origins import redact_url

if TYPE_CHECKING:
    from collections.abc import Mapping
    from collections.abc import Set as AbstractSet

    from nbauth.data.paging.body_values import BodyValues
    from nbauth.data.paging.page_response import PageResponse
    from nbauth.data.paging.row_places import RowPlace
    from nbauth.data.parse.lazy_json import Node

__all__ = ["COUNT", "NEXT", "Choice", "choose", "is_odata", "odata_2_rows", "rows_at", "rows_of"]

NEXT = ("@odata.nextLink", "odata.nextLink", "@nextLink", "nextLink")  # OData 4, 3 and 4.01; Azure Resource Manager
COUNT = ("@odata.count", "odata.count", "@count", "count")


_MOST_SHOWN = 5


@dataclass(frozen=True)
class Choice:
    """Whether an object is a page of rows or a row.

    Attributes:
        path: the path of the rows; None where the object is a row itself.
        assumed: what was taken for granted, to be said; None where the response says it.
    """

    path: str | None
    assumed: str | None = None


def choose(place: RowPlace, url: str, *, is_page: bool, is_linked: bool) -> Choice:
    """Tell whether an object is a page of rows or a row.

    Args:
        place: where its rows probably are.
        url: where it came from.
        is_page: whether it is sure to be a page.
        is_linked: whether it names a next address, which a row may do as well.
    """
    is_page = is_page or place.is_page
    path, lists = place.path, place.others
    if path is None or (place.has_id and not is_page):
        return Choice(None, _as_row(lists, url) if lists and not place.has_id else None)
    is_odd = bool(place.beside or place.others) or (is_linked and not place.is_of_rows and not place.is_known)
    is_counted = place.is_of_rows and ((is_linked and not place.is_numbered) or place.is_counted)
    is_likely = place.is_known or not (place.is_named or (place.has_objects and not is_counted))
    is_told = (is_page or (is_counted and is_likely) or not is_odd) and not (place.is_empty and place.others)
    if is_told or (place.is_of_rows and is_likely):
        return Choice(path, None if is_told else _as_rows(place, url))
    # Lists such as things have, too.
    is_plain = (place.is_empty and not place.is_only) or not (place.is_of_rows or is_linked)
    return Choice(None, None if is_plain else _as_row((path, *lists), url))


def _as_row(lists: tuple[str, ...], url: str) -> str:
    shown = " or ".join(f'records="{path}"' for path in lists[:_MOST_SHOWN])
    return (
        f"{redact_url(url)}: the answer was taken as one row. "
        f'If its rows are in a list of it, say {shown}; else say records="".'
    )


def _as_rows(place: RowPlace, url: str) -> str:
    beside = ", ".join([*place.beside, *place.others][:_MOST_SHOWN])
    others = "".join(f', or records="{path}" for another list' for path in place.others[:1])
    return (
        f'{redact_url(url)}: the rows were taken from records="{place.path}", without what is beside them: {beside}. '
        f'Say so, or records="" for the whole answer as one row{others}.'
    )


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
    if path and node.is_object and not node.members():
        return Rows.none()  # PHP writes {} for an array without items, or the other way round
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
    if "value" not in members:
        return False
    if not members["value"].is_list:  # Azure Resource Manager writes null for no rows
        return members["value"].is_null and all(_is_odata_s(name) for name in members)
    if any(name in members and values.value(name) for name in NEXT):
        return True
    context = "@odata.context" in members and values.value("@odata.context")
    context = context or ("odata.metadata" in members and values.value("odata.metadata"))
    if isinstance(context, str):
        return not context.endswith("$entity")  # OData JSON Format 4.01 §10.7: one entity that has a `value`
    return all(_is_odata_s(name) for name in members)


def _is_odata_s(name: str) -> bool:
    return name == "value" or name in NEXT or name in COUNT or name.startswith("@")


def odata_2_rows(members: Mapping[str, Node]) -> str | None:
    """Return where the rows of an OData 2 collection are (OData 2.0 JSON Format §4), or None."""
    if set(members) != {"d"}:
        return None
    inner = members["d"].members()
    if "results" in inner and inner["results"].is_list and set(inner) <= {"results", "__next", "__count"}:
        return "d.results"
    return "d" if members["d"].is_list else None
