"""Who the provider knows: people, applications and what these may ask for."""

from __future__ import annotations

import base64
import secrets
import uuid
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Literal
from urllib.parse import urlsplit

from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.asymmetric import rsa

from nbauth.demo.provider.aadsts import Refusal
from nbauth.demo.provider.realms import PARTNER_ID

if TYPE_CHECKING:
    from collections.abc import Iterable

    from cryptography import x509

__all__ = ["OPENID_SCOPES", "Client", "Federation", "Registry", "Resource", "Scopes", "User"]

OPENID_SCOPES = frozenset({"openid", "profile", "email", "offline_access"})

# What asks for nothing but an identity gets an access token for this: Microsoft Graph's application id, as in Entra.
USER_INFO = "00000003-0000-0000-c000-000000000000"


@dataclass(frozen=True, kw_only=True)
class User:
    """Somebody that anybody may be."""

    key: str
    name: str
    username: str
    object_id: str

    def object_id_in(self, tenant_id: str) -> str:
        """Return the id of their object in a tenant; a guest has another one than at home."""
        return str(uuid.uuid5(uuid.UUID(self.object_id), tenant_id)) if tenant_id == PARTNER_ID else self.object_id

    def subject(self, client_id: str) -> str:
        """Return the pairwise subject identifier (OpenID Connect Core §8.1)."""
        return str(uuid.uuid5(uuid.UUID(self.object_id), client_id))


@dataclass(frozen=True, kw_only=True)
class Resource:
    """An API that tokens are for.

    Attributes:
        identifier: its application ID URI, which is the audience of its tokens.
        scopes: what people may let an application do.
        roles: what an application may be allowed to do by itself.
        owner: client id of the application that the API is, for on-behalf-of; None if it has none.
        token_version: which format its tokens are in, as `requestedAccessTokenVersion` in Entra's manifest: 1 as
            Microsoft's own older services want them (Storage, Kusto, Log Analytics), or 2. Entra's tenants only.
    """

    identifier: str
    scopes: tuple[str, ...]
    roles: tuple[str, ...] = ()
    owner: str | None = None
    token_version: Literal[1, 2] = 2


@dataclass(frozen=True, kw_only=True)
class Federation:
    """Trust in somebody else's tokens as a client's credential (workload identity)."""

    issuer: str
    subject: str
    key: rsa.RSAPublicKey
    audience: str = "api://AzureADTokenExchange"


@dataclass(kw_only=True)
class Client:
    """A registered application."""

    client_id: str
    name: str
    redirect_uris: list[str]
    post_logout_redirect_uris: list[str] = field(default_factory=list)
    confidential: bool = False
    secrets: set[str] = field(default_factory=set)
    certificates: dict[str, rsa.RSAPublicKey] = field(default_factory=dict)
    federations: list[Federation] = field(default_factory=list)
    # Subject name and issuer: any certificate that this authority issues to this name is the client's.
    trusted_issuer: x509.Certificate | None = None
    trusted_subject: str = ""
    object_id: str = field(default_factory=lambda: str(uuid.uuid4()))

    def add_certificate(self, certificate: x509.Certificate) -> None:
        """Accept assertions signed with a certificate's key, by either of its thumbprints."""
        key = certificate.public_key()
        assert isinstance(key, rsa.RSAPublicKey)
        for algorithm in (hashes.SHA1(), hashes.SHA256()):  # noqa: S303  (x5t is SHA-1 by definition)
            self.certificates[_base64url(certificate.fingerprint(algorithm))] = key

    def accepts_redirect(self, uri: str) -> bool:
        """Tell whether codes may be sent to an address.

        As Entra matches: character by character, but for the port where the host is this machine and the scheme
        http, and for a path that is empty or a slash
        (https://learn.microsoft.com/entra/identity-platform/reply-url#localhost-exceptions).
        """
        return any(_comparable(uri) == _comparable(registered) for registered in self.redirect_uris)


@dataclass(frozen=True, kw_only=True)
class Scopes:
    """What a request asks for.

    Attributes:
        openid: the scopes of OpenID Connect among them.
        resource: the API that the others belong to; None if there are no others.
        names: their names, without the resource.
    """

    openid: frozenset[str]
    resource: Resource | None
    names: tuple[str, ...]

    def full_names(self) -> list[str]:
        """Return the resource's scopes as they are asked for and answered."""
        return [f"{self.resource.identifier}/{name}" for name in self.names] if self.resource else []


