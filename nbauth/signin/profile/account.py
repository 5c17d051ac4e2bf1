"""Account: who is signed in, and to which profile; nothing secret."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Literal

if TYPE_CHECKING:
    from datetime import datetime

__all__ = ["Account"]


@dataclass(frozen=True, kw_only=True)
class Account:
    """A person or an application that this kernel is signed in as.

    Attributes:
        username: the person's sign-in name, or the client id of an application.
        tenant_id: tenant the account lives in; empty where the provider has no tenants.
        home_account_id: the provider's stable key for the account, as MSAL forms it.
        profile: name of the profile it is signed in to.
        expires_at: when the present access token expires (UTC). It is renewed before that.
        kind: ``"person"`` or ``"application"``.
        name: the person's display name, or the username where the provider gives none.
        not_granted: scopes that the sign-in asked for and the provider did not grant (RFC 6749 §3.3).
        other_names: what else the provider calls the person by, such as an e-mail address beside the sign-in name.
        source: where the sign-in was already, such as ``"az"``; empty where nbauth asked.
        passed_over: what was tried before that, and why it had none, as in ``"hub: there is no JupyterHub here"``.
    """

    username: str
    tenant_id: str
    home_account_id: str
    profile: str
    expires_at: datetime
    kind: Literal["person", "application"] = "person"
    name: str = ""
    not_granted: tuple[str, ...] = ()
    other_names: tuple[str, ...] = field(default=(), repr=False)
    source: str = ""
    passed_over: tuple[str, ...] = ()
