"""Whether pages bring anything new: rows that came before, also where only the time of the answer in them differs.

A page is not looked through for that: its first rows tell, and all of them are compared only where those do.
"""

from __future__ import annotations

import re
from functools import lru_cache
from typing import TYPE_CHECKING, Any

from nbauth.data.paging.request_params import folded

if TYPE_CHECKING:
    from nbauth.data.parse.lazy_json import Node

__all__ = ["Novelty"]

# Rows that look the same may be so in truth, such as readings of a sensor. So many pages of them are not.
_MOST_ALIKE = 100
_MOST_OF_SAME_ROWS = 50
_MOST_WITHOUT_ID = 10
_MOST_SEEN = 10  # pages in a row that begin with rows which came before: in a circle, or in another order
_NOTED_FROM = 5  # pages: most loads are shorter, and a circle is found behind them as well
_LOOKED_AT = 8
_IDS = frozenset({
    "id", "uuid", "guid", "uid", "oid", "key", "pk", "rowkey", "rowid", "recordid", "objectid", "sysid", "entityid",
})  # fmt: skip
# What tells of the answer and not of the row.
_OF_ANSWER = re.compile(
    r"\w*(?:answered|served|fetched|generated|retrieved|requested|queried|rendered|exported|downloaded|cached|responded"
    r"|elapsed|latency|nonce|took)\w*|now|asof|age|ttl|(?:server|current|response|query)time|(?:request|trace|"
    r"correlation)id|hits|views|viewcount|counter"
)


class Novelty:
    """Counts how often in a row the same page came, or rows that came before.

    Args:
        most_equal: how many equal pages in a row are one too many, where something identifies their rows.
        most_untold: how many, where nothing does.
    """

    def __init__(self, most_equal: int, most_untold: int) -> None:
        self._most_equal = most_equal
        self._most_untold = most_untold
        self._last: Node | None = None
        self._equal = self._same = 1
        self._before: list[Any] | None = None  # the first rows of the last page, once they were looked at
        self._pages = 0
        self._rows: set[int] = set()
        self._seen = 0

    def saw(self, node: Node) -> str | None:
        """Take a page's rows; return what shows that they are nothing new, where that is so too often."""
        last, self._last, self._pages = self._last, node, self._pages + 1
        if last is None:
            return None
        is_noted = self._pages >= _NOTED_FROM
        start = node.first(_LOOKED_AT if is_noted else 2)
        before, self._before = last.first(2) if self._before is None else self._before, start[:2]
        if is_noted:
            self._seen = 0 if self._note(start) else self._seen + 1
        if self._seen >= _MOST_SEEN:
            return f"{self._seen} pages in a row brought rows that came before"
        first = start[:2]
        if node.identity == last.identity:
            self._equal, self._same = self._equal + 1, self._same + 1
            return self._too_often(first, is_exact=True)
        is_alike = bool(first and before) and _alike(before[0], first[0])
        is_alike = is_alike and _all(last, node, _alike)
        self._equal = self._equal + 1 if is_alike else 1
        self._same = self._same + 1 if is_alike or _are_same(before, first) else 1
        if self._same >= _MOST_OF_SAME_ROWS and not is_alike and _all(last, node, _same):
            return _came(self._same)
        return self._too_often(first, is_exact=False)

    def _note(self, rows: list[Any]) -> bool:
        """Note rows that something identifies; tell whether one of them is new, or none of them can be told."""
        told = [hash(_of_row(row)) for row in rows if _id_of(row) is not None]
        marks = set(told)
        is_new = len(marks) < max(1, len(told)) or not marks <= self._rows  # equal ones are of one thing
        self._rows |= marks
        return is_new

    def _too_often(self, first: list[Any], *, is_exact: bool) -> str | None:
        is_told = _id_of(first[0]) is not None if first else False
        if len(first) > 1 and _alike(first[0], first[1]):
            most = _MOST_ALIKE
        elif is_told:
            most = self._most_equal
        elif is_exact:
            most = self._most_untold
        else:
            most = _MOST_WITHOUT_ID
        return _came(self._equal) if self._equal >= most else None


def _came(times: int) -> str:
    return f"the same page came {times} times in a row"


def _alike(one: Any, other: Any) -> bool:
    """Tell whether two rows are equal but for what tells of the answer."""
    if not isinstance(one, dict) or not isinstance(other, dict):
        return bool(one == other)
    return one.keys() == other.keys() and all(_equal(one[name], other[name]) for name in _names(tuple(one))[0])


def _of_row(row: dict[str, Any]) -> str:
    """Return what a row tells of itself, as text."""
    return repr([row[name] for name in _names(tuple(row))[0]])


@lru_cache(maxsize=256)
def _names(names: tuple[str, ...]) -> tuple[tuple[str, ...], str | None]:
    """Return the members that tell of a row itself, and the one that identifies it, if there is one."""
    own = tuple(sorted(name for name in names if not _OF_ANSWER.fullmatch(folded(name))))
    return own, next((name for name in names if folded(name) in _IDS), None)


def _equal(one: Any, other: Any) -> bool:
    if isinstance(one, str) and isinstance(other, str) and one.startswith("http"):
        return one.partition("?")[0] == other.partition("?")[0]  # signed anew for each answer
    return bool(one == other)


def _id_of(row: Any) -> Any:
    """Return what identifies a row by its name; None where nothing does."""
    if not isinstance(row, dict):
        return None
    name = _names(tuple(row))[1]
    return None if name is None else row[name]


def _same(one: Any, other: Any) -> bool:
    """Tell whether two rows are of one thing: by what identifies them, else by all members but one."""
    known = _id_of(one)
    if known is not None:
        return bool(known == _id_of(other))
    if isinstance(one, dict) and isinstance(other, dict):
        return one.keys() == other.keys() and sum(one[name] != other[name] for name in one) <= 1 < len(one)
    return bool(one == other)


def _are_same(before: list[Any], first: list[Any]) -> bool:
    """Tell whether two pages begin with the same rows, which are not of one thing all of them."""
    if len(before) != len(first) or not all(map(_same, before, first)):
        return False
    if len(first) == 1 or _id_of(first[0]) is not None:
        return len(first) == 1 or _id_of(first[0]) != _id_of(first[1])
    if not isinstance(first[0], dict) or not isinstance(first[1], dict):
        return bool(first[0] != first[1])
    return any(first[0][name] == before[0].get(name) != first[1].get(name) for name in first[0])


def _all(last: Node, node: Node, is_so: Any) -> bool:
    before, rows = last.value(), node.value()
    return len(before) == len(rows) and all(map(is_so, before, rows))
