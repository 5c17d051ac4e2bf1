"""What the API asks of a token: signature, issuer, audience, lifetime, scope, and claims it may demand (RFC 6750)."""

from __future__ import annotations

import base64
import json
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import jwt

from nbauth.demo.http.messages import Response

if TYPE_CHECKING:
    from nbauth.demo.http.messages import Request
    from nbauth.demo.provider.provider import Provider

__all__ = ["ApiError", "BearerCheck"]

_OPTIONS = {"verify_aud": False, "verify_exp": False, "verify_nbf": False, "verify_iat": False}
_REMEMBERED = 256


@dataclass
class ApiError(Exception):
    """An error as OData has it: status, code and message, and a challenge where a token is to blame."""

    status: int
    code: str
    message: str
    challenge: str | None = None

    def to_response(self) -> Response:
        """Return the error as a response."""
        headers = {"WWW-Authenticate": self.challenge} if self.challenge else {}
        body = {"error": {"code": self.code, "message": self.message}}
        return Response.json(body, status=self.status, headers=headers)


class BearerCheck:
    """Checks the token of each request.

    Args:
        provider: whose tokens count.
        audience: the API's identifier.

    Attributes:
        demanded: the claims that every token must fulfil, as in a claims challenge:
            ``{"access_token": {"acrs": {"essential": True, "value": "c1"}}}`` or with ``nbf``. None for none.
        skew_s: seconds that clocks may differ.
    """

    def __init__(self, provider: Provider, *, audience: str) -> None:
        self._provider = provider
        self._audience = audience
        self.demanded: dict[str, Any] | None = None
        self.skew_s = 0.0
        # Signatures do not change, and cost half of what a page of a thousand rows does.
        self._signed: dict[str, tuple[str, dict[str, Any]]] = {}

    def __call__(self, request: Request, *, scope: str, role: str | None) -> dict[str, Any]:
        """Return the claims of a good token.

        Args:
            request: the request that carries it.
            scope: the scope that a person's token must have.
            role: the role that an application's token must have; None if no application may.

        Raises:
            ApiError: 401 for a token that does not count, 403 for one that is not enough.
        """
        scheme, _, token = request.headers.get("Authorization", "").partition(" ")
        if scheme.lower() != "bearer" or not token:
            # Whoever sent nothing is told no error (RFC 6750 §3.1).
            raise ApiError(401, "InvalidAuthenticationToken", "Access token is empty.", self._challenge())
        claims = self._verified(token.strip())
        self._check_demanded(claims)
        granted = str(claims.get("scp", claims.get("scope", ""))).split()
        roles = claims.get("roles", [])
        if scope not in granted and (role is None or role not in roles):
            full = f"{self._audience}/{scope}"
            raise ApiError(
                403,
                "Authorization_RequestDenied",
                f"The token needs the scope {full}.",
                self._challenge("insufficient_scope", f"The token needs the scope {full}.", scope=full),
            )
        return claims

    def _verified(self, token: str) -> dict[str, Any]:
        kid, claims = self._signed.get(token) or self._check_signature(token)
        if self._provider.public_key(kid) is None:
            raise self._invalid("The token was signed with an unknown key.")
        if claims.get("iss") not in self._provider.issuers:
            raise self._invalid("The token's issuer is not trusted.")
        if claims.get("aud") != self._audience:
            raise self._invalid("The token is for another audience.")
        now = self._provider.clock()
        if claims.get("exp", 0) + self.skew_s <= now:
            raise self._invalid("The token has expired.")
        # A second for the fraction that `nbf` does not have.
        if claims.get("nbf", 0) - self.skew_s > now + 1:
            raise self._invalid("The token is not valid yet.")
        if self._provider.is_revoked(claims):
            raise self._invalid("The token has been revoked.")
        return claims

    def _check_signature(self, token: str) -> tuple[str, dict[str, Any]]:
        try:
            kid = str(jwt.get_unverified_header(token).get("kid"))
            key = self._provider.public_key(kid)
            if key is None:
                raise self._invalid("The token was signed with an unknown key.")
            claims: dict[str, Any] = jwt.decode(
                token,
                key,
                algorithms=["RS256"],
                options=_OPTIONS,  # type: ignore[arg-type]  # all keys are known ones
            )
        except jwt.PyJWTError:
            raise self._invalid("The token's signature is not valid.") from None
        if len(self._signed) >= _REMEMBERED:
            self._signed.clear()
        self._signed[token] = kid, claims
        return kid, claims

    def _check_demanded(self, claims: dict[str, Any]) -> None:
        for name, demand in ((self.demanded or {}).get("access_token") or {}).items():
            if not _fulfils(claims, name, str(demand.get("value", ""))):
                encoded = base64.b64encode(json.dumps(self.demanded).encode()).decode()
                challenge = self._challenge(
                    "insufficient_claims", "The token does not have the claims that are needed.", claims=encoded
                )
                raise ApiError(401, "InvalidAuthenticationToken", "Continuous access evaluation.", challenge)

    def _invalid(self, why: str) -> ApiError:
        return ApiError(401, "InvalidAuthenticationToken", why, self._challenge("invalid_token", why))

    def _challenge(self, error: str | None = None, description: str | None = None, **more: str) -> str:
        authorize = f"{self._provider.page_origin}/{self._provider.tenant_id}/oauth2/v2.0/authorize"
        parameters = {"realm": "", "authorization_uri": authorize}
        if error and description:
            parameters |= {"error": error, "error_description": description}
        return "Bearer " + ", ".join(f'{name}="{value}"' for name, value in (parameters | more).items())


def _fulfils(claims: dict[str, Any], name: str, value: str) -> bool:
    if name == "nbf":
        return bool(claims.get("nbf", 0) >= float(value))
    held = claims.get(name, [])
    return value in (held if isinstance(held, list) else [str(held)])
