"""Makes a provider's text safe to show: no control characters, no other scheme than http and https."""

from __future__ import annotations

import re
import shutil
import textwrap
from typing import TYPE_CHECKING
from urllib.parse import urlsplit

from nbauth.net.sanitize import visible

if TYPE_CHECKING:
    from datetime import datetime

    from nbauth.signin.flows.prompt import ApprovalRequest

__all__ = [
    "approval_lines",
    "approval_text",
    "clock",
    "is_web_address",
    "one_line",
    "printable",
    "shortened",
    "wrapped",
]

# Letters and signs that are drawn as nothing (Default_Ignorable_Code_Point, Unicode 16 §5.21), and the Braille blank;
# Python calls them printable.
_UNSEEN = re.compile(
    "[\u034f\u115f\u1160\u17b4\u17b5\u180b-\u180f\u2800\u3164\ufe00-\ufe0f\uffa0\ufff0-\ufff8\U0001d173-\U0001d17a"
    "\U000e0000-\U000e0fff]"
)
_BLANKS = re.compile(" +")
_LONGEST = 200
_WIDEST, _NARROWEST = 100, 40


def printable(text: str) -> str:
    """Return a text without characters that move a terminal's cursor, colour it, reorder it or are not seen."""
    return _UNSEEN.sub("�", visible(text))


def shortened(text: str, longest: int = _LONGEST) -> str:
    """Return a long text without its middle."""
    return text if len(text) <= longest else f"{text[: longest // 2]}…{text[-(longest // 2 - 1) :]}"


def is_web_address(url: str) -> bool:
    """Tell whether a link may be made of it; a ``javascript:`` address would run in the notebook's page."""
    try:
        return urlsplit(url).scheme in ("http", "https") and url.isprintable()
    except ValueError:  # brackets that are no IPv6 address
        return False


def one_line(text: str) -> str:
    """Return a text as `printable` does, with single blanks: a gap would look like the end of a line, or a column."""
    return _BLANKS.sub(" ", printable(text))


def wrapped(text: str, *, head: str = "", deeper: int = 4, width: int | None = None) -> list[str]:
    """Return a text in lines as wide as the terminal. No part of it can look like a line of its own.

    Args:
        text: one that is fit to be shown.
        head: what the first line begins with.
        deeper: how far the further lines are indented, more than any that begins something.
        width: how many characters a line may have; by default the terminal's.
    """
    width = min(_WIDEST, shutil.get_terminal_size().columns) if width is None else width
    lines = textwrap.wrap(
        text,
        max(width, _NARROWEST),
        initial_indent=head,
        subsequent_indent=" " * deeper,
        break_on_hyphens=False,
    )
    return lines or [head]


def clock(moment: datetime, *, now: datetime | None = None) -> str:
    """Return a moment as a person is shown it, by this machine's clock: ``14:05 UTC+01:00``.

    The zone is said, since a server's is often not the person's, and the date where it is not today's. The panel writes
    a moment in the same form, by the browser's clock.

    Args:
        moment: with a zone.
        now: what counts as today; by default this moment.
    """
    there = moment.astimezone()
    today = there.now(there.tzinfo) if now is None else now.astimezone(there.tzinfo)
    day = "" if there.date() == today.date() else f"{there:%Y-%m-%d} "
    sign, digits = f"{there:%z}"[:1], f"{there:%z}"[1:5]
    return f"{day}{there:%H:%M} UTC" + ("" if digits == "0000" else f"{sign}{digits[:2]}:{digits[2:]}")


def approval_lines(request: ApprovalRequest) -> tuple[str, tuple[str, ...]]:
    """Say whose configuration it is that a person is asked to approve of, and what it would do."""
    lead = (
        f"{request.source} may have come with a cloned folder. Nothing was sent yet. If you approve of it as it is now,"
    )
    return one_line(lead), tuple(map(one_line, request.reasons))


def approval_text(request: ApprovalRequest, *, width: int | None = None) -> str:
    """Say the same in lines for a terminal."""
    lead, reasons = approval_lines(request)
    lines = wrapped(lead, width=width)
    for reason in reasons:
        lines += wrapped(reason, head="  ", deeper=6, width=width)
    return "\n".join(lines)
