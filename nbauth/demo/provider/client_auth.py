"""Client authentication at the token endpoint: a secret, a certificate's key, or another issuer's assertion."""

from __future__ import annotations

import base64
import binascii
import hmac
import threading
from typing import TYPE_CHECKING, Any
from urllib.parse import unquote_plus

import jwt
from cryptography import x509
from cryptography.exceptions import InvalidSignature
from cryptography.hazmat.primitives import hashes

from nbauth.demo.provider.aadsts import Refusal

if TYPE_CHECKING:
    from nbauth.demo.http.messages import Request
    from nbauth.demo.provider.context import Context
    from nbauth.demo.provider.realms import Realm
    from nbauth.demo.provider.registry import Client

__all__ = ["ClientAuthentication"]

_JWT_BEARER = "urn:ietf:params:oauth:client-assertion-type:jwt-bearer"
# The thumbprint header that goes with each algorithm
# (https://learn.microsoft.com/entra/identity-platform/certificate-credentials).
_THUMBPRINTS = {"RS256": ("x5t", "x5t#S256"), "PS256": ("x5t#S256",)}
_LEEWAY_S = 300
_UNVERIFIED = {"verify_signature": False, "verify_exp": False, "verify_nbf": False, "verify_iat": False}


class ClientAuthentication:
    """Authenticates the client that asks for a token."""

    def __init__(self, context: Context) -> None:
        self._context = context
        self._seen: set[str] = set()
        self._lock = threading.Lock()

    def __call__(self, request: Request, realm: Realm) -> tuple[Client, int]:
        """Return the client, and how it proved itself: 0 not at all, 1 by a secret, 2 by a key.

        Raises:
            Refusal: it is unknown, or did not prove itself.
        """
        client_id, secret, assertion = self._credentials(request)
        client = self._context.registry.client(client_id)
        if secret is None and assertion is None:
            if client.confidential:
                raise Refusal(
                    7000218,
                    "The request body must contain the following parameter: 'client_assertion' or 'client_secret'.",
                )
            return client, 0
        if not client.confidential:
            raise Refusal(
                700025, "Client is public so neither 'client_assertion' nor 'client_secret' should be presented."
            )
        if assertion is not None:
            self._context.grants.issued.add(assertion)
            self._check_assertion(client, realm, assertion)
            return client, 2
        if not any(hmac.compare_digest((secret or "").encode(), known.encode()) for known in client.secrets):
            raise Refusal(7000215, f"Invalid client secret provided for the application '{client_id}'.")
        return client, 1

    def _credentials(self, request: Request) -> tuple[str, str | None, str | None]:
        """Return the client id and what came with it: a secret, an assertion or nothing (RFC 6749 §2.3)."""
        form = request.form
        client_id, secret = _basic(request)
        assertion = form.get("client_assertion")
        ways = {"client_secret_basic": secret, "client_secret_post": form.get("client_secret"), "": assertion}
        used = [way for way, value in ways.items() if value is not None]
        if len(used) > 1 or (client_id is not None and form.get("client_id", client_id) != client_id):
            raise Refusal(9002313, "The client authenticates in two ways at once.")
        if assertion is not None and form.get("client_assertion_type") != _JWT_BEARER:
            raise Refusal(9002313, "The 'client_assertion_type' is not the one for a JWT.")
        if secret is not None:
            self._context.grants.issued.add(request.headers["Authorization"].partition(" ")[2])  # a secret by itself
        for way in used:
            if way and way not in self._context.settings.secret_ways:
                raise Refusal(7000215, f"This application does not authenticate by {way}.")
        client_id = client_id or form.get("client_id")
        if not client_id:
            raise Refusal(900144, "The request body must contain the following parameter: 'client_id'.")
        return client_id, secret if secret is not None else form.get("client_secret"), assertion

    def _check_assertion(self, client: Client, realm: Realm, assertion: str) -> None:
        try:
            header = jwt.get_unverified_header(assertion)
            claims = jwt.decode(assertion, options=_UNVERIFIED)  # type: ignore[arg-type]  # all keys are known ones
        except jwt.PyJWTError:
            raise Refusal(700027, "The client assertion is not a signed JWT.") from None
        if claims.get("iss") != client.client_id and client.federations:
            self._check_federation(client, assertion, claims)
        else:
            self._check_certificate(client, realm, assertion, header, claims)
        now = self._context.clock()
        expires_at = claims.get("exp")
        not_before = claims.get("nbf", now)
        if not isinstance(expires_at, int | float) or not isinstance(not_before, int | float):
            raise Refusal(700024, "The client assertion says not until when it is valid.")
        if expires_at <= now or not_before > now + _LEEWAY_S:
            raise Refusal(700024, "The client assertion is not within its valid time range.")

    def _check_certificate(
        self, client: Client, realm: Realm, assertion: str, header: dict[str, Any], claims: dict[str, Any]
    ) -> None:
        algorithm = str(header.get("alg"))
        names = _THUMBPRINTS.get(algorithm, ())
        given = [str(header[name]).rstrip("=") for name in names if name in header]
        if not given:
            raise Refusal(700027, "The client assertion must be RS256 with x5t, or PS256 with x5t#S256.")
        key, *others = [client.certificates.get(thumbprint) for thumbprint in given]
        if key is None and client.trusted_issuer is not None:
            key, others = _key_of_chain(client, header.get("x5c"), given), []
        if key is None or any(other is not key for other in others):
            raise Refusal(700027, "The certificate with the assertion's thumbprint is not registered.")
        if claims.get("iss") != client.client_id or claims.get("sub") != client.client_id:
            raise Refusal(700021, "Client assertion application identifier doesn't match 'client_id' parameter.")
        # Any of Entra's names for the token endpoint of this tenant, or the issuer (RFC 7523 §3).
        audience = claims.get("aud")
        if audience not in (f"{realm.origin}{realm.path('token')}", realm.issuer):
            raise Refusal(700023, "The client assertion's audience is not this token endpoint or issuer.")
        _verify(assertion, key, algorithm, number=700027)
        token_id = claims.get("jti")
        if not isinstance(token_id, str) or not token_id:
            raise Refusal(700027, "The client assertion has no 'jti'.")
        with self._lock:
            if token_id in self._seen and self._context.settings.one_use_assertions:
                raise Refusal(700027, "The client assertion was used before.")
            self._seen.add(token_id)

    def _check_federation(self, client: Client, assertion: str, claims: dict[str, Any]) -> None:
        of_issuer = [each for each in client.federations if each.issuer == claims.get("iss")]
        if not of_issuer:
            raise Refusal(700211, "No matching federated identity record found for presented assertion issuer.")
        of_subject = [each for each in of_issuer if each.subject == claims.get("sub")]
        if not of_subject:
            raise Refusal(700213, "No matching federated identity record found for presented assertion subject.")
        of_audience = [each for each in of_subject if each.audience == claims.get("aud")]
        if not of_audience:
            raise Refusal(700212, "No matching federated identity record found for presented assertion audience.")
        _verify(assertion, of_audience[0].key, "RS256", number=700027)


