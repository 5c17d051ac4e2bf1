"""`%whoami`: who is signed in, and what that is lent to."""

from __future__ import annotations

import os
import time
from datetime import UTC, datetime, timedelta

import pytest

from nbauth.frontend.tables import AccountsTable, good_for, no_more
from nbauth.frontend.text import clock
from nbauth.signin.loans import Loan
from nbauth.signin.profile.account import Account

BLOBS = Loan("work", "azure-core credential", "https://contoso.blob.core.windows.net")
SHARE = Loan("work", "share", "processes started here")


def test_loans() -> None:
    """What is lent stands below the accounts; the same thing several times is one line that says how often."""
    table = AccountsTable([], [BLOBS, SHARE, BLOBS, BLOBS])
    assert repr(table).splitlines() == [
        "Nobody is signed in. Run: nbauth.login()",
        "",
        "lent to                          by profile  for",
        "azure-core credential (3 times)  work        https://contoso.blob.core.windows.net",
        "share                            work        processes started here",
    ]
    assert "<td>azure-core credential (3 times)</td><td>work</td>" in table._repr_html_()


def test_nothing_lent() -> None:
    """Where nothing is lent there is no second table."""
    assert "lent to" not in f"{AccountsTable([])!r}{AccountsTable([])._repr_html_()}"


def test_hostile_names() -> None:
    """What a tool or a URL is called moves no terminal's cursor and is no markup."""
    hostile = Loan("work", "\x1b[2Jcredential<script>", "https://a.example/\u202e")
    table = AccountsTable([], [hostile])
    assert not {"\x1b", "\u202e"} & set(f"{table!r}{table._repr_html_()}{no_more([hostile])}")
    assert "<script>" not in table._repr_html_()


def test_no_more() -> None:
    """A sign-out says what gets no token any more."""
    told = "azure-core credential for https://contoso.blob.core.windows.net (2 times), share for processes started here"
    assert no_more([BLOBS, SHARE, BLOBS]) == f"Gets no token any more: {told}."


def _account(profile: str, username: str) -> Account:
    soon = datetime.now(UTC) + timedelta(minutes=58, seconds=10)
    return Account(
        username=username,
        name="",
        tenant_id="",
        home_account_id=username,
        profile=profile,
        expires_at=soon,
        kind="person",
    )


def test_the_present_account() -> None:
    """Where a profile has several accounts the present one of each is marked; else there is no such column."""
    table = AccountsTable([_account("work", "alice"), _account("lab", "bob"), _account("work", "carol")])
    head, *rows = (line.split() for line in repr(table).splitlines())
    assert head[:3] == ["profile", "account", "present"]
    assert [(row[1], row[2] == "yes") for row in rows] == [("alice", False), ("bob", True), ("carol", True)]
    assert "<td>carol</td><td>yes</td>" in table._repr_html_()
    assert "present" not in repr(AccountsTable([_account("work", "alice"), _account("lab", "bob")]))


@pytest.mark.parametrize(
    ("zone", "shown"), [("UTC0", "23:30 UTC"), ("XXX-5:30", "05:00 UTC+05:30"), ("XXX3:30", "20:00 UTC-03:30")]
)
def test_the_clock(zone: str, shown: str, monkeypatch: pytest.MonkeyPatch) -> None:
    """A moment is shown by this machine's clock, with its zone, and with its date where that is not today."""
    moment = datetime(2026, 3, 1, 23, 30, tzinfo=UTC)
    monkeypatch.setenv("TZ", zone)
    time.tzset()
    try:
        assert clock(moment, now=moment - timedelta(minutes=5)) == shown
        assert clock(moment, now=moment - timedelta(days=2)).startswith("2026-03-0")
        assert good_for(moment, moment - timedelta(minutes=5)) == f"5 min (until {shown})"
    finally:
        monkeypatch.undo()
        time.tzset()
    assert os.environ.get("TZ") != zone
