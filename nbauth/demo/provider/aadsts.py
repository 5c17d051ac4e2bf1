"""The provider's refusals: numbered as Entra numbers them, in the shape of RFC 6749 §5.2.

Numbers and causes: https://learn.microsoft.com/entra/identity-platform/reference-error-codes
"""

from __future__ import annotations

import datetime as dt
import uuid
from typing import Any

from nbauth.demo.http.messages import Response

__all__ = ["Refusal"]

# number: (OAuth error, HTTP status)
_ERRORS: dict[int, tuple[str, int]] = {
    16000: ("interaction_required", 400),  # another account is signed in than the one hinted at
    28000: ("invalid_request", 400),  # scopes of more than one resource
    50011: ("invalid_request", 400),  # redirect URI not registered
    50013: ("invalid_grant", 400),  # on-behalf-of: the assertion is not valid
    50020: ("invalid_grant", 400),  # somebody who is no guest of the tenant
    50049: ("invalid_instance", 400),  # unknown authority host
    50058: ("login_required", 400),  # prompt=none and nobody signed in
    50076: ("interaction_required", 400),  # a claims challenge that only a person can satisfy
    50147: ("invalid_request", 400),  # no code_challenge
    50148: ("invalid_grant", 400),  # no code_verifier
    50173: ("invalid_grant", 400),  # the grant was revoked
    54005: ("invalid_grant", 400),  # code redeemed before
    65001: ("invalid_grant", 400),  # a consent that was not given
    65004: ("access_denied", 400),  # the person declined
    70000: ("invalid_grant", 400),  # a grant that was issued to somebody else
    70003: ("unsupported_grant_type", 400),
    70008: ("invalid_grant", 400),  # code expired
    70011: ("invalid_scope", 400),
    70016: ("authorization_pending", 400),
    70018: ("invalid_request", 400),  # wrong user code
    70019: ("bad_verification_code", 400),  # unknown device code
    70020: ("expired_token", 400),  # device code expired
    90002: ("invalid_tenant", 400),
    90014: ("invalid_request", 400),  # a field of the request has no acceptable value
    500011: ("invalid_resource", 400),
    500112: ("invalid_client", 400),  # redirect URI of the redemption differs
    500131: ("invalid_grant", 400),  # on-behalf-of: the assertion is for somebody else
    500133: ("invalid_grant", 400),  # on-behalf-of: the assertion has expired
    501481: ("invalid_grant", 400),  # code_verifier does not match
    501491: ("invalid_request", 400),  # code_challenge of the wrong size or method
    700016: ("unauthorized_client", 400),  # unknown client
    700021: ("invalid_client", 401),  # assertion's client is not client_id
    700023: ("invalid_client", 401),  # assertion's audience
    700024: ("invalid_client", 401),  # assertion's time range
    700025: ("invalid_client", 401),  # a public client presents a secret
    700027: ("invalid_client", 401),  # assertion's signature or key
    700054: ("unsupported_response_type", 400),
    700082: ("invalid_grant", 400),  # refresh token expired
    700211: ("invalid_client", 401),  # no federation with the assertion's issuer
    700212: ("invalid_client", 401),  # no federation for the assertion's audience
    700213: ("invalid_client", 401),  # no federation for the assertion's subject
    900144: ("invalid_request", 400),  # a parameter is missing
    900561: ("invalid_request", 405),  # GET to a POST endpoint
    1002012: ("invalid_scope", 400),  # client credentials without /.default
    7000215: ("invalid_client", 401),  # wrong secret
    7000218: ("invalid_client", 401),  # no secret and no assertion
    9002313: ("invalid_request", 400),  # malformed
}
_OTHER = ("invalid_grant", 400)  # what the provider does not say by itself, and tests have it say


class Refusal(Exception):
    """The provider says no.

    Args:
        number: the AADSTS number; any of Entra's.
        message: what is wrong, in a sentence.
        error: the OAuth error, where it differs from the number's usual one.
        extra: members to add, such as `suberror` and `claims`.
    """

    def __init__(
        self, number: int, message: str, *, error: str | None = None, extra: dict[str, Any] | None = None
    ) -> None:
        super().__init__(message)
        usual, self.status = _ERRORS.get(number, _OTHER)
        self.number = number
        self.message = message
        self.error = error or usual
        self.extra = extra or {}

    @property
    def headline(self) -> str:
        """The message with its number."""
        return f"AADSTS{self.number}: {self.message}"

    def to_json(self, *, entra: bool, correlation_id: str | None = None) -> Response:
        """Return the error response: Entra's, or the plain one of other providers."""
        headers = {"Cache-Control": "no-store", "Pragma": "no-cache"}
        if not entra:
            plain = {"error": self.error, "error_description": self.message}
            return Response.json(plain, status=self.status, headers=headers)
        now = f"{dt.datetime.now(dt.UTC):%Y-%m-%d %H:%M:%SZ}"
        trace, correlation = str(uuid.uuid4()), correlation_id or str(uuid.uuid4())
        body = {
            "error": self.error,
            "error_description": (f"{self.headline} Trace ID: {trace} Correlation ID: {correlation} Timestamp: {now}"),
            "error_codes": [self.number],
            "timestamp": now,
            "trace_id": trace,
            "correlation_id": correlation,
            "error_uri": f"https://login.microsoftonline.com/error?code={self.number}",
            **self.extra,
        }
        return Response.json(body, status=self.status, headers=headers)
