"""What the provider remembers of sign-ins: tickets, codes, device codes, token families and browser sessions."""

from __future__ import annotations

import secrets
import threading
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Literal

from nbauth.demo.provider.aadsts import Refusal
from nbauth.demo.provider.realms import PARTNER_ID, TENANT_ID

if TYPE_CHECKING:
    from nbauth.demo.provider.realms import Realm
    from nbauth.demo.provider.registry import Client, Resource, Scopes, User
    from nbauth.demo.provider.settings import Clock, Settings

__all__ = ["AuthorizationRequest", "Code", "DeviceGrant", "Family", "Grants", "Session"]

# Letters that cannot be mistaken for one another or spell a word (RFC 8628 §6.1).
_USER_CODE_LETTERS = "BCDFGHJKLMNPQRSTVWXZ"
_TICKET_S = 600.0


@dataclass(frozen=True, kw_only=True)
class AuthorizationRequest:
    """A checked request to sign somebody in."""

    realm: Realm
    client: Client
    redirect_uri: str
    response_mode: Literal["query", "fragment", "form_post"]
    state: str | None
    scopes: Scopes
    nonce: str | None
    challenge: str
    prompt: frozenset[str]
    login_hint: str
    max_age_s: float | None
    claims: str
    client_info: bool


@dataclass(kw_only=True)
class Family:
    """Everything that grew out of one sign-in; revoked as a whole (RFC 9700 §4.14.2)."""

    client_id: str
    user: User
    realm: Realm
    scopes: Scopes
    signed_in_at: float
    revoked: bool = False


@dataclass(kw_only=True)
class Code:
    """An authorization code: good once, for one client, one redirect URI and one verifier."""

    request: AuthorizationRequest
    family: Family
    expires_at: float
    redeemed: bool = False


@dataclass(kw_only=True)
class _RefreshToken:
    family: Family
    expires_at: float
    used: bool = False


@dataclass(kw_only=True)
class DeviceGrant:
    """A device that waits for a person."""

    client: Client
    realm: Realm
    scopes: Scopes
    user_code: str
    expires_at: float
    last_poll_at: float = 0.0
    user: User | None = None
    signed_in_at: float = 0.0
    declined: bool = False
    redeemed: bool = False


@dataclass(frozen=True, kw_only=True)
class Session:
    """A browser in which somebody is signed in."""

    user: User
    signed_in_at: float


