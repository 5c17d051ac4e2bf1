"""An OpenID provider for people without a tenant: Entra's v2.0 paths, a plain OpenID realm, and no mercy.

Two listeners on loopback: https for programs, plain http for the pages that people open. Whoever chooses Alice is
Alice; everything else is checked as a strict provider checks it.
"""

from __future__ import annotations

import uuid
from typing import TYPE_CHECKING, Any, Literal
from urllib.parse import urlsplit

from nbauth.demo.http.faults import Faults
from nbauth.demo.http.listener import Listener
from nbauth.demo.http.messages import Response
from nbauth.demo.http.request_log import RequestLog
from nbauth.demo.provider import discovery
from nbauth.demo.provider.aadsts import Refusal
from nbauth.demo.provider.authorize import AuthorizeEndpoint
from nbauth.demo.provider.context import Context
from nbauth.demo.provider.device import DeviceEndpoint
from nbauth.demo.provider.grants import Grants
from nbauth.demo.provider.keys import SigningKeys
from nbauth.demo.provider.realms import CONSUMERS_ID, LAB, OTHER_LAB, PARTNER_ID, TENANT_ID, Realm, Site, find_realm
from nbauth.demo.provider.registry import Registry, User
from nbauth.demo.provider.settings import Clock, Settings
from nbauth.demo.provider.token_endpoint import TokenEndpoint

if TYPE_CHECKING:
    import ssl
    from collections.abc import Callable, Iterable, Iterator

    from cryptography.hazmat.primitives.asymmetric import rsa

    from nbauth.demo.http.messages import Request
    from nbauth.demo.provider.registry import Client, Resource

__all__ = ["ALICE", "BOB", "Provider"]

ALICE = User(
    key="alice",
    name="Alice Adams",
    username="alice@contoso.example",
    object_id="aaaaaaaa-1111-4111-8111-aaaaaaaaaaaa",
)
BOB = User(
    key="bob",
    name="Bob Büchner",
    username="bob@contoso.example",
    object_id="bbbbbbbb-2222-4222-8222-bbbbbbbbbbbb",
)

# What a browser opens; the rest is for programs and is served over TLS alone.
_PAGES = frozenset({"authorize", "login", "device", "logout"})


