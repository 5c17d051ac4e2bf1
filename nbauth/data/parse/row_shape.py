"""What the objects at one place of a document were so far: their members, and the types of each."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from collections.abc import Sequence

__all__ = ["Member", "Shape"]


@dataclass
class Member:
    """A member.

    Attributes:
        is_optional: whether an object lacked it.
        types: the types of its values, but for objects that are flattened.
        inner: what the objects were that are flattened; None where none came.
    """

    is_optional: bool
    types: set[type] = field(default_factory=set)
    inner: Shape | None = None


class Shape:
    """The members of all objects at one place.

    Args:
        levels: in how many levels of objects inside members become columns; deeper ones are values.

    Attributes:
        members: the members by name, in the order of their first appearance.
    """

    def __init__(self, *, levels: int) -> None:
        self.members: dict[str, Member] = {}
        self._levels = levels

    def learn(self, objects: Sequence[dict[str, Any]]) -> None:
        """Widen it by further objects."""
        is_first = not self.members
        flattened: dict[str, list[dict[str, Any]]] = {}
        for one in objects:
            for name, value in one.items():
                member = self.members.get(name)
                if member is None:
                    member = self.members[name] = Member(is_optional=not is_first)
                if self._levels and type(value) is dict and value:
                    flattened.setdefault(name, []).append(value)
                else:
                    member.types.add(type(value))
        for one in objects:
            if len(one) < len(self.members):
                for name in self.members.keys() - one.keys():
                    self.members[name].is_optional = True
        for name, inner in flattened.items():
            member = self.members[name]
            member.inner = member.inner or Shape(levels=self._levels - 1)
            member.inner.learn(inner)
