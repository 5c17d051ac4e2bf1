"""`%whoami`: who is signed in, and what that is lent to."""

from __future__ import annotations

from nbauth.frontend.tables import AccountsTable, no_more
from nbauth.signin.loans import Loan

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
