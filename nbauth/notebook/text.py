"""Making what a provider sent fit to be shown: no control characters, no other scheme than http and https."""

from __future__ import annotations

from typing import TYPE_CHECKING
from urllib.parse import urlsplit

if TYPE_CHECKING:
    from nbauth.signin.flows.prompt import SignInRequest

__all__ = ["is_web_address", "printable", "who_asks"]


def printable(text: str) -> str:
    """Return a text without the characters that move a terminal's cursor, colour it or reorder what is shown."""
    return "".join(c if c.isprintable() else "�" for c in text)


def is_web_address(url: str) -> bool:
    """Tell whether a link may be made of it; a ``javascript:`` address would run in the notebook's page."""
    return urlsplit(url).scheme in ("http", "https") and url.isprintable()


def who_asks(request: SignInRequest) -> str:
    """Say in one line who asks and where the tokens may go."""
    origins = ", ".join(request.origins) or "nowhere"
    tenant = f", {request.tenant}" if request.tenant else ""
    return printable(
        f"Profile {request.profile}: application {request.client_id} at {request.authority_host}{tenant}. "
        f"Its tokens may go to {origins}."
    )
