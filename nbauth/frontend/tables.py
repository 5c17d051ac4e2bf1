"""`%whoami`: who is signed in, as a small table."""

from __future__ import annotations

import html
from datetime import UTC, datetime
from typing import TYPE_CHECKING

from nbauth.frontend.text import printable
from nbauth.next_step import Login, to_run

if TYPE_CHECKING:
    from collections.abc import Sequence

    from nbauth.signin.profile.account import Account

__all__ = ["AccountsTable", "good_for"]

_HEAD = ("profile", "account", "tenant", "kind", "token good for")


def good_for(expires_at: datetime, now: datetime | None = None) -> str:
    """Say how long a token is good, as in ``58 min (until 14:05)``, in local time."""
    left_s = (expires_at - (now or datetime.now(UTC))).total_seconds()
    if left_s <= 0:
        return "renewed at the next request"
    return f"{max(1, round(left_s / 60))} min (until {expires_at.astimezone():%H:%M})"


class AccountsTable:
    """The accounts of this kernel, as HTML and as text.

    Args:
        accounts: who is signed in.
    """

    def __init__(self, accounts: Sequence[Account]) -> None:
        self._rows = [
            tuple(printable(cell) for cell in (a.profile, _name(a), a.tenant_id or "-", a.kind, good_for(a.expires_at)))
            for a in accounts
        ]

    def __repr__(self) -> str:
        if not self._rows:
            return _nobody()
        widths = [max(len(row[column]) for row in (_HEAD, *self._rows)) for column in range(len(_HEAD))]
        lines = [
            "  ".join(f"{cell:<{width}}" for cell, width in zip(row, widths, strict=True)).rstrip()
            for row in (_HEAD, *self._rows)
        ]
        return "\n".join(lines)

    def _repr_html_(self) -> str:
        if not self._rows:
            return f"<p>{html.escape(_nobody())}</p>"
        head = "".join(f"<th scope='col'>{cell}</th>" for cell in _HEAD)
        body = "".join(f"<tr>{''.join(f'<td>{html.escape(c)}</td>' for c in row)}</tr>" for row in self._rows)
        return f"<table><thead><tr>{head}</tr></thead><tbody>{body}</tbody></table>"


def _nobody() -> str:
    return f"Nobody is signed in. {to_run(Login())}"


def _name(account: Account) -> str:
    return account.username if account.name in ("", account.username) else f"{account.name} ({account.username})"
