"""The token endpoint: a grant in, tokens out (RFC 6749 §5)."""

from __future__ import annotations

import base64
import hashlib
import hmac
import json
import re
from typing import TYPE_CHECKING, Any

import jwt

from nbauth.demo.http.messages import Response
from nbauth.demo.provider.aadsts import Refusal
from nbauth.demo.provider.client_auth import ClientAuthentication
from nbauth.demo.provider.grants import Family
from nbauth.demo.provider.tokens import TokenMint, client_info

if TYPE_CHECKING:
    from nbauth.demo.http.messages import Request
    from nbauth.demo.provider.context import Context
    from nbauth.demo.provider.realms import Realm
    from nbauth.demo.provider.registry import Client, Scopes

__all__ = ["TokenEndpoint"]

_VERIFIER = re.compile(r"[A-Za-z0-9._~-]{43,128}")  # RFC 7636 §4.1


class TokenEndpoint:
    """Redeems grants."""

    def __init__(self, context: Context) -> None:
        self._context = context
        self._authenticate = ClientAuthentication(context)
        self._mint = TokenMint(context)
        self._grants = {
            "authorization_code": self._code,
            "refresh_token": self._refresh,
            "urn:ietf:params:oauth:grant-type:device_code": self._device,
            "device_code": self._device,  # MSAL's older spelling, which Entra takes
            "client_credentials": self._client_credentials,
            "urn:ietf:params:oauth:grant-type:jwt-bearer": self._on_behalf_of,
            "urn:ietf:params:oauth:grant-type:token-exchange": self._token_exchange,
        }

    def __call__(self, request: Request, realm: Realm) -> Response:
        """Answer a token request.

        Raises:
            Refusal: it was not granted.
        """
        if request.method != "POST":
            raise Refusal(900561, "The endpoint only accepts POST requests.")
        grant_type = _required(request.form, "grant_type")
        redeem = self._grants.get(grant_type)
        if redeem is None:
            raise Refusal(70003, f"The app requested an unsupported grant type '{grant_type}'.")
        client, authentication = self._authenticate(request, realm)
        answer = redeem(request.form, realm, client, authentication)
        return Response.json(answer, headers={"Cache-Control": "no-store", "Pragma": "no-cache"})

    def _code(self, form: dict[str, str], realm: Realm, client: Client, authentication: int) -> dict[str, Any]:
        code = self._context.grants.redeem_code(_required(form, "code"), client)
        asked = code.request
        verifier = form.get("code_verifier", "")
        if form.get("redirect_uri") != asked.redirect_uri:
            raise Refusal(
                500112, "The reply address does not match the one provided when requesting the authorization code."
            )
        if asked.realm.issuer != realm.issuer:
            raise Refusal(70000, "The code was issued by another tenant or provider.")
        if not verifier:
            raise Refusal(50148, "The request must contain the following parameter: 'code_verifier'.")
        self._context.grants.issued.add(verifier)
        challenge = base64.urlsafe_b64encode(hashlib.sha256(verifier.encode()).digest()).rstrip(b"=")
        fits = hmac.compare_digest(challenge, asked.challenge.encode())
        if not _VERIFIER.fullmatch(verifier) or not fits:
            raise Refusal(
                501481,
                "The Code_Verifier does not match the code_challenge supplied in the authorization request.",
            )
        return self._answer(
            code.family,
            realm,
            client,
            scopes=self._narrowed(form, code.family),
            authentication=authentication,
            claims=form.get("claims") or asked.claims,
            with_client_info=form.get("client_info") == "1" or asked.client_info,
            nonce=asked.nonce,
            with_auth_time=asked.max_age_s is not None,
        )

    def _refresh(self, form: dict[str, str], realm: Realm, client: Client, authentication: int) -> dict[str, Any]:
        presented = _required(form, "refresh_token")
        # Before the token is used up, what can be refused is refused.
        if "scope" in form:
            self._context.registry.scopes(form["scope"])
        self._refuse_step_up(form)
        asked = self._context.registry.scopes(form["scope"]).resource if form.get("scope") else None
        family = self._context.grants.redeem_refresh_token(presented, client, realm, resource=asked)
        return self._answer(
            family,
            realm,
            client,
            scopes=self._narrowed(form, family),
            authentication=authentication,
            claims=form.get("claims", ""),
            with_client_info=form.get("client_info") == "1",
            # Always one, whatever the scopes: the presented one is used up.
            refresh_token=self._context.grants.add_refresh_token(family)
            if self._context.settings.rotate_refresh_tokens
            else presented,
        )

    def _device(self, form: dict[str, str], realm: Realm, client: Client, authentication: int) -> dict[str, Any]:
        value = form.get("device_code") or _required(form, "code")
        grant = self._context.grants.poll_device(value, client, realm)
        assert grant.user
        family = Family(
            client_id=client.client_id,
            user=grant.user,
            realm=realm,
            scopes=grant.scopes,
            signed_in_at=grant.signed_in_at,
        )
        return self._answer(
            family,
            realm,
            client,
            scopes=grant.scopes,
            authentication=authentication,
            claims=form.get("claims", ""),
            with_client_info=form.get("client_info") == "1",
        )

    def _client_credentials(
        self, form: dict[str, str], realm: Realm, client: Client, authentication: int
    ) -> dict[str, Any]:
        if not authentication:
            raise Refusal(
                7000218,
                "The request body must contain the following parameter: 'client_assertion' or 'client_secret'.",
            )
        scope = _required(form, "scope")
        scopes = self._context.registry.scopes(scope)
        if not scope.endswith("/.default") or " " in scope.strip() or not scopes.resource:
            raise Refusal(
                1002012,
                f"The provided value for scope '{scope}' is not valid. Client credential flows must have a scope "
                "value with /.default suffixed to the resource identifier.",
            )
        token = self._mint.app_access_token(client, realm, scopes.resource, authentication=authentication)
        return {"token_type": "Bearer", **self._lifetimes(), "access_token": token}

    def _token_exchange(
        self, form: dict[str, str], realm: Realm, client: Client, authentication: int
    ) -> dict[str, Any]:
        """Exchange a person's token of this provider for another one of theirs (RFC 8693 §2)."""
        access_token = "urn:ietf:params:oauth:token-type:access_token"
        if realm.entra or not authentication:
            raise Refusal(70003, "Token exchange is for confidential clients of a plain provider.")
        if form.get("subject_token_type") != access_token:
            raise Refusal(900144, "The request body must contain the following parameter: 'subject_token_type'.")
        subject = _required(form, "subject_token")
        self._context.grants.issued.add(subject)
        claims = self._verified(subject)
        users = self._context.registry.users.values()
        user = next((u for u in users if u.subject(claims["client_id"]) == claims["sub"]), None)
        if claims["iss"] != realm.issuer or user is None:
            raise Refusal(70000, "The subject token is no person's of this provider.")
        scopes = self._context.registry.scopes(_required(form, "scope"))
        family = Family(client_id=client.client_id, user=user, realm=realm, scopes=scopes, signed_in_at=claims["iat"])
        answer = self._answer(
            family, realm, client, scopes=scopes, authentication=authentication, claims="", with_client_info=False
        )
        return {**answer, "issued_token_type": access_token}

    def _on_behalf_of(self, form: dict[str, str], realm: Realm, client: Client, authentication: int) -> dict[str, Any]:
        if form.get("requested_token_use") != "on_behalf_of":
            raise Refusal(900144, "The request body must contain the following parameter: 'requested_token_use'.")
        if not authentication:
            raise Refusal(
                7000218,
                "The request body must contain the following parameter: 'client_assertion' or 'client_secret'.",
            )
        assertion = _required(form, "assertion")
        self._context.grants.issued.add(assertion)
        claims = self._verified(assertion)
        owned = [r.identifier for r in self._context.registry.resources.values() if r.owner == client.client_id]
        if claims["aud"] not in owned or "scp" not in claims or claims["iss"] not in (realm.issuer, realm.v1_issuer):
            raise Refusal(
                500131,
                "Assertion audience does not match the Client app presenting the assertion. The audience in the "
                f"assertion was '{claims['aud']}'.",
            )
        user = next(u for u in self._context.registry.users.values() if u.object_id == claims["oid"])
        scopes = self._context.registry.scopes(_required(form, "scope"))
        family = Family(client_id=client.client_id, user=user, realm=realm, scopes=scopes, signed_in_at=claims["iat"])
        return self._answer(
            family,
            realm,
            client,
            scopes=scopes,
            authentication=authentication,
            claims=form.get("claims", ""),
            with_client_info=form.get("client_info") == "1",
        )

    def _verified(self, assertion: str) -> dict[str, Any]:
        options = {"verify_aud": False, "verify_exp": False, "verify_nbf": False, "verify_iat": False}
        try:
            key = self._context.keys.public_key(jwt.get_unverified_header(assertion).get("kid"))
            if key is None:
                raise jwt.InvalidKeyError
            claims: dict[str, Any] = jwt.decode(
                assertion,
                key,
                algorithms=["RS256"],
                options=options,  # type: ignore[arg-type]  # known keys
            )
        except jwt.PyJWTError:
            raise Refusal(50013, "Assertion failed signature validation.") from None
        if claims["exp"] <= self._context.clock():
            raise Refusal(500133, "Assertion is not within its valid time range.")
        if self._context.grants.is_revoked(str(claims.get("uti") or claims.get("jti"))):
            raise Refusal(50173, "The provided grant has expired due to it being revoked.")
        return claims

    def _narrowed(self, form: dict[str, str], family: Family) -> Scopes:
        # Whoever may get one of the person's scopes may get the others: here everything is consented to.
        return self._context.registry.scopes(form["scope"]) if form.get("scope") else family.scopes

    def _refuse_step_up(self, form: dict[str, str]) -> None:
        claims = _asked(form.get("claims", ""))
        if claims and self._context.settings.claims_need_person:
            raise Refusal(
                50076,
                "Due to a configuration change made by your administrator, you must use multi-factor authentication.",
                extra={"suberror": "basic_action", "claims": json.dumps({"access_token": claims})},
            )

    def _lifetimes(self) -> dict[str, int]:
        settings = self._context.settings
        extended_s = settings.access_token_s if settings.ext_expires_in_s is None else settings.ext_expires_in_s
        lifetimes = {"expires_in": settings.access_token_s, "ext_expires_in": extended_s}
        if not settings.tell_lifetime:
            lifetimes = {}
        return lifetimes | ({} if settings.refresh_in_s is None else {"refresh_in": settings.refresh_in_s})

    def _answer(
        self,
        family: Family,
        realm: Realm,
        client: Client,
        *,
        scopes: Scopes,
        authentication: int,
        claims: str,
        with_client_info: bool,
        refresh_token: str | None = None,
        nonce: str | None = None,
        with_auth_time: bool = False,
    ) -> dict[str, Any]:
        token = self._mint.user_access_token(
            family, client, realm, scopes, authentication=authentication, asked=_asked(claims)
        )
        granted = scopes.full_names()
        if not realm.entra or not granted:
            granted += sorted(scopes.openid)
        answer: dict[str, Any] = {
            "token_type": "Bearer",
            "scope": " ".join(granted),
            **self._lifetimes(),
            "access_token": token,
        }
        if "offline_access" in scopes.openid or refresh_token:
            answer["refresh_token"] = refresh_token or self._context.grants.add_refresh_token(family)
        settings = self._context.settings
        if "openid" in scopes.openid and (settings.id_token_at_refresh or not refresh_token):
            answer["id_token"] = self._mint.id_token(
                family, client, realm, nonce=nonce, with_auth_time=with_auth_time, access_token=token
            )
        if with_client_info and (realm.tells_client_info or settings.client_info):
            answer["client_info"] = client_info(family.user, realm, settings.client_info)
        return answer


def _required(form: dict[str, str], name: str) -> str:
    if not form.get(name):
        raise Refusal(900144, f"The request body must contain the following parameter: '{name}'.")
    return form[name]


def _asked(claims: str) -> dict[str, Any]:
    """Return the `access_token` member of a claims parameter (OpenID Connect Core §5.5)."""
    if not claims:
        return {}
    try:
        member = json.loads(claims).get("access_token", {})
    except (ValueError, AttributeError):
        raise Refusal(9002313, "The 'claims' parameter is not a JSON object.") from None
    return member if isinstance(member, dict) else {}
