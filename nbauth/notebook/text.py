"""Making what a provider sent fit to be shown: no control characters, no other scheme than http and https."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING
from urllib.parse import urlsplit

if TYPE_CHECKING:
    from nbauth.signin.flows.prompt import ApprovalRequest

__all__ = ["approval_lead", "is_web_address", "printable", "shortened"]

# Letters and signs that are drawn as nothing (Default_Ignorable_Code_Point, Unicode 16 §5.21), and the Braille blank;
# Python calls them printable.
_UNSEEN = re.compile(
    "[\u034f\u115f\u1160\u17b4\u17b5\u180b-\u180f\u2800\u3164\ufe00-\ufe0f\uffa0\ufff0-\ufff8\U0001d173-\U0001d17a"
    "\U000e0000-\U000e0fff]"
)
_LONGEST = 200


def printable(text: str) -> str:
    """Return a text without characters that move a terminal's cursor, colour it, reorder it or are not seen."""
    return _UNSEEN.sub("�", "".join(c if c.isprintable() else "�" for c in text))


def shortened(text: str, longest: int = _LONGEST) -> str:
    """Return a long text without its middle."""
    return text if len(text) <= longest else f"{text[: longest // 2]}…{text[-(longest // 2 - 1) :]}"


def is_web_address(url: str) -> bool:
    """Tell whether a link may be made of it; a ``javascript:`` address would run in the notebook's page."""
    try:
        return urlsplit(url).scheme in ("http", "https") and url.isprintable()
    except ValueError:  # brackets that are no IPv6 address
        return False


def approval_lead(request: ApprovalRequest) -> str:
    """Say whose configuration it is that a person is asked to approve of; its reasons follow."""
    return printable(
        f"{request.source} may have come with a cloned folder. Nothing was sent yet. If you approve of it as it is now,"
    )
