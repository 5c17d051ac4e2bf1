"""One answer of the provider as the http cache's file holds it, and for how long it may be used."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any, Self

__all__ = ["LONGEST_S", "StoredAnswer"]

LONGEST_S = 24 * 3600  # MSAL's own life time of a discovery answer


@dataclass(frozen=True)
class StoredAnswer:
    """One answer.

    Attributes:
        text: the body.
        created_at: when it was fetched, seconds since the epoch.
        expires_at: when it is to be fetched again.
    """

    text: str
    created_at: int
    expires_at: int

    @classmethod
    def parse(cls, value: Any) -> Self:
        """Read one from the file's JSON.

        Raises:
            ValueError: it is of another form.
        """
        match value:
            case {"text": str(text), "created_at": int(created_at), "expires_at": int(expires_at)}:
                return cls(text, created_at, expires_at)
        raise ValueError("it is damaged")

    def is_fresh(self, now: float) -> bool:
        """Tell whether it may be used; an answer from the future, or with a long life, was not written by us."""
        return self.created_at <= now < self.expires_at <= self.created_at + LONGEST_S
