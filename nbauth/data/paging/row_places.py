"""Where the rows of an object may be: the lists in it, the likeliest one, and what speaks against it.

Nothing tells an envelope from a row for certain. A list that is called as envelopes call their rows is one, and so is
the only list of objects beside what envelopes say. An ``id`` makes an object a row. All else is a guess, which says so.
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import TYPE_CHECKING
from urllib.parse import unquote, urlsplit

from nbauth.data.paging.names import NAMING, ROWS, is_aside, is_of_envelope, is_wrapper, plain

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping

    from nbauth.data.paging.body_values import BodyValues
    from nbauth.data.parse.lazy_json import Node

__all__ = ["RowPlace", "has_id", "row_place"]

_DEEPEST = 6
_MOST_OBJECTS = 100
_MOST_BESIDE = 20  # more are the keys of a map, of which one more or less tells nothing
_IDS = frozenset({"id", "uuid", "guid", "uid", "odataid", "odataetag"})
_VALUES = frozenset({"coordinates", "bbox"})  # one value each, that of a shape (RFC 7946)
_ENDS_OF_IDS = ("id", "number", "key", "code")
_CONNECTION = ("nodes", "edges")  # GraphQL's: https://relay.dev/graphql/connections.htm
_OF_EDGES = ("node", "cursor")
_KINDS = ("kind", "object", "type", "@type", "resourceType")
_COLLECTIONS = ("list", "collection", "bundle", "listing", "page", "results", "listresponse")
_GROUPED = frozenset({"aggregations", "aggs", "facets"})  # Elasticsearch's buckets are rows of another kind
_TABLES = ("tables", "rows", "Tables", "Rows")
_FLAGS = frozenset({
    "hasmore", "hasnext", "hasnextpage", "hasmoreitems", "hasmoreresults", "moreavailable", "more", "islast",
    "islastpage", "lastpage", "last", "done", "truncated", "istruncated", "exceededtransferlimit", "incompleteresults",
})  # fmt: skip
_TOTALS = frozenset({
    "total", "totalcount", "totalsize", "totalresults", "totalitems", "totalelements", "totalrecords", "totalrows",
    "count", "numfound", "resultcount", "recordcount", "size", "length", "totalhits", "found", "matched",
})  # fmt: skip


@dataclass(frozen=True)
class RowPlace:
    """Where the rows of an object probably are.

    Attributes:
        path: the path of the list; None where none is likelier than the others, or there is none.
        others: the paths of other lists that may be the rows.
        beside: the members beside the rows or above them that envelopes do not have.
        is_known: whether the list is called as envelopes call their rows, or as the URL ends.
        is_of_rows: whether the list holds objects or lists, or nothing.
        is_empty: whether it holds nothing.
        is_only: whether there is no other list.
        is_named: whether a name is beside it, as things have that are no envelope.
        is_numbered: whether an id of some name is beside it.
        has_objects: whether objects are beside it that envelopes do not have.
        has_id: whether an ``id`` says that the object is a row.
        is_page: whether a flag says that it is a page, whatever else there is.
        is_counted: whether a count says so; beside what envelopes do not have, only that of the list.
        is_none: whether it says that there are no rows, and leaves out their list.
        is_bare: whether it has no list, and nothing but what envelopes have.
    """

    path: str | None = None
    others: tuple[str, ...] = ()
    beside: tuple[str, ...] = ()
    is_known: bool = False
    is_of_rows: bool = False
    is_empty: bool = False
    is_only: bool = False
    is_named: bool = False
    is_numbered: bool = False
    has_objects: bool = False
    has_id: bool = False
    is_page: bool = False
    is_counted: bool = False
    is_none: bool = False
    is_bare: bool = False


@dataclass(frozen=True)
class _Beside:
    """What stands beside and above a list that envelopes do not have."""

    paths: tuple[str, ...] = ()
    is_named: bool = False
    has_objects: bool = False
    has_id: bool = False


@dataclass(frozen=True)
class _List:
    path: str
    node: Node
    rank: int  # the lower, the likelier
    beside: _Beside
    is_known: bool

    @property
    def has_rows(self) -> bool:
        """Whether it holds objects or lists."""
        return self.node.holds_objects or self.node.holds_lists


def row_place(values: BodyValues, url: str) -> RowPlace:
    """Find the list that is the rows.

    Args:
        values: those of an object.
        url: where it came from.
    """
    members = values.response.document.members()
    context = values.value("@odata.context")
    if isinstance(context, str) and context.endswith("$entity"):
        return RowPlace(has_id=True)  # OData JSON Format 4.01 §10.7
    lists = list(_Walk(values, plain(_last_name(url))).lists(values.response.document))
    is_page, counts = _signs(values, members)
    is_collection = _is_collection(values, members)
    is_called_for = _is_called_for(values, members, _last_name(url))
    signs = RowPlace(is_page=is_page or is_collection, has_id=has_id(members) or is_called_for)
    if not lists:
        empty = [name for name, node in members.items() if node.is_object and not node.members()]
        is_none = is_collection or 0 in counts or any(plain(name) in ROWS for name in empty)
        is_bare = bool(members) and all(is_of_envelope(name) or name in empty for name in members)
        return replace(signs, is_none=is_none and is_bare, is_bare=is_bare)
    lowest = min(one.rank for one in lists)
    likeliest = [one for one in lists if one.rank == lowest]
    full = [one for one in lists if one.has_rows and one.rank not in (_Rank.MESSAGES, _Rank.ASIDE)]
    chosen = likeliest if len(likeliest) == 1 else [one for one in likeliest if one.has_rows]
    if len(chosen) != 1 or f"{chosen[0].path}.2" in members:  # the second of two members with one name
        is_bare = lowest <= _Rank.INSIDE or (lowest <= _Rank.DEEP and not likeliest[0].beside.paths)
        others = full or [one for one in likeliest if is_bare or one.has_rows]
        return replace(signs, others=tuple(one.path for one in others))
    (one,) = chosen
    return replace(
        signs,
        path=_into_tables(one.node, one.path),
        others=tuple(other.path for other in full if other is not one),
        beside=one.beside.paths,
        is_known=one.is_known,
        is_of_rows=not one.beside.paths if lowest >= _Rank.NULL else one.has_rows or one.node.is_empty,
        is_empty=one.node.is_empty,
        is_only=sum(other.rank < _Rank.ASIDE for other in lists) == 1,
        is_named=one.beside.is_named,
        has_objects=one.beside.has_objects,
        is_counted=bool(counts) and (not one.beside.paths or (one.node.is_list and one.node.count() in counts)),
        is_numbered=any(plain(name).endswith(_ENDS_OF_IDS) for name in one.beside.paths),
        has_id=one.beside.has_id or (is_called_for and not is_collection),
    )


_NOTHING = _Beside()


class _Rank:
    KNOWN = 0  # called as envelopes call their rows
    INSIDE = 1  # likewise, in an object that is called as envelopes are
    ONLY = 2  # a list of objects of any name
    DEEP = 3  # one in an object of any name
    MESSAGES = 4  # which are rows of a mailbox, and elsewhere what is said of the rows
    SCALARS = 5  # a list of anything else
    GROUPED = 6
    NULL = 7
    ASIDE = 8


class _Walk:
    """A walk through the objects of a document.

    Args:
        values: its values.
        wanted: the name with which the URL ends.
    """

    def __init__(self, values: BodyValues, wanted: str) -> None:
        self._values = values
        self._wanted = wanted
        self._left = _MOST_OBJECTS

    def lists(
        self, node: Node, path: str = "", above: _Beside = _NOTHING, *, is_inside: bool = True
    ) -> Iterator[_List]:
        """Yield the lists in an object and in those inside it.

        Args:
            node: the object.
            path: its path, with a dot behind it.
            above: what stands beside it and above it.
            is_inside: whether it and all objects above are called as envelopes are.
        """
        self._left -= 1
        members = node.members()
        is_feed = path.endswith(("feed.", "channel.")) or _is_collection(self._values, members, path)
        is_row = (above.has_id or has_id(members)) and not is_feed
        odd = [name for name, member in members.items() if _is_odd(name, member)]
        beside = _with(above, members, odd, path, is_row=is_row)
        for name, member in members.items():
            key = plain(name)
            is_connection = key in _CONNECTION and bool(path)  # whoever wrote the query for it knows what else is there
            if member.is_list or member.is_null:
                if not (key == "edges" and "nodes" in members and member.may_begin_with(_OF_EDGES)):
                    around = _NOTHING if is_connection else beside
                    yield from self._list(name, member, path, around, is_inside=is_inside)
            elif member.is_object and path.count(".") < _DEEPEST and self._left > 0:
                if key in _GROUPED:
                    yield from (replace(one, rank=_Rank.GROUPED) for one in self.lists(member, f"{path}{name}."))
                elif is_wrapper(name) or not is_of_envelope(name):
                    rest = [other for other in odd if other != name] if len(odd) <= _MOST_BESIDE else odd
                    around = _with(above, members, rest, path, is_row=is_row)
                    yield from self.lists(member, f"{path}{name}.", around, is_inside=is_inside and is_wrapper(name))

    def _list(self, name: str, node: Node, path: str, beside: _Beside, *, is_inside: bool) -> Iterator[_List]:
        key = plain(name)
        is_known = key in ROWS or (key == self._wanted and not path) or path.endswith("_embedded.")
        has_rows = node.holds_objects or node.holds_lists or node.is_empty
        rank = None
        if not node.is_list:
            rank = _Rank.NULL if is_known or not (beside.paths or is_of_envelope(name)) else None
            rank = _Rank.ASIDE if key == "messages" and not beside.paths else rank
        elif key in _VALUES:
            return
        elif is_aside(name) and not is_known:
            rank = _Rank.ASIDE if has_rows and not key.startswith(("error", "exception")) else None
        elif key == "messages" and has_rows and not is_known:
            rank = _Rank.MESSAGES
        elif is_known and (is_inside or key in _CONNECTION):
            rank = _Rank.INSIDE if path else _Rank.KNOWN
        elif has_rows or is_inside:
            rank = _Rank.SCALARS if not has_rows else _Rank.DEEP if path else _Rank.ONLY
        if rank is not None:
            yield _List(path + name, node, rank, beside, is_known)


def _with(above: _Beside, members: Mapping[str, Node], odd: list[str], path: str, *, is_row: bool) -> _Beside:
    """Return what stands beside a member, with what stands above it."""
    return _Beside(
        (*above.paths, *(path + name for name in odd[:_MOST_BESIDE])),
        above.is_named or any(plain(name) in NAMING for name in odd[:_MOST_BESIDE]),
        above.has_objects or any(members[name].is_object for name in odd),
        is_row,
    )


def _is_odd(name: str, node: Node) -> bool:
    """Tell whether envelopes have no such member."""
    return not (node.is_list or is_of_envelope(name) or node.is_null or (node.is_object and not node.members()))


def has_id(members: Mapping[str, Node]) -> bool:
    """Tell whether an object has an id, as single things have."""
    if any(plain(name) in _IDS and not node.is_object and not node.is_null for name, node in members.items()):
        return True
    inner = members["metadata"].members() if "metadata" in members and "kind" in members else {}
    return "name" in inner or "uid" in inner  # Kubernetes' objects


def _is_collection(values: BodyValues, members: Mapping[str, Node], path: str = "") -> bool:
    """Tell whether a member names the object's kind, and that is one of collections."""
    kinds = (values.value(path + name) for name in _KINDS if name in members)
    said = [kind.lower() for kind in kinds if isinstance(kind, str)]
    return any(kind.endswith(_COLLECTIONS) or ("#" in kind and kind.endswith("s")) for kind in said)  # Google's


