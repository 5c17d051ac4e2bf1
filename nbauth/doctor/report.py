"""Report: all findings, for a person and as JSON."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from nbauth.doctor.finding import LEVELS
from nbauth.frontend.text import one_line, wrapped

if TYPE_CHECKING:
    from collections.abc import Mapping

    from nbauth.doctor.finding import Finding, Level

__all__ = ["EXIT_STATUS", "Report", "lines_of"]

_INDENT = max(map(len, LEVELS)) + 2

# 2 is what a mistake in the command line ends with, as everywhere.
EXIT_STATUS: Mapping[Level, int] = {"ok": 0, "note": 0, "warning": 3, "error": 1}


@dataclass(frozen=True, kw_only=True)
class Report:
    """What the doctor found.

    Attributes:
        versions: the release of each library, by its name.
        findings: in the order in which they were made.
    """

    versions: Mapping[str, str]
    findings: tuple[Finding, ...]

    @property
    def worst(self) -> Level:
        """The level of the worst finding."""
        return max((finding.level for finding in self.findings), key=LEVELS.index, default="ok")

    @property
    def exit_status(self) -> int:
        """What the process ends with: 0 in order, 3 with a warning, 1 with an error."""
        return EXIT_STATUS[self.worst]

    def to_json(self) -> dict[str, Any]:
        """Return it as what JSON knows: ``worst``, ``versions`` and ``findings``, each with its ``cure`` or None."""
        return {
            "worst": self.worst,
            "versions": dict(self.versions),
            "findings": [
                {
                    "topic": finding.topic,
                    "level": finding.level,
                    "text": one_line(finding.text),
                    "cure": None if finding.cure is None else one_line(str(finding.cure)),
                }
                for finding in self.findings
            ],
        }

    @property
    def sum(self) -> str:
        """How many errors and warnings there are, in a sentence."""
        counts = {level: sum(finding.level == level for finding in self.findings) for level in ("error", "warning")}
        told = [f"{n} {level}{'' if n == 1 else 's'}" for level, n in counts.items() if n]
        return f"{' and '.join(told)}." if told else "Everything that could be tried works."


def lines_of(finding: Finding, *, width: int | None = None) -> list[str]:
    """Return a finding as lines for a terminal.

    Args:
        finding: what was seen.
        width: how many characters a line may have; by default the terminal's.
    """
    text = one_line(f"{finding.topic}: {finding.text}")
    lines = wrapped(text, head=f"{finding.level:<{_INDENT}}", deeper=_INDENT, width=width)
    if finding.cure is not None:
        lines += wrapped(one_line(str(finding.cure)), head=f"{'':<{_INDENT}}→ ", deeper=_INDENT + 2, width=width)
    return lines
