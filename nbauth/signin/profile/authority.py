"""Authority: where a profile signs in, whose hosts count as the provider's, and where its documents are."""

from __future__ import annotations

import re
from dataclasses import dataclass
from types import MappingProxyType
from typing import TYPE_CHECKING, Literal, get_args
from urllib.parse import unquote, urlsplit

from nbauth.errors import ConfigError
from nbauth.net.origins import host_of, origin_of

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

__all__ = ["CLOUDS", "CONSUMERS_ID", "GUID", "Audience", "Authority", "Kind", "aliases_of"]

Kind = Literal["entra", "b2c", "ciam", "adfs", "oidc", "machine", "sources"]
Audience = Literal["common", "organizations", "consumers"]
AUDIENCES: tuple[str, ...] = get_args(Audience)
GUID = re.compile(r"[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12}", re.IGNORECASE)
# The tenant of Microsoft's personal accounts.
CONSUMERS_ID = "9188040d-6c67-4c5b-b112-36a304b66dad"

# https://learn.microsoft.com/entra/identity-platform/authentication-national-cloud, and those of MSAL's authority.py.
CLOUDS: Mapping[str, str] = MappingProxyType(
    {
        "public": "login.microsoftonline.com",
        "us_government": "login.microsoftonline.us",
        "china": "login.partner.microsoftonline.cn",
        "bleu": "login.sovcloud-identity.fr",
        "delos": "login.sovcloud-identity.de",
        "singapore_government": "login.sovcloud-identity.sg",
    }
)
# Hosts that are one cloud, as instance discovery groups them; the first stands for all. Two have no name above:
# login-us is an older name, and the German cloud of before 2021 is closed.
_ALIASES: tuple[tuple[str, ...], ...] = (
    (CLOUDS["public"], "login.windows.net", "login.microsoft.com", "sts.windows.net"),
    (CLOUDS["us_government"], "login.usgovcloudapi.net"),
    (CLOUDS["china"], "login.chinacloudapi.cn"),
    (CLOUDS["bleu"],),
    (CLOUDS["delos"],),
    (CLOUDS["singapore_government"],),
    ("login-us.microsoftonline.com",),
    ("login.microsoftonline.de",),
)
_CIAM_SUFFIX = ".ciamlogin.com"
_B2C_SUFFIXES = (".b2clogin.com", ".b2clogin.cn", ".b2clogin.us", ".b2clogin.de")
# What portals show in the place of an authority: the address of its discovery document (OpenID Connect Discovery §4;
# with the issuer's path behind it, RFC 8414 §3.1), and where it speaks as Entra or AD FS its issuer and its endpoints
# (https://learn.microsoft.com/entra/identity-platform/v2-protocols#endpoints).
_DOCUMENT = re.compile(r"/\.well-known/(?:openid-configuration|oauth-authorization-server)(?=/|$)", re.IGNORECASE)
_ENDPOINT = re.compile(r"(?:/oauth2)?(?:/v[12]\.0)?(?:(?<=0|2)/(?:authorize|token|devicecode|logout))?$", re.IGNORECASE)
_TENANT = re.compile(r"[A-Za-z0-9_-][A-Za-z0-9_.-]*")  # no "..", which would be dropped from the path


