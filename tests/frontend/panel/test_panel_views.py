"""What the panel says, without a page."""

from __future__ import annotations

from datetime import UTC, datetime

from nbauth.frontend.panel.messages import signed_in_view
from nbauth.signin.profile.account import Account
from nbauth.signin.profile.profile import Profile


def test_says_where_a_sign_in_was_already() -> None:
    """Whose sign-in it is stands beside the place that it was taken from, and what was tried before that."""
    profile = Profile(
        "work", client_id="c", authority="https://login.example/t", apis={"https://api.example": ["Read"]}
    )
    account = Account(
        username="alice@contoso.example",
        name="Alice Adams",
        tenant_id="t",
        home_account_id="h",
        profile="work",
        expires_at=datetime.now(UTC),
        source="az",
        passed_over=("hub: there is no JupyterHub here",),
    )
    assert signed_in_view(profile, account).status == (
        "You are Alice Adams (alice@contoso.example), signed in by az (passed over: hub: there is no JupyterHub here)."
    )
