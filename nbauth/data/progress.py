"""How a load tells how far it is; what draws it lives in `nbauth.notebook`."""

from __future__ import annotations

from typing import Literal, Protocol

__all__ = ["Outcome", "Progress", "SilentProgress"]

Outcome = Literal["done", "interrupted", "failed"]


class Progress(Protocol):
    """Somebody who watches a load. May be called from any thread, and often: drawing is throttled there."""

    def update(self, *, rows: int, requests: int, received_bytes: int, total_rows: int | None = None) -> None:
        """Tell how many rows, requests and bytes have come so far, and how many rows there will be if known."""

    def wait(self, seconds: float, why: str) -> None:
        """Tell that nothing comes for so many seconds, and why."""

    def finish(self, outcome: Outcome) -> None:
        """Tell that the load ended; called once."""


class SilentProgress:
    """Shows nothing."""

    def update(self, *, rows: int, requests: int, received_bytes: int, total_rows: int | None = None) -> None:
        """Show nothing."""

    def wait(self, seconds: float, why: str) -> None:
        """Show nothing."""

    def finish(self, outcome: Outcome) -> None:
        """Show nothing."""
