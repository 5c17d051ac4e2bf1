"""FrontEnd: what a person sees of a kernel; `nbauth.frontend` implements it and `nbauth` puts it in place."""

from __future__ import annotations

from typing import TYPE_CHECKING, Protocol

if TYPE_CHECKING:
    from nbauth.data.fetch.progress import Progress
    from nbauth.signin.flows.prompt import Prompt

__all__ = ["FrontEnd"]


class FrontEnd(Protocol):
    """Where a kernel's prompts and progress are drawn."""

    def prompt(self) -> Prompt:
        """Return a fresh prompt for one sign-in."""

    def progress(self, title: str) -> Progress:
        """Return a fresh display for one load."""

    def note(self, text: str) -> None:
        """Tell the person something in one line."""

    def show_address(self, text: str, url: str) -> None:
        """Ask the person to open an address."""
