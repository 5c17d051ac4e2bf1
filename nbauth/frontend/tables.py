"""`%whoami`: who is signed in, and what that is lent to, as small tables."""

from __future__ import annotations

import html
from collections import Counter
from datetime import UTC, datetime
from typing import TYPE_CHECKING

from nbauth.frontend.text import clock, printable
from nbauth.next_step import Login, to_run

if TYPE_CHECKING:
    from collections.abc import Sequence

    from nbauth.signin.loans import Loan
    from nbauth.signin.profile.account import Account

__all__ = ["AccountsTable", "as_whom", "good_for", "no_more", "signed_in_by"]

_HEAD = ("profile", "account", "tenant", "kind", "token good for")
_PRESENT, _SOURCE = "present", "signed in by"
_LOANS_HEAD = ("lent to", "by profile", "for")


def good_for(expires_at: datetime, now: datetime | None = None) -> str:
    """Say how long a token is good, as in ``58 min (until 14:05 UTC+01:00)``."""
    left_s = (expires_at - (now or datetime.now(UTC))).total_seconds()
    if left_s <= 0:
        return "renewed at the next request"
    return f"{max(1, round(left_s / 60))} min (until {clock(expires_at, now=now)})"


def signed_in_by(account: Account) -> str:
    """Say where a sign-in was that was there already, and what was tried before; nothing where nbauth asked.

    As in `` by az``, or `` by az (passed over: hub: there is no JupyterHub here)``.
    """
    by = f" by {account.source}" if account.source else ""
    return f"{by} (passed over: {'; '.join(account.passed_over)})" if account.passed_over else by


class AccountsTable:
    """The accounts of this kernel and what they are lent to, as HTML and as text.

    Args:
        accounts: who is signed in, the present account of each profile last.
        loans: what gets tokens of a sign-in while it lives; the same for several objects is one line.
    """

    def __init__(self, accounts: Sequence[Account], loans: Sequence[Loan] = ()) -> None:
        # Who was asked by nbauth needs no word of it; beside somebody who was signed in already, everybody has one.
        has_sources = any(a.source for a in accounts)
        self._head: tuple[str, ...] = (*_HEAD, _SOURCE) if has_sources else _HEAD
        self._rows: list[tuple[str, ...]] = [
            (a.profile, as_whom(a), a.tenant_id or "-", a.kind, good_for(a.expires_at), a.source or "nbauth")[
                : len(self._head)
            ]
            for a in accounts
        ]
        present = {a.profile: number for number, a in enumerate(accounts)}
        if len(present) < len(accounts):  # one of several, whose tokens the profile's requests carry
            marks = ["yes" if present[a.profile] == number else "" for number, a in enumerate(accounts)]
            self._head = (*self._head[:2], _PRESENT, *self._head[2:])
            self._rows = [(*row[:2], mark, *row[2:]) for row, mark in zip(self._rows, marks, strict=True)]
        counted = Counter(loans)
        self._loans = [(_many(loan.tool, times), loan.profile, loan.place) for loan, times in counted.items()]

    def __repr__(self) -> str:
        parts = [_text(self._head, self._rows) if self._rows else _nobody()]
        if self._loans:
            parts.append(_text(_LOANS_HEAD, self._loans))
        return "\n\n".join(parts)

    def _repr_html_(self) -> str:
        accounts = _html(self._head, self._rows) if self._rows else f"<p>{html.escape(_nobody())}</p>"
        return accounts + (_html(_LOANS_HEAD, self._loans) if self._loans else "")


def no_more(loans: Sequence[Loan]) -> str:
    """Say that what was lent gets no token any more, after a sign-out."""
    what = Counter(f"{loan.tool} for {loan.place}" for loan in loans)
    told = ", ".join(_many(text, times) for text, times in what.items())
    return f"Gets no token any more: {printable(told)}."


def _many(text: str, times: int) -> str:
    return text if times == 1 else f"{text} ({times} times)"


def _text(head: Sequence[str], rows: Sequence[Sequence[str]]) -> str:
    lines = [tuple(head), *(tuple(printable(cell) for cell in row) for row in rows)]
    widths = [max(len(line[column]) for line in lines) for column in range(len(head))]
    return "\n".join(
        "  ".join(f"{cell:<{width}}" for cell, width in zip(line, widths, strict=True)).rstrip() for line in lines
    )


def _html(head: Sequence[str], rows: Sequence[Sequence[str]]) -> str:
    titles = "".join(f"<th scope='col'>{cell}</th>" for cell in head)
    body = "".join(f"<tr>{''.join(f'<td>{html.escape(printable(c))}</td>' for c in row)}</tr>" for row in rows)
    return f"<table><thead><tr>{titles}</tr></thead><tbody>{body}</tbody></table>"


def _nobody() -> str:
    return f"Nobody is signed in. {to_run(Login())}"


def as_whom(account: Account) -> str:
    """Return who somebody is, as in ``Alice (alice@contoso.com)``."""
    return account.username if account.name in ("", account.username) else f"{account.name} ({account.username})"
