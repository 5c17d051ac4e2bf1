"""`databricks`: who runs a notebook of Databricks, by the strategy `runtime_native_auth` of databricks-sdk.

Its token is good for the workspace that runs the notebook, and goes nowhere else.
"""

from __future__ import annotations

import os
from typing import TYPE_CHECKING, Any

from nbauth.errors import ProviderUnavailable
from nbauth.net.origins import api_origin_of, display_url, is_loopback
from nbauth.net.secrecy import HiddenText
from nbauth.process.shielded import load
from nbauth.signin.sources.documents import get_document
from nbauth.signin.sources.modules import is_of_notebook, is_there
from nbauth.signin.sources.source import Given, NotThere, wrong
from nbauth.signin.sources.token_claims import life_of, read_claims

if TYPE_CHECKING:
    from nbauth.signin.sources.source import Source, Wish

__all__ = ["SOURCE"]

_RUNTIME = "DATABRICKS_RUNTIME_VERSION"
_SDK = "databricks.sdk.credentials_provider"
_ME = "/api/2.0/preview/scim/v2/Me"
_UNKNOWN_LIFE_S = 300.0


class _Databricks:
    """The Databricks workspace that runs this kernel."""

    label = "Databricks"

    def ask(self, wish: Wish) -> Given:
        """Ask its runtime for a token, and the workspace whose it is."""
        host, secret = _runtime(wish)
        _check_host(wish, host)
        life_s = life_of(read_claims(secret), _UNKNOWN_LIFE_S)
        if life_s <= 0:
            raise wrong(wish, self.label, "gave a token that has ended")
        me = get_document(wish, f"{host}{_ME}", scheme="Bearer", secret=secret)
        if isinstance(me, int) or not me.get("id"):
            raise wrong(wish, self.label, "does not say who is signed in")
        username = str(me.get("userName") or me["id"])
        return Given(
            secret=secret,
            life_s=life_s,
            key=f"{me['id']}@{api_origin_of(host)}",
            username=username,
            name=str(me.get("displayName") or ""),
        )


SOURCE: Source = _Databricks()


class _Found:
    """What the strategy takes for the SDK's configuration: it fills in the host, and all else is not set."""

    def __getattr__(self, name: str) -> None:
        return None


def _runtime(wish: Wish) -> tuple[str, HiddenText]:
    if not os.environ.get(_RUNTIME):
        raise NotThere(wish, "Databricks", "this is no notebook of Databricks")
    if is_of_notebook("dbruntime"):  # what the SDK asks
        raise NotThere(wish, "Databricks", "the dbruntime that is found is one of the notebook's folder")
    if not is_there("databricks", "databricks.sdk"):
        raise NotThere(wish, "Databricks", "databricks-sdk is not installed", "Install it: pip install databricks-sdk")
    load(_SDK)
    from databricks.sdk.credentials_provider import runtime_native_auth

    found: Any = _Found()
    try:
        headers = runtime_native_auth(found)
        authorization = headers().get("Authorization", "") if headers is not None else ""
    except Exception as error:  # noqa: BLE001 - of the runtime's own kinds, with texts that may hold anything
        raise ProviderUnavailable(
            f"Profile {wish.profile.name!r}: the runtime of Databricks has no token: {type(error).__name__}.",
            next_step="Try again, or attach the notebook to its compute anew.",
        ) from None
    kind, _, token = authorization.partition(" ")
    if not found.host or kind.lower() != "bearer" or not token.strip():
        raise NotThere(wish, "Databricks", "its runtime has no sign-in")
    return str(found.host).rstrip("/"), HiddenText(token.strip())


def _check_host(wish: Wish, host: str) -> None:
    """Refuse a row of `apis` that is not the workspace's: its token is for that alone."""
    try:
        ours = api_origin_of(host)
    except ValueError:
        raise wrong(wish, "Databricks", "names no workspace that a token could be sent to") from None
    if not ours.startswith("https:") and not is_loopback(host):
        raise wrong(wish, "Databricks", f"names {display_url(ours)}, where a token is not sent without https")
    for url, scopes in wish.profile.apis.items():
        if scopes == wish.scopes and api_origin_of(url) != ours:
            raise wrong(
                wish,
                "Databricks",
                f"gives tokens for {display_url(ours)}, and the row is of {display_url(url)}",
                f'Write the row as "{display_url(ours)}" = ["all-apis"]; put other APIs into another profile.',
            )