class Provider:
    """The provider, from `start` until `close`.

    Args:
        tls: the server's side of TLS.
        port: the https port; 0 for any that is free.
        page_port: the plain http port of the pages; 0 for any that is free.
        requests: where requests are noted.
        hosts: further hosts that it answers for, on port 443 as those who ask see it; a test pins them to `port`.

    Attributes:
        settings: lifetimes and strictness; assign to its attributes at any time.
        clock: the time it lives in.
        registry: users, clients and resources.
        keys: the signing keys.
        faults: misbehaviour asked for; for both listeners.
        requests: what was asked.
        origin: the https origin.
        page_port: the plain http port.
        page_origin: the plain http origin.
        authority: the demo tenant's authority.
        oidc_authority: the plain OpenID realm's issuer.
        issuers: the issuers that its tokens may name.
        tenant_id: the demo tenant.
    """

    def __init__(
        self,
        tls: ssl.SSLContext,
        *,
        port: int = 0,
        page_port: int = 0,
        requests: RequestLog | None = None,
        hosts: Iterable[str] = (),
    ) -> None:
        self.settings = Settings()
        self.clock = Clock()
        self.registry = Registry([ALICE, BOB])
        self.keys = SigningKeys()
        self.faults = Faults()
        self.requests = requests if requests is not None else RequestLog()
        self.tenant_id = TENANT_ID
        self._https = Listener(
            self._answer,
            name="provider",
            port=port,
            tls=tls,
            faults=self.faults,
            log=self.requests,
            clock=self.clock,
        )
        try:
            self._http = Listener(
                self._answer, name="pages", port=page_port, tls=None, faults=self.faults, log=self.requests
            )
        except OSError:
            self._https.close()
            raise
        self.origin = self._https.origin
        self.page_port = self._http.port
        self.page_origin = self._http.origin
        self.authority = f"{self.origin}/{TENANT_ID}"
        self.oidc_authority = f"{self.origin}/{LAB}"
        self._home = Site(self.origin, self.page_origin)
        self._sites = {host: Site.of_host(host) for host in hosts}
        self._https.hosts |= set(self._sites)
        self.issuers = frozenset(issuer for site in (self._home, *self._sites.values()) for issuer in _issuers(site))
        self._grants = Grants(settings=self.settings, clock=self.clock)
        context = Context(
            settings=self.settings,
            clock=self.clock,
            registry=self.registry,
            keys=self.keys,
            grants=self._grants,
            # Cookies know no ports: two providers on one machine must not overwrite each other's.
            cookie=f"nbauth_demo_{self._https.port}",
        )
        self._context = context
        authorize, device = AuthorizeEndpoint(context), DeviceEndpoint(context)
        self._endpoints: dict[str, tuple[str, Callable[[Request, Realm], Response]]] = {
            "configuration": ("GET HEAD", self._configuration),
            "keys": ("GET HEAD", self._keys),
            "authorize": ("GET POST", authorize.authorize),
            "login": ("POST", authorize.choose),
            "logout": ("GET POST", authorize.logout),
            "device": ("GET POST", device.page),
            "devicecode": ("GET POST", device.authorization),
            "token": ("GET POST", TokenEndpoint(context)),
        }

    def start(self) -> None:
        """Begin to answer."""
        self._https.start()
        self._http.start()

    def close(self) -> None:
        """Stop answering."""
        self._https.close()
        self._http.close()

    def publish(self, pages: str) -> None:
        """Tell from now on that the pages are somewhere else, from where a proxy leads to the plain http port.

        Args:
            pages: their address in people's browsers, without a slash at its end.
        """
        self._http.hosts.add(urlsplit(pages).hostname or "")
        self._home = Site(self.origin, pages)

    @property
    def issued_secrets(self) -> set[str]:
        """Every code, token, device code, user code, ticket, cookie, verifier, assertion and client secret so far.

        For tests that look whether one of them stands where it should not. A user code is nine characters, everything
        else at least forty.
        """
        known = {secret for client in self.registry.clients.values() for secret in client.secrets}
        return (set(self._grants.issued) | known) - {""}

    def forget_issued_secrets(self) -> None:
        """Let `issued_secrets` begin anew; what was issued stays good."""
        self._grants.issued.clear()

    def register_client(
        self,
        client_id: str | None = None,
        *,
        name: str = "A test's application",
        redirect_uris: Iterable[str] = ("http://localhost",),
        post_logout_redirect_uris: Iterable[str] = (),
        confidential: bool = False,
    ) -> Client:
        """Register an application; a confidential one gets a fresh secret (`client.secrets`)."""
        return self.registry.register_client(
            client_id,
            name=name,
            redirect_uris=redirect_uris,
            post_logout_redirect_uris=post_logout_redirect_uris,
            confidential=confidential,
        )

    def register_resource(
        self,
        identifier: str,
        *,
        scopes: Iterable[str],
        roles: Iterable[str] = (),
        owner: str | None = None,
        token_version: Literal[1, 2] = 2,
    ) -> Resource:
        """Register an API that tokens may be for; as `Resource` says."""
        return self.registry.register_resource(
            identifier, scopes=scopes, roles=roles, owner=owner, token_version=token_version
        )

    def rotate_signing_key(self, *, forget_old: bool = False) -> str:
        """Sign with a fresh key from now on; returns its key id."""
        return self.keys.rotate(forget_old=forget_old)

    def revoke(self, user: User) -> None:
        """Revoke everything that somebody holds, as an administrator does after a theft."""
        self._grants.revoke_user(user)

    def is_revoked(self, claims: dict[str, Any]) -> bool:
        """Tell whether an access token was revoked, by its claims."""
        return self._grants.is_revoked(str(claims.get("uti") or claims.get("jti") or ""))

    def public_key(self, kid: str | None) -> rsa.RSAPublicKey | None:
        """Return the published key with a key id."""
        return self.keys.public_key(kid)

    def _answer(self, request: Request) -> Response:
        site = self._sites.get(request.host, self._home)
        realm, route = find_realm(request.path, site)
        if not request.secure and route not in _PAGES:
            return Response.text("Only over https.", status=403 if realm else 404)
        if realm is None or route is None:
            return self._answer_elsewhere(request, site, unknown_tenant=route)
        methods, endpoint = self._endpoints[route]
        if request.method not in methods.split():
            return Response.text("Method not allowed.", status=405)
        try:
            return endpoint(request, realm)
        except Refusal as refusal:
            return refusal.to_json(entra=realm.entra, correlation_id=_correlation_id(request))

    def _answer_elsewhere(self, request: Request, site: Site, *, unknown_tenant: str | None) -> Response:
        if unknown_tenant is not None:
            refusal = Refusal(90002, f"Tenant '{unknown_tenant}' not found.")
            return refusal.to_json(entra=True, correlation_id=_correlation_id(request))
        if request.path == "/common/discovery/instance":
            return discovery.instance(site, request)
        if request.path.startswith("/common/userrealm/"):
            return discovery.user_realm(request)
        return Response.text("Not found.", status=404)

    def _keys(self, _request: Request, realm: Realm) -> Response:
        issuer = realm.issuer_template if realm.entra else None
        return Response.json(self.keys.jwks(issuer=issuer), headers={"Cache-Control": "max-age=86400, private"})

    def _configuration(self, _request: Request, realm: Realm) -> Response:
        return discovery.configuration(realm, self.settings)


def _issuers(site: Site) -> Iterator[str]:
    for tenant in (TENANT_ID, PARTNER_ID, CONSUMERS_ID):
        for kind in ("entra", "ciam", "b2c"):
            yield Realm(kind, tenant, tenant, site).issuer
        yield Realm("entra", tenant, tenant, site).v1_issuer
    for path in (f"{LAB}/token", f"{OTHER_LAB}/token", "adfs/oauth2/token/", "token"):
        realm, _ = find_realm(path, site)
        assert realm
        yield realm.issuer


def _correlation_id(request: Request) -> str | None:
    try:
        return str(uuid.UUID(request.headers.get("client-request-id", "")))
    except ValueError:
        return None
