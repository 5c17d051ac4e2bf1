"""Finding: one thing that the doctor saw, how bad it is, and what mends it."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Literal

if TYPE_CHECKING:
    from nbauth.errors import NbauthError
    from nbauth.next_step import Step

__all__ = ["LEVELS", "Finding", "Level", "failed"]

Level = Literal["ok", "note", "warning", "error"]
LEVELS: tuple[Level, ...] = ("ok", "note", "warning", "error")  # the worst last


@dataclass(frozen=True, kw_only=True)
class Finding:
    """One thing that was seen.

    Attributes:
        topic: what it is about, in a word or two, such as ``"proxy"``; of a profile, ``"profile NAME"``.
        level: ``"ok"``; ``"note"`` for what is worth knowing and in order; ``"warning"`` for what works and should be
            looked at; ``"error"`` for what does not work.
        text: what was seen, in whole sentences.
        cure: what to do, where there is something to do.
    """

    topic: str
    level: Level
    text: str
    cure: Step | None = None


def failed(topic: str, error: NbauthError, level: Level = "error") -> Finding:
    """Return the finding that an error of nbauth's makes."""
    whose = f"Profile {topic.removeprefix('profile ')!r}: "  # the topic says it already
    text = str(error.args[0]).removeprefix(whose)
    return Finding(topic=topic, level=level, text=text, cure=error.step)