def _signs(values: BodyValues, members: Mapping[str, Node]) -> tuple[bool, list[int]]:
    """Return whether a flag says that it is a page, and the counts."""
    inner = [(f"{name}.", node.members()) for name, node in members.items() if node.is_object and is_of_envelope(name)]
    names = {path + name: plain(name) for path, some in (("", members), *inner) for name in some}
    is_page = any(type(values.nested(path)) is bool for path, key in names.items() if key in _FLAGS)
    counts = [values.nested(path) for path, key in names.items() if key in _TOTALS]
    return is_page, [count for count in counts if type(count) is int]


def _into_tables(node: Node, path: str) -> str:
    """Return the path of the rows in lists of one object each, as Power BI has them: ``results.0.tables.0.rows``."""
    items = node.items() if node.may_begin_with(_TABLES) else []
    inner = items[0].members() if len(items) == 1 else {}
    if has_id(inner):  # rows have tables of their own, too
        return path
    for name, member in inner.items():
        if name in _TABLES and member.is_list and "columns" not in map(plain, inner):
            return _into_tables(member, f"{path}.0.{name}")
    return path


def _is_called_for(values: BodyValues, members: Mapping[str, Node], name: str) -> bool:
    """Tell whether the URL ends with what an object is called by: ``/orders/7`` is that of the order with number 7."""
    called = (one for one in members if plain(one) in NAMING or plain(one).endswith(_ENDS_OF_IDS))
    return bool(name) and any(str(values.nested(one)) == name for one in called if not members[one].is_list)


def _last_name(url: str) -> str:
    """Return the last name in a URL's path, without an ending."""
    return unquote(urlsplit(url).path.rstrip("/").rpartition("/")[2]).partition(".")[0]
