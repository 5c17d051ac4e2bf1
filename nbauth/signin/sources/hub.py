"""`hub`: the sign-in by which a person came to JupyterHub, as the hub keeps it for them in `auth_state`.

`GET /user` says whose server this is and what its token may do, and `GET /users/NAME` has the `auth_state`, for whoever
holds the scope ``admin:auth_state``
(https://jupyterhub.readthedocs.io/en/stable/reference/authenticators.html#authentication-state). oauthenticator keeps
the access token there and renews it when the hub asks it to.
"""

from __future__ import annotations

import os
from typing import TYPE_CHECKING, Any
from urllib.parse import quote, urlsplit

from nbauth.errors import ProviderUnavailable
from nbauth.files.edges import variable
from nbauth.files.tree import is_set_in_dotenv
from nbauth.net.origins import redact_url
from nbauth.net.secrecy import HiddenText
from nbauth.signin.oidc.identity import shown_name
from nbauth.signin.sources.documents import get_document
from nbauth.signin.sources.exchange import exchanged
from nbauth.signin.sources.source import Given, NotThere, wrong
from nbauth.signin.sources.token_claims import (
    identity_of,
    life_of,
    read_claims,
    why_not_for_these,
    why_not_of_this_provider,
)

if TYPE_CHECKING:
    from nbauth.signin.sources.source import Source, Wish

__all__ = ["SOURCE"]

_URL, _TOKEN = "JUPYTERHUB_API_URL", "JUPYTERHUB_API_TOKEN"
# Whom the hub is known by, and how this server proves itself, where the hub uses TLS inside (`internal_ssl`).
_AUTHORITY, _CERTIFICATE, _KEY = "JUPYTERHUB_SSL_CLIENT_CA", "JUPYTERHUB_SSL_CERTFILE", "JUPYTERHUB_SSL_KEYFILE"
_UNKNOWN_LIFE_S = 60.0  # the hub does not say, so that it is asked again soon
_REFUSED = (401, 403, 404)
_AGAIN = "Sign in to the hub again: File > Hub Control Panel, Logout, and come back."


class _Hub:
    """The JupyterHub that started this server."""

    label = "JupyterHub"

    def ask(self, wish: Wish) -> Given:
        """Ask it for what it keeps of the person whose server this is."""
        url = _place(wish)
        me = _get(wish, f"{url}/user")
        user = str(me.get("name", ""))
        scopes = me.get("scopes")
        if not isinstance(scopes, list) or not any(str(scope).startswith("admin:auth_state") for scope in scopes):
            raise _not_given(wish, "this server's token lacks the scope admin:auth_state!user")
        state = _get(wish, f"{url}/users/{quote(user, safe='', errors='replace')}").get("auth_state")
        if not isinstance(state, dict) or not state:
            raise _not_given(wish, f"it keeps no auth_state of {user}")
        secret = state.get("access_token")
        if not isinstance(secret, str) or not secret:
            raise _not_given(wish, f"the auth_state of {user} has no access_token")
        return _given(wish, user, state, HiddenText(secret))


SOURCE: Source = _Hub()


def _given(wish: Wish, user: str, state: dict[str, Any], secret: HiddenText) -> Given:
    claims = read_claims(secret)
    life_s = life_of(claims, _UNKNOWN_LIFE_S)
    if life_s <= 0:
        raise ProviderUnavailable(
            f"Profile {wish.profile.name!r}: the token that JupyterHub keeps of {user} has ended, and the hub has not "
            "renewed it. It looks at most once in auth_refresh_age.",
            next_step=f"Try again in a few minutes. {_AGAIN}",
            has_answered=True,
        )
    problem = why_not_of_this_provider(claims, wish.profile)
    if problem is not None:
        raise wrong(wish, "JupyterHub", problem)
    # What it was taken for, and by what name the hub knows the person: an exchange changes neither.
    info: dict[str, Any] = next((state[key] for key in ("oauth_user", "user") if isinstance(state.get(key), dict)), {})
    key, username = identity_of(claims)
    username = shown_name(info) or shown_name(claims) or username or user
    problem = why_not_for_these(claims, wish.profile, wish.scopes, was_asked_for=False)
    if problem is not None or not claims:
        if wish.profile.is_confidential:
            secret, life_s = exchanged(wish, secret)
        elif problem is not None:
            raise wrong(
                wish,
                "JupyterHub",
                problem,
                "Ask the hub's administrator to add the scopes to the authenticator's scope; or give the profile a "
                "client credential, to exchange the token.",
            )
    tenant_id = str(claims.get("tid", ""))
    return Given(
        secret=secret,
        life_s=life_s,
        key=key or f"{user}@{urlsplit(os.environ[_URL]).netloc}",
        username=username,
        name=str(info.get("name") or claims.get("name") or ""),
        tenant_id=tenant_id,
    )


def _place(wish: Wish) -> str:
    url = variable(_URL).rstrip("/")
    if not url or not variable(_TOKEN):
        raise NotThere(wish, "JupyterHub", "there is no JupyterHub here")
    for name in (_URL, _TOKEN, _AUTHORITY, _CERTIFICATE, _KEY):
        if is_set_in_dotenv(name):
            raise wrong(
                wish, "JupyterHub", f"is not asked, because a .env of the notebook's folder has a line for {name}"
            )
    return url


def _not_given(wish: Wish, reason: str) -> NotThere:
    step = "Ask the hub's administrator for what docs/already-signed-in.md says of JupyterHub, then restart the server."
    return NotThere(wish, "JupyterHub", reason, step)


def _get(wish: Wish, url: str) -> dict[str, Any]:
    """Ask the hub's API, with the token that the hub gave to this server for just that."""
    certificate = (variable(_CERTIFICATE), variable(_KEY))
    document = get_document(
        wish,
        url,
        scheme="token",
        secret=HiddenText(variable(_TOKEN)),
        refused=_REFUSED,
        authority=variable(_AUTHORITY),
        certificate=certificate if all(certificate) else None,
    )
    if isinstance(document, int):
        # Before JupyterHub 6.1 it also answers so where the sign-in to the hub has ended (`auth_refresh_strict`).
        reason = f"{redact_url(url)} refuses this server's token (HTTP {document})"
        raise NotThere(wish, "JupyterHub", reason, _AGAIN)
    return document