@dataclass(frozen=True)
class Authority:
    """Where to sign in.

    Attributes:
        kind: ``entra`` for Entra and what speaks as it does, ``b2c`` with a policy, ``ciam`` for Entra External ID,
            ``adfs``, ``oidc`` for any other OpenID provider, ``machine`` for Azure's managed identities,
            ``sources`` where a profile takes a sign-in that is already there and does not say whose provider's.
        url: as it is written, without a slash at its end.
        endpoint_hosts: other hosts that belong to the same provider.
    """

    kind: Kind
    url: str
    endpoint_hosts: tuple[str, ...] = ()

    @classmethod
    def parse(
        cls,
        *,
        authority: str | None,
        oidc_authority: str | None,
        tenant: str | None,
        audience: str | None,
        cloud: str | None,
        instance: str | None,
        endpoint_hosts: tuple[str, ...],
        where: Callable[[str], str],
    ) -> Authority:
        """Make it from a profile's keys.

        Args:
            authority: written out, as Entra's are.
            oidc_authority: issuer of any OpenID provider.
            tenant: a GUID or a domain.
            audience: ``common``, ``organizations`` or ``consumers``.
            cloud: one of `CLOUDS`.
            instance: ``https://host`` of another one.
            endpoint_hosts: other hosts that belong to the same provider.
            where: names a key in messages.

        Raises:
            ConfigError: a key contradicts another one, or is not what it should be.
        """

        def wrong(key: str, problem: str, next_step: str | None = None) -> ConfigError:
            return ConfigError(f"{where(key)}: {problem}.", next_step=next_step)

        written = {"authority": authority, "oidc_authority": oidc_authority}
        given = [key for key, value in written.items() if value]
        parts = {"tenant": tenant, "audience": audience, "cloud": cloud, "instance": instance}
        _check_keys(given, parts, wrong)
        key = given[0] if given else "instance"
        host = instance.rstrip("/") if instance else f"https://{CLOUDS[cloud or 'public']}"
        url = _DOCUMENT.sub("", (authority or oidc_authority or f"{host}/{tenant or audience}").rstrip("/")).rstrip("/")
        if authority:
            url = _ENDPOINT.sub("", url)
        if problem := _url_problem(url):
            raise wrong(key, problem)
        if instance and urlsplit(host).path:
            raise wrong(key, f"expected https://host without a path, found {instance!r}")
        resolved = cls("oidc" if oidc_authority else _kind_of(url), url, endpoint_hosts)
        if resolved.kind == "b2c" and resolved.policy is None:
            raise wrong(key, f"expected a tenant and a policy in the path, as in {resolved.origin}/TENANT/b2c_1_POLICY")
        if resolved.kind == "entra" and resolved.tenant is None:
            raise wrong(key, f"expected a tenant in the path, as in {url}/contoso.onmicrosoft.com")
        return resolved

    @classmethod
    def of_this_machine(cls) -> Authority:
        """Return what stands in its place for a managed identity, which signs in nowhere else."""
        return cls("machine", "https://169.254.169.254")

    @classmethod
    def of_sources(cls) -> Authority:
        """Return what stands in its place where nobody signs in by nbauth. Nothing is sent there (RFC 2606 §2)."""
        return cls("sources", "https://signed-in-already.invalid")

    @property
    def has_client_info(self) -> bool:
        """Whether its token answers say who somebody is in all tenants, in `client_info` beside the ID token."""
        return self.kind in ("entra", "ciam", "b2c")

    # Its address

    @property
    def _segments(self) -> list[str]:
        return [part for part in urlsplit(self.url).path.split("/") if part]

    @property
    def origin(self) -> str:
        """``https://host[:port]``, the port where it is not 443."""
        return origin_of(self.url).removesuffix(":443")

    @property
    def host(self) -> str:
        """Its host, with the port where that is not 443."""
        return self.origin.removeprefix("https://")

    @property
    def tenant(self) -> str | None:
        """The tenant or audience in its path; None where the provider has none there."""
        if self.kind in ("adfs", "oidc", "machine", "sources"):
            return None
        names = [name for name in self._segments if name.lower() != "tfp"]  # an older form of B2C's paths
        # A CIAM host without a path is the tenant of that name; MSAL fills it in just so.
        if not names and self.kind == "ciam":
            return f"{(urlsplit(self.url).hostname or '').removesuffix(_CIAM_SUFFIX)}.onmicrosoft.com"
        return names[0] if names else None

    @property
    def audience(self) -> str | None:
        """``common``, ``organizations`` or ``consumers``, where it is not one tenant's."""
        tenant = (self.tenant or "").lower()
        return tenant if self.kind == "entra" and tenant in AUDIENCES else None

    @property
    def policy(self) -> str | None:
        """The user flow or custom policy of B2C."""
        names = [name for name in self._segments if name.lower() != "tfp"]
        return names[1] if self.kind == "b2c" and len(names) > 1 else None

    @property
    def msal_url(self) -> str:
        """The address in the form that MSAL takes: with at least one segment in its path."""
        if self._segments:
            return self.url
        # "." is dropped from the path when it is sent (RFC 3986 §5.2.4).
        return f"{self.url}/{self.tenant if self.kind == 'ciam' else '.'}"

    @property
    def discovery_url(self) -> str:
        """The address that MSAL reads the discovery document from (OpenID Connect Discovery §4)."""
        version = "" if self.kind in ("oidc", "adfs") else "/v2.0"
        return f"{self.msal_url}{version}/.well-known/openid-configuration"

    def for_tenant(self, tenant: str) -> str:
        """Return the address of another tenant at the same place.

        Raises:
            ValueError: there are no tenants here, or this is none's name.
        """
        if not _TENANT.fullmatch(tenant):
            raise ValueError(f"expected a GUID or a domain as tenant, found {tenant!r}")
        present = self.tenant
        if present is None:
            raise ValueError("a provider without tenants cannot be signed in to with one")
        names = [tenant if name == present else name for name in self._segments] or [tenant]
        return f"{self.origin}/{'/'.join(names)}"

    # Whom it trusts

    @property
    def aliases(self) -> tuple[str, ...]:
        """The hosts of its cloud, if it is one of Microsoft's; the first stands for all."""
        return aliases_of(self.host)

    @property
    def is_known_to_microsoft(self) -> bool:
        """Whether its host is one of Entra's own, which MSAL needs not be told about."""
        return self.kind != "oidc" and bool(self.aliases)

    @property
    def is_microsofts(self) -> bool:
        """Whether what is sent there is read by Microsoft alone, whoever wrote the address.

        A tenant of B2C can be made to see it, and is reached in several ways on the same hosts. So the path is a tenant
        and nothing else, in letters that no client reads as others.
        """
        return bool(self.aliases) and self.kind == "entra" and _TENANT.fullmatch("/".join(self._segments)) is not None

    @property
    def allowed_hosts(self) -> frozenset[str]:
        """``host:port`` of every host that sign-in may talk to."""
        named = (host_of(f"https://{host}") for host in (*self.endpoint_hosts, *self.aliases))
        return frozenset({host_of(self.url), *named})

    @property
    def verification_hosts(self) -> frozenset[str]:
        """``host:port`` of the pages where a device code may be typed (RFC 8628 §3.2)."""
        microsoft = {"microsoft.com:443", "www.microsoft.com:443"} if self.is_known_to_microsoft else set()
        return self.allowed_hosts | microsoft

    # What may be shared

    @property
    def cache_key(self) -> str:
        """What two profiles have in common that may share a token cache: one provider and one tenant, by any alias."""
        return f"{self.kind} {self._canonical_origin}{urlsplit(self.url).path}"

    @property
    def instance_key(self) -> str:
        """What stays the same when the tenant alone changes: one cloud, one policy, one provider."""
        if self.tenant is None:
            return self.cache_key
        return f"{self.kind} {self._canonical_origin} {self.policy or ''}"

    @property
    def _canonical_origin(self) -> str:
        return f"https://{self.aliases[0]}:443" if self.aliases else origin_of(self.url)