class Registry:
    """Users, clients and resources."""

    def __init__(self, users: Iterable[User]) -> None:
        self.users = {user.key: user for user in users}
        self.clients: dict[str, Client] = {}
        self.resources: dict[str, Resource] = {}

    def register_client(
        self,
        client_id: str | None = None,
        *,
        name: str = "A test's application",
        redirect_uris: Iterable[str] = ("http://localhost",),
        post_logout_redirect_uris: Iterable[str] = (),
        confidential: bool = False,
    ) -> Client:
        """Register an application; a confidential one gets a fresh secret."""
        client = Client(
            client_id=client_id or str(uuid.uuid4()),
            name=name,
            redirect_uris=list(redirect_uris),
            post_logout_redirect_uris=list(post_logout_redirect_uris),
            confidential=confidential,
            secrets={secrets.token_urlsafe(32)} if confidential else set(),
        )
        self.clients[client.client_id] = client
        return client

    def register_resource(
        self,
        identifier: str,
        *,
        scopes: Iterable[str],
        roles: Iterable[str] = (),
        owner: str | None = None,
        token_version: Literal[1, 2] = 2,
    ) -> Resource:
        """Register an API."""
        resource = Resource(
            identifier=identifier,
            scopes=tuple(scopes),
            roles=tuple(roles),
            owner=owner,
            token_version=token_version,
        )
        self.resources[identifier] = resource
        return resource

    def client(self, client_id: str) -> Client:
        """Return a client, or refuse."""
        try:
            return self.clients[client_id]
        except KeyError:
            raise Refusal(
                700016, f"Application with identifier '{client_id}' was not found in the directory."
            ) from None

    def user_named(self, username: str) -> User | None:
        """Return the user with a user name, whatever its case."""
        return next((u for u in self.users.values() if u.username.lower() == username.lower()), None)

    def scopes(self, text: str) -> Scopes:
        """Parse a person's `scope` parameter; scopes of one resource only (as Entra's token endpoint).

        Raises:
            Refusal: nothing was asked, more than one resource, or something unknown.
        """
        names = text.split()
        if not names:
            raise Refusal(900144, "The request must contain the following parameter: 'scope'.")
        openid = frozenset(names) & OPENID_SCOPES
        granted: dict[str, None] = {}
        resource: Resource | None = None
        for full in names:
            if full in OPENID_SCOPES:
                continue
            owner, name = self._split(full)
            if resource not in (None, owner):
                raise Refusal(
                    28000, "The input parameter scope is not valid because it contains more than one resource."
                )
            resource = owner
            for each in owner.scopes if name == ".default" else (name,):
                granted[each] = None
        return Scopes(openid=openid, resource=resource, names=tuple(granted))

    def _split(self, full: str) -> tuple[Resource, str]:
        identifier, _, name = full.rpartition("/")
        resource = self.resources.get(identifier)
        if not identifier:
            raise Refusal(70011, f"The provided value for scope is not valid: '{full}'.")
        if resource is None:
            raise Refusal(500011, f"The resource principal named '{identifier}' was not found in the tenant.")
        if name != ".default" and name not in resource.scopes:
            raise Refusal(70011, f"The scope '{name}' does not exist on the resource '{identifier}'.")
        return resource, name


def _comparable(uri: str) -> tuple[str, str]:
    try:
        parts = urlsplit(uri)
        port = parts.port
    except ValueError:
        return ("", uri)
    path = parts.path or "/"
    rest = f"{path}?{parts.query}#{parts.fragment}"
    if parts.scheme == "http" and parts.hostname in {"localhost", "127.0.0.1", "::1"} and "@" not in parts.netloc:
        return (f"http://{parts.hostname}", rest)
    if parts.scheme == "http" or "@" in parts.netloc:
        return ("", uri)  # matches only a registration that nobody should have made
    return (f"{parts.scheme}://{parts.netloc if port else parts.hostname}", rest)


def _base64url(raw: bytes) -> str:
    return base64.urlsafe_b64encode(raw).rstrip(b"=").decode()
