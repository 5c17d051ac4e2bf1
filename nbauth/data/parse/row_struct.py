"""A shape of rows as a struct of msgspec's, which parses no other, and what is read of its columns."""

from __future__ import annotations

from dataclasses import dataclass
from functools import cache
from typing import TYPE_CHECKING, Any

import msgspec
from msgspec import UNSET, UnsetType

if TYPE_CHECKING:
    from nbauth.data.build.parsed_page import ColumnKey
    from nbauth.data.build.type_rules import Kind
    from nbauth.data.parse.row_shape import Member, Shape

__all__ = ["Branch", "Leaf", "Level", "level_of"]

_MOST_MEMBERS = 500
_KINDS: dict[frozenset[type], Kind] = {
    frozenset({str}): "text",
    frozenset({int}): "int",
    frozenset({bool}): "bool",
    frozenset({float}): "number",
    frozenset({int, float}): "number",
}
_SCALARS = frozenset({bool, int, float, str, type(None)})
Getter = Any  # from objects to the values of one member


@dataclass(frozen=True)
class Leaf:
    """A member that is a column.

    Attributes:
        key: the column's.
        get: returns it of objects; `get_some` gives null in place of an object that is not there.
        kind: what its values are, but for null; ``other`` for any.
        is_optional: whether an object may lack it.
        may_have_quotes: whether its values are text, or may hold any.
        may_be_nested: whether its values may be objects or lists.
    """

    key: ColumnKey
    get: Getter
    get_some: Getter
    kind: Kind
    is_optional: bool
    may_have_quotes: bool
    may_be_nested: bool


@dataclass(frozen=True)
class Branch:
    """A member that is an object whose members are columns.

    Attributes:
        get: as `Leaf` has it.
        get_some: likewise.
        level: its members.
        empty: what an object without members becomes; None where there is no such object.
    """

    get: Getter
    get_some: Getter
    level: Level
    empty: Any


@dataclass(frozen=True)
class Level:
    """The members of objects at one place.

    Attributes:
        struct: what they are parsed into.
        leaves: those that are columns.
        branches: those that are objects, whose members are columns.
    """

    struct: Any
    leaves: list[Leaf]
    branches: list[Branch]

    @property
    def size(self) -> int:
        """How many members an object has that lacks none."""
        return len(self.leaves) + len(self.branches)

    @property
    def has_nested(self) -> bool:
        """Whether a column may hold objects or lists."""
        return any(leaf.may_be_nested for leaf in self.leaves) or any(b.level.has_nested for b in self.branches)


def level_of(shape: Shape, *, is_flattened: bool) -> Level | None:
    """Return how objects of a shape are parsed; None where that cannot be done."""
    level = _level(shape, (), is_flattened=is_flattened)
    return level if level is not None and _count(level) <= _MOST_MEMBERS else None


def _count(level: Level) -> int:
    return level.size + sum(_count(branch.level) for branch in level.branches)


def _level(shape: Shape, above: tuple[str, ...], *, is_flattened: bool) -> Level | None:
    if len(shape.members) > _MOST_MEMBERS:
        return None
    definitions: list[tuple[str, Any] | tuple[str, Any, Any]] = []
    names: dict[str, str] = {}
    leaves: list[Leaf] = []
    branches: list[Branch] = []
    for number, (name, member) in enumerate(shape.members.items()):
        if '"' in name or "\\" in name or not name.isprintable():
            return None
        path = (*above, name)
        get, get_some = _getters(number)
        if member.inner is None:
            wanted = _type_of(member.types)
            leaves.append(_leaf(member, path if is_flattened else name, get, get_some))
        else:
            inner = _level(member.inner, path, is_flattened=is_flattened) if member.types <= {type(None)} else None
            if inner is None:  # or it is an object here and something else there
                return None
            wanted = inner.struct | None if member.types else inner.struct
            has_all = all(one.is_optional for one in member.inner.members.values())
            branches.append(Branch(get, get_some, inner, inner.struct() if has_all else None))
        field = f"f{number}"
        names[field] = name
        definitions.append((field, wanted | UnsetType, UNSET) if member.is_optional else (field, wanted))
    struct = msgspec.defstruct("Row", definitions, rename=names, gc=False, kw_only=True, forbid_unknown_fields=True)
    return Level(struct, leaves, branches)


def _leaf(member: Member, key: ColumnKey, get: Getter, get_some: Getter) -> Leaf:
    return Leaf(
        key,
        get,
        get_some,
        _KINDS.get(frozenset(member.types - {type(None)}), "other"),
        member.is_optional,
        may_have_quotes=not member.types.isdisjoint({str, dict, list}),
        may_be_nested=not member.types <= _SCALARS,
    )


@cache
def _getters(number: int) -> tuple[Getter, Getter]:
    # Half the time of `operator.attrgetter`; the name is ours, as in `collections.namedtuple`.
    get = eval(f"lambda rows: [row.f{number} for row in rows]")  # noqa: S307
    return get, eval(f"lambda rows: [row.f{number} if row else None for row in rows]")  # noqa: S307


def _type_of(types: set[type]) -> Any:
    if not types <= _SCALARS:
        return Any
    wanted: Any = type(None)
    for type_ in types - {type(None)}:
        wanted |= type_
    # Where no integer is admitted beside a float, msgspec makes floats of them.
    return wanted | int if float in types else wanted
