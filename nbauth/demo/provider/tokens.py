"""Access tokens, ID tokens and `client_info`: what is said in them, for people and for applications.

Claims: https://learn.microsoft.com/entra/identity-platform/access-token-claims-reference and OpenID Connect Core §2.
"""

from __future__ import annotations

import base64
import dataclasses
import hashlib
import json
import uuid
from typing import TYPE_CHECKING, Any

from nbauth.demo.provider.realms import PARTNER_ID, TENANT_ID
from nbauth.demo.provider.registry import USER_INFO

if TYPE_CHECKING:
    from collections.abc import Mapping

    from nbauth.demo.provider.context import Context
    from nbauth.demo.provider.grants import Family
    from nbauth.demo.provider.realms import Realm
    from nbauth.demo.provider.registry import Client, Resource, Scopes, User

__all__ = ["TokenMint"]


class TokenMint:
    """Makes tokens, and remembers that it did."""

    def __init__(self, context: Context) -> None:
        self._context = context

    def user_access_token(
        self,
        family: Family,
        client: Client,
        realm: Realm,
        scopes: Scopes,
        *,
        authentication: int,
        asked: dict[str, Any],
    ) -> str:
        """Return an access token by which a client acts for a person.

        Args:
            family: the sign-in it comes from.
            client: who gets it.
            realm: where it was asked for.
            scopes: what it is good for.
            authentication: how the client proved itself: 0 not at all, 1 by a secret, 2 by a key.
            asked: the `access_token` member of the `claims` parameter.
        """
        user = family.user
        names = " ".join(scopes.names or sorted(scopes.openid - {"offline_access"}))
        claims = self._common(realm, scopes.resource, client)
        claims |= {"sub": user.subject(client.client_id), "name": user.name}
        if claims.get("ver") == "1.0":
            claims |= {"upn": user.username, "unique_name": user.username}
        else:
            claims["preferred_username"] = user.username
        if realm.entra:
            claims |= {"oid": user.object_id_in(realm.tenant_id), "scp": names}
            claims |= _authentication(claims, authentication)
            acrs = _values(asked, "acrs")
            capabilities = _values(asked, "xms_cc")
            claims |= {"acrs": acrs} if acrs else {}
            claims |= {"xms_cc": capabilities} if capabilities else {}
        else:
            claims["scope"] = names  # RFC 9068 §2.2.3
        self._context.grants.note_access_token(claims["uti" if realm.entra else "jti"], family)
        return self._sign(claims)

    def app_access_token(self, client: Client, realm: Realm, resource: Resource, *, authentication: int) -> str:
        """Return an access token by which a client acts for itself."""
        claims = self._common(realm, resource, client)
        if realm.entra:
            claims |= {
                "sub": client.object_id,
                "oid": client.object_id,
                "roles": list(resource.roles),
                "idtyp": "app",
            }
            claims |= _authentication(claims, authentication)
        else:
            claims |= {"sub": client.client_id, "roles": list(resource.roles)}
        return self._sign(claims)

    def id_token(
        self,
        family: Family,
        client: Client,
        realm: Realm,
        *,
        nonce: str | None,
        with_auth_time: bool,
        access_token: str,
    ) -> str:
        """Return an ID token.

        Args:
            family: the sign-in it tells of.
            client: who gets it.
            realm: where it was asked for.
            nonce: the nonce of the authorization request.
            with_auth_time: say when the person signed in (OpenID Connect Core §2, `auth_time`).
            access_token: the access token that goes with it; plain realms say its hash (§3.1.3.6).
        """
        now = int(self._context.clock())
        user = family.user
        realm = dataclasses.replace(realm, tenant_id=self._context.settings.misissued_tenant_id or realm.tenant_id)
        claims: dict[str, Any] = {
            "iss": realm.issuer,
            "aud": client.client_id,
            "sub": user.subject(client.client_id),
            "iat": now,
            "nbf": now,
            "exp": now + self._context.settings.id_token_s,
            "name": user.name,
            "preferred_username": user.username,
            "sid": str(uuid.uuid4()),
        }
        match realm.kind:
            case "entra" | "ciam":
                oid = user.object_id_in(realm.tenant_id)
                claims |= {"tid": realm.tenant_id, "oid": oid, "ver": "2.0", "uti": uuid.uuid4().hex}
            case "b2c":
                del claims["preferred_username"]
                claims |= {"oid": user.object_id, "emails": [user.username], "tfp": realm.policy, "ver": "1.0"}
            case "adfs":
                del claims["preferred_username"]
                claims |= {"upn": user.username, "unique_name": f"CONTOSO\\{user.key}", "ver": "1.0"}
            case "oidc":
                claims["at_hash"] = _half_hash(access_token)
        if "email" in family.scopes.openid:
            claims["email"] = user.username
        if nonce is not None:
            claims["nonce"] = nonce
        if with_auth_time:
            claims["auth_time"] = int(family.signed_in_at)
        claims |= self._context.settings.id_token_claims
        return self._sign({name: value for name, value in claims.items() if value is not None})

    def _common(self, realm: Realm, resource: Resource | None, client: Client) -> dict[str, Any]:
        now = int(self._context.clock())
        claims: dict[str, Any] = {
            "iss": realm.issuer,
            "aud": resource.identifier if resource else USER_INFO,
            "iat": now,
            "nbf": now,
            "exp": now + self._context.settings.access_token_s,
        }
        if realm.entra:
            claims |= {"tid": realm.tenant_id, "uti": uuid.uuid4().hex}
            if resource and resource.token_version == 1:
                claims |= {"iss": realm.v1_issuer, "appid": client.client_id, "ver": "1.0"}
            else:
                claims |= {"azp": client.client_id, "ver": "2.0"}
        else:
            claims |= {"client_id": client.client_id, "jti": uuid.uuid4().hex}
        return claims

    def _sign(self, claims: dict[str, Any]) -> str:
        token = self._context.keys.sign(claims)
        self._context.grants.issued.add(token)
        return token


def client_info(user: User, realm: Realm, instead: Mapping[str, str] | None = None) -> str:
    """Return who signed in, as MSAL asks with `client_info=1`: object (in B2C with the policy) and home tenant id.

    Args:
        user: who signed in.
        realm: where.
        instead: what is said in the place of that.
    """
    uid = f"{user.object_id}-{realm.policy}" if realm.policy else user.object_id
    home = TENANT_ID if realm.tenant_id == PARTNER_ID else realm.tenant_id
    raw = json.dumps({"uid": uid, "utid": home} if instead is None else dict(instead)).encode()
    return base64.urlsafe_b64encode(raw).rstrip(b"=").decode()


def _authentication(claims: dict[str, Any], authentication: int) -> dict[str, Any]:
    """Return how the client proved itself, in the format of the token: v1.0 has another name for it."""
    return {("appidacr" if claims["ver"] == "1.0" else "azpacr"): str(authentication)}


def _half_hash(token: str) -> str:
    half = hashlib.sha256(token.encode()).digest()[:16]
    return base64.urlsafe_b64encode(half).rstrip(b"=").decode()


def _values(asked: dict[str, Any], name: str) -> list[str]:
    request = asked.get(name)
    if not isinstance(request, dict):
        return []
    values = request.get("values", [request["value"]] if "value" in request else [])
    return [str(value) for value in values] if isinstance(values, list) else []