def _key_of_chain(client: Client, chain: Any, thumbprints: list[str]) -> Any:
    """Return the key of a certificate that comes with the assertion, if the trusted authority issued it to the name."""
    try:
        certificates = [x509.load_der_x509_certificate(base64.b64decode(text)) for text in chain]
        leaf = certificates[0]
        for issued, issuer in zip(certificates, [*certificates[1:], client.trusted_issuer], strict=True):
            if issued != issuer:
                issued.verify_directly_issued_by(issuer)  # type: ignore[arg-type]  # it is not None here
    except (TypeError, ValueError, IndexError, InvalidSignature):
        return None
    digests = {
        base64.urlsafe_b64encode(leaf.fingerprint(algorithm)).decode().rstrip("=")
        for algorithm in (hashes.SHA1(), hashes.SHA256())  # noqa: S303 - x5t is SHA-1
    }
    named = leaf.subject.rfc4514_string() == client.trusted_subject
    return leaf.public_key() if named and set(thumbprints) <= digests else None


def _verify(assertion: str, key: Any, algorithm: str, *, number: int) -> None:
    options = {"verify_aud": False, "verify_exp": False, "verify_nbf": False, "verify_iat": False}
    try:
        jwt.decode(assertion, key, algorithms=[algorithm], options=options)  # type: ignore[arg-type]  # known keys
    except jwt.PyJWTError:
        raise Refusal(number, "Client assertion failed signature validation.") from None


def _basic(request: Request) -> tuple[str | None, str | None]:
    scheme, _, encoded = request.headers.get("Authorization", "").partition(" ")
    if scheme.lower() != "basic":
        return None, None
    try:
        client_id, _, secret = base64.b64decode(encoded, validate=True).decode().partition(":")
    except (binascii.Error, UnicodeDecodeError):
        raise Refusal(9002313, "The Authorization header is malformed.") from None
    return unquote_plus(client_id), unquote_plus(secret)  # RFC 6749 §2.3.1