@dataclass
class Grants:
    """The store. Each method is one step that no other thread can come between.

    Attributes:
        issued: every secret ever handed out or received, for tests that look where it went.
    """

    settings: Settings
    clock: Clock
    issued: set[str] = field(default_factory=set)
    _tickets: dict[str, tuple[AuthorizationRequest | DeviceGrant, float]] = field(default_factory=dict)
    _codes: dict[str, Code] = field(default_factory=dict)
    _refresh: dict[str, _RefreshToken] = field(default_factory=dict)
    _devices: dict[str, DeviceGrant] = field(default_factory=dict)
    _sessions: dict[str, Session] = field(default_factory=dict)
    _families: dict[str, Family] = field(default_factory=dict)
    _consents: set[tuple[str, str]] = field(default_factory=set)
    _lock: threading.RLock = field(default_factory=threading.RLock)

    def secret(self) -> str:
        """Return a fresh secret, and remember that it was issued."""
        value = secrets.token_urlsafe(32)
        self.issued.add(value)
        return value

    # Tickets: what a page on screen is about; so its form can be posted once and by nobody else.

    def add_ticket(self, about: AuthorizationRequest | DeviceGrant) -> str:
        """Return a ticket for a page."""
        ticket = self.secret()
        with self._lock:
            self._tickets[ticket] = (about, self.clock() + _TICKET_S)
        return ticket

    def take_ticket(self, ticket: str) -> AuthorizationRequest | DeviceGrant | None:
        """Return what a ticket is about, once."""
        with self._lock:
            about, expires_at = self._tickets.pop(ticket, (None, 0.0))
        return about if self.clock() < expires_at else None

    # Browser sessions

    def add_session(self, user: User) -> tuple[str, Session]:
        """Sign somebody in in a browser; returns the cookie's value and the session."""
        value, session = self.secret(), Session(user=user, signed_in_at=self.clock())
        with self._lock:
            self._sessions[value] = session
        return value, session

    def session(self, value: str | None) -> Session | None:
        """Return the session that a cookie stands for."""
        return self._sessions.get(value or "")

    def end_session(self, value: str | None) -> None:
        """Sign out in a browser."""
        with self._lock:
            self._sessions.pop(value or "", None)

    # Codes

    def add_code(self, request: AuthorizationRequest, session: Session) -> str:
        """Return a code for somebody who signed in."""
        family = Family(
            client_id=request.client.client_id,
            user=session.user,
            realm=request.realm,
            scopes=request.scopes,
            signed_in_at=session.signed_in_at,
        )
        value = self.secret()
        with self._lock:
            if request.scopes.resource:
                self._consents.add((session.user.key, request.scopes.resource.identifier))
            self._codes[value] = Code(request=request, family=family, expires_at=self.clock() + self.settings.code_s)
        return value

    def redeem_code(self, value: str, client: Client) -> Code:
        """Use a code up.

        Raises:
            Refusal: unknown, somebody else's, expired, or used before; then what it gave is revoked (RFC 6749 §4.1.2).
        """
        with self._lock:
            code = self._codes.get(value)
            if code is None:
                raise Refusal(9002313, "The code is malformed or invalid.", error="invalid_grant")
            if code.family.client_id != client.client_id:
                raise Refusal(70000, "The code was issued to another application.")
            if code.redeemed:
                code.family.revoked = True
                raise Refusal(54005, "OAuth2 Authorization code was already redeemed.")
            code.redeemed = True
            if self.clock() >= code.expires_at:
                raise Refusal(70008, "The provided authorization code has expired.")
            return code

    # Refresh and access tokens

    def add_refresh_token(self, family: Family) -> str:
        """Return a refresh token of a family."""
        value = self.secret()
        with self._lock:
            self._refresh[value] = _RefreshToken(family=family, expires_at=self.clock() + self.settings.refresh_token_s)
        return value

    def redeem_refresh_token(
        self, value: str, client: Client, realm: Realm, *, resource: Resource | None = None
    ) -> Family:
        """Use a refresh token; up, where they rotate.

        Args:
            value: the token.
            client: who presents it.
            realm: where.
            resource: whose scopes are asked for.

        Raises:
            Refusal: unknown, somebody else's, expired, revoked, or used before; then its family is revoked. Or the
                person is no guest here, or was never asked about the resource; then it is not used up.
        """
        with self._lock:
            token = self._refresh.get(value)
            if token is None:
                raise Refusal(9002313, "The refresh token is malformed or invalid.", error="invalid_grant")
            family = token.family
            if family.client_id != client.client_id or not self._good_in(family, realm):
                raise Refusal(70000, "The refresh token was issued to another application or tenant.")
            if realm.tenant_id == PARTNER_ID and family.user.key not in self.settings.guests:
                raise Refusal(50020, f"User account '{family.user.username}' does not exist in the tenant.")
            if token.used and self.settings.rotate_refresh_tokens:
                family.revoked = True
                raise Refusal(50173, "The refresh token was used before; its grant has been revoked.")
            if family.revoked:
                raise Refusal(50173, "The provided grant has expired due to it being revoked.")
            if self.clock() >= token.expires_at:
                raise Refusal(700082, "The refresh token has expired due to inactivity.")
            if resource and resource.identifier in self.settings.consent_first - self._consented(family.user):
                raise Refusal(
                    65001,
                    f"The user has not consented to use the application for '{resource.identifier}'.",
                    extra={"suberror": "consent_required"},
                )
            token.used = True
            return family

    @staticmethod
    def _good_in(family: Family, realm: Realm) -> bool:
        organisations = {TENANT_ID, PARTNER_ID}
        if family.realm.entra and realm.entra and {family.realm.tenant_id, realm.tenant_id} <= organisations:
            return True
        return family.realm.issuer == realm.issuer

    def _consented(self, user: User) -> set[str]:
        return {resource for key, resource in self._consents if key == user.key}

    def note_access_token(self, token_id: str, family: Family) -> None:
        """Tie an access token to its family."""
        with self._lock:
            self._families[token_id] = family

    def is_revoked(self, token_id: str) -> bool:
        """Tell whether an access token's family is revoked."""
        family = self._families.get(token_id)
        return family is not None and family.revoked

    def revoke_user(self, user: User) -> None:
        """Revoke everything that somebody holds and end their browser sessions."""
        with self._lock:
            families = [*self._families.values(), *(t.family for t in self._refresh.values())]
            families += [code.family for code in self._codes.values()]
            for family in families:
                if family.user == user:
                    family.revoked = True
            self._sessions = {v: s for v, s in self._sessions.items() if s.user != user}

    # Device codes

    def add_device(self, client: Client, realm: Realm, scopes: Scopes) -> tuple[str, DeviceGrant]:
        """Return a device code and its grant."""
        letters = "".join(secrets.choice(_USER_CODE_LETTERS) for _ in range(8))
        grant = DeviceGrant(
            client=client,
            realm=realm,
            scopes=scopes,
            user_code=f"{letters[:4]}-{letters[4:]}",
            expires_at=self.clock() + self.settings.device_code_s,
        )
        value = self.secret()
        with self._lock:
            self._devices[value] = grant
        self.issued.add(grant.user_code)
        return value, grant

    def device_of_user_code(self, typed: str) -> DeviceGrant:
        """Return the grant of a user code, however it was typed (RFC 8628 §6.1).

        Raises:
            Refusal: no device waits with that code.
        """
        letters = "".join(c for c in typed.upper() if c.isalnum())
        with self._lock:
            for grant in self._devices.values():
                waits = grant.user is None and not grant.declined and self.clock() < grant.expires_at
                if waits and grant.user_code.replace("-", "") == letters:
                    return grant
        raise Refusal(70018, "That code is wrong, or it is no longer good. Look again at where it is shown.")

    def decide_device(self, grant: DeviceGrant, user: User | None) -> None:
        """Let a device in as somebody, or turn it away."""
        with self._lock:
            grant.user, grant.declined = user, user is None
            grant.signed_in_at = self.clock()

    def poll_device(self, value: str, client: Client, realm: Realm) -> DeviceGrant:
        """Answer a device that asks whether somebody has signed in, and use its code up if so.

        Raises:
            Refusal: not yet, too often, expired, declined, or no such device (RFC 8628 §3.5).
        """
        with self._lock:
            grant = self._devices.get(value)
            if grant is None or grant.redeemed or grant.client is not client or grant.realm != realm:
                raise Refusal(
                    70019,
                    "The device code is unknown or used up.",
                    error=None if realm.entra else "invalid_grant",
                )
            now = self.clock()
            since_last_s, grant.last_poll_at = now - grant.last_poll_at, now
            if now >= grant.expires_at:
                raise Refusal(70020, "The provided value for 'device_code' is not valid: it has expired.")
            if grant.declined:
                error = "authorization_declined" if realm.entra else "access_denied"
                raise Refusal(65004, "The end user denied the authorization request.", error=error)
            if grant.user is None:
                if since_last_s < self.settings.interval_s / 2:
                    raise Refusal(70016, "The device polls too often.", error="slow_down")
                raise Refusal(70016, "OAuth 2.0 device flow error. Authorization is pending. Continue polling.")
            grant.redeemed = True
            return grant