def aliases_of(host: str) -> tuple[str, ...]:
    """Return the hosts of a host's cloud, if it is one of Microsoft's; the first stands for all."""
    return next((group for group in _ALIASES if host in group), ())


def _check_keys(given: list[str], parts: dict[str, str | None], wrong: Callable[..., ConfigError]) -> None:
    tenant, audience, cloud, instance = parts.values()
    beside = [*given[1:], *(key for key, value in parts.items() if value)]
    if given and beside:
        raise wrong(given[0], f"cannot stand beside {', '.join(beside)}")
    if cloud and instance:
        raise wrong("cloud", "cannot stand beside instance")
    if cloud is not None and cloud not in CLOUDS:
        raise wrong("cloud", f"expected one of {', '.join(CLOUDS)}; found {cloud!r}")
    if audience is not None and audience not in AUDIENCES:
        raise wrong("audience", f"expected one of {', '.join(AUDIENCES)}; found {audience!r}")
    if not given and bool(tenant) == bool(audience):
        problem = "cannot stand beside audience" if tenant else "nothing says where to sign in"
        raise wrong("tenant", problem, "Give one of tenant, audience, authority and oidc_authority.")
    if tenant and not _TENANT.fullmatch(tenant):
        raise wrong("tenant", f"expected a GUID or a domain, found {tenant!r}")


def _url_problem(url: str) -> str | None:
    try:
        secure = origin_of(url).startswith("https:")
    except ValueError as error:
        return f"{error}; found {url!r}"
    if not secure:
        return f"expected https://, found {url!r}; secrets and tokens pass there"
    parts = urlsplit(url)
    if parts.query or parts.fragment:
        return f"expected an address without a query, found {url!r}"
    if {".", ".."} & set(unquote(parts.path).split("/")):  # another address when it is sent (RFC 3986 §6.2.2.3)
        return f"expected a path without . and .., found {url!r}"
    return None


def _kind_of(url: str) -> Kind:
    # The same signs that MSAL goes by.
    host = urlsplit(url).hostname or ""
    names = [name.lower() for name in urlsplit(url).path.split("/") if name and name.lower() != "tfp"]
    if host.endswith(_CIAM_SUFFIX):
        return "ciam"
    if host.endswith(_B2C_SUFFIXES) or (len(names) == 2 and names[1].startswith("b2c_")):  # noqa: PLR2004
        return "b2c"
    return "adfs" if names[:1] == ["adfs"] else "entra"
