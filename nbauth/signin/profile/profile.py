"""Profile: who signs in, where, and where the tokens may go; frozen and checked when made."""

from __future__ import annotations

import dataclasses
from dataclasses import dataclass, field
from functools import cached_property
from pathlib import Path
from types import MappingProxyType
from typing import TYPE_CHECKING, Any, Literal

from nbauth.errors import ConfigError
from nbauth.files.tree import expanded, working_directory
from nbauth.net.origins import api_origin_of
from nbauth.signin.profile import authorization_parameters, checks, credentials, options
from nbauth.signin.profile.authority import CLOUDS, Authority
from nbauth.signin.profile.source_names import asks_nobody, checked_sources

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping, Sequence

    from nbauth.signin.profile.authority import Audience
    from nbauth.signin.profile.certificate import ClientCertificate
    from nbauth.signin.profile.credentials import Supplied
    from nbauth.signin.profile.managed_identity import ManagedIdentity
    from nbauth.signin.profile.pipeline_token import PipelineToken
    from nbauth.signin.profile.secret_source import SecretSource
    from nbauth.signin.profile.source_names import SourceName

__all__ = ["CLOUDS", "Profile"]

_OPTIONAL_TEXTS = (
    "authority",
    "oidc_authority",
    "tenant",
    "audience",
    "cloud",
    "instance",
    "redirect_uri",
    "ca_bundle",
    "prompt",
    "login_hint",
    "domain_hint",
)
_OF_AUTHORITY = ("authority", "oidc_authority", "tenant", "audience", "cloud", "instance")


@dataclass(frozen=True)
class Profile:
    """A named way to sign in. Every key of ``nbauth.toml`` is a keyword here.

    The authority comes from `authority` written out, from `oidc_authority`, or from `cloud` or `instance` with
    `tenant` or `audience`. A profile with a client credential is an application's (RFC 6749 §4.4); one without is
    a person's. One with a `source` takes a sign-in that is already there, and needs none of these keys where nobody
    is asked and nothing is exchanged; those that it has must fit what the source gives.

    Args:
        name: how `nbauth.login(NAME)` calls it: letters, digits, ``_``, ``.`` and ``-``.
        client_id: the application's id at the provider.
        apis: for each origin (``https://host[:port]``, or a database's ``postgresql://host`` or ``mssql://host``) the
            scopes that it needs. Tokens go nowhere else.
        authority: an Entra-style authority, such as ``https://login.microsoftonline.com/contoso.onmicrosoft.com``.
        oidc_authority: issuer of any OpenID provider.
        tenant: a tenant's GUID or domain.
        audience: ``"common"``, ``"organizations"`` or ``"consumers"`` in place of a tenant.
        cloud: ``"public"`` (the default), ``"us_government"``, ``"china"``, or one of the sovereign clouds
            ``"bleu"``, ``"delos"`` and ``"singapore_government"``.
        instance: the authority's ``https://host`` where none of the clouds fits.
        redirect_uri: the registered redirect URI, where it is not ``http://localhost``.
        client_secret: ``{"env": …}``, ``{"file": …}`` or ``{"keyring": …}``; never the secret itself.
        client_certificate: ``{"path": …, "passphrase": {…}, "thumbprint": …, "send_chain": bool}``, PEM or PFX.
        client_assertion: ``{"env": …}`` or ``{"file": …}``, read anew each time (RFC 7523 §2.2);
            ``{"github_actions": True}`` or ``{"azure_pipelines": "id of the service connection"}`` for the ID token of
            the job that runs there; in code also a function that takes nothing, or a dictionary with ``client_id`` and
            ``token_endpoint``, and returns it.
        user_assertion: a user's token to act for them (Entra's on-behalf-of flow), in the same forms.
        managed_identity: True for the machine's own identity in Azure, or ``{"client_id": …}``, ``{"object_id": …}``,
            ``{"resource_id": …}`` for one that was assigned to it. It needs neither `client_id` nor an authority.
        kind: ``"person"`` for a credential beside which a person signs in (a web application's registration);
            otherwise it follows from the credential.
        ca_bundle: PEM file of certificate authorities to trust besides the usual ones.
        endpoint_hosts: other hosts of the same provider, where its endpoints are not on the authority's host.
        exclude_scopes: scopes that MSAL adds and this provider does not want, such as ``offline_access``.
        prompt: ``login``, ``select_account``, ``consent``, ``create`` or ``none`` (OpenID Connect Core §3.1.2.1).
        login_hint: the sign-in name to offer.
        domain_hint: the domain whose sign-in page to go to.
        authorization_parameters: further parameters of the authorization request, such as
            ``{"audience": "https://api.example.com"}``; a client credential sends them in its token request. What the
            protocol itself or another key sets is refused.
        client_capabilities: what this client can handle, such as ``CP1`` for claims challenges
            (https://learn.microsoft.com/entra/identity-platform/claims-challenge).
        azure_region: the region whose token service an application asks, or ``"auto"``.
        proxies: ``{"https": "http://proxy.example.com:3128"}`` for the provider; empty for none at all; None for
            those of the environment.
        timeout_s: seconds to wait for the provider's next bytes, up to 300; a whole request has 5 s more.
        broker: sign in through the system's own broker where MSAL finds one; needs ``nbauth[broker]``.
        source: where a sign-in is that is already there: ``"hub"``, ``"az"``, ``"fabric"`` or ``"databricks"``, or
            several in the order in which they are tried; ``"login"`` at the end asks the person where none has one.
        file: the file it was read from, for messages.
        is_of_environment: it was made of the environment's variables, for messages.

    Raises:
        ConfigError: a value is missing, of another type, or contradicts another one.
    """

    name: str
    _: dataclasses.KW_ONLY
    client_id: str = ""
    apis: Mapping[str, tuple[str, ...]] = field(hash=False)
    authority: str | None = None
    oidc_authority: str | None = None
    tenant: str | None = None
    audience: Audience | None = None
    cloud: str | None = None
    instance: str | None = None
    redirect_uri: str | None = None
    client_secret: SecretSource | None = None
    client_certificate: ClientCertificate | None = None
    client_assertion: SecretSource | PipelineToken | Supplied | None = None
    user_assertion: SecretSource | Supplied | None = None
    managed_identity: ManagedIdentity | None = None
    kind: Literal["person", "application"] | None = None
    ca_bundle: str | None = None
    endpoint_hosts: tuple[str, ...] = ()
    exclude_scopes: tuple[str, ...] = ()
    prompt: str | None = None
    login_hint: str | None = None
    domain_hint: str | None = None
    authorization_parameters: Mapping[str, str] | None = field(default=None, hash=False)
    client_capabilities: tuple[str, ...] = ()
    azure_region: str | None = None
    proxies: Mapping[str, str] | None = field(default=None, hash=False)
    timeout_s: float = 30.0
    broker: bool = False
    source: tuple[SourceName, ...] = ()
    file: str | None = field(default=None, compare=False, repr=False)
    is_of_environment: bool = field(default=False, compare=False, repr=False)

    if TYPE_CHECKING:
        # What each key may be given as; the fields above say what it is once checked.
        def __init__(
            self,
            name: str,
            *,
            client_id: str = "",
            apis: Mapping[str, Sequence[str]],
            authority: str | None = None,
            oidc_authority: str | None = None,
            tenant: str | None = None,
            audience: Audience | None = None,
            cloud: str | None = None,
            instance: str | None = None,
            redirect_uri: str | None = None,
            client_secret: SecretSource | dict[str, str] | None = None,
            client_certificate: ClientCertificate | dict[str, Any] | None = None,
            client_assertion: (
                SecretSource | PipelineToken | Supplied | Mapping[str, str | bool] | Callable[..., str] | None
            ) = None,
            user_assertion: SecretSource | Supplied | dict[str, str] | Callable[[], str] | None = None,
            managed_identity: ManagedIdentity | dict[str, str] | bool | None = None,
            kind: Literal["person", "application"] | None = None,
            ca_bundle: str | Path | None = None,
            endpoint_hosts: Sequence[str] = (),
            exclude_scopes: Sequence[str] = (),
            prompt: str | None = None,
            login_hint: str | None = None,
            domain_hint: str | None = None,
            authorization_parameters: Mapping[str, str] | None = None,
            client_capabilities: Sequence[str] = (),
            azure_region: str | None = None,
            proxies: Mapping[str, str] | None = None,
            timeout_s: float = 30.0,
            broker: bool = False,
            source: SourceName | Sequence[SourceName] = (),
            file: str | None = None,
            is_of_environment: bool = False,
        ) -> None: ...

    def __post_init__(self) -> None:
        if not checks.is_name(str(self.name)):
            raise ConfigError(f"Profile name {self.name!r}: expected letters, digits, '_', '.' and '-' only.")
        self._set("source", checked_sources("source", self.source, self._error))
        self._check_texts()
        self._set("apis", checks.checked_apis(self.apis, self._error))
        for key in ("exclude_scopes", "endpoint_hosts", "client_capabilities"):
            self._set(key, checks.checked_list(key, getattr(self, key), self._error))
        for host in self.endpoint_hosts:
            checks.check_host("endpoint_hosts", host, self._error)
        if "openid" in self.exclude_scopes:
            raise self._error("exclude_scopes", "'openid' cannot be left out: without it nobody is signed in")
        self._set_credentials()
        _ = self.resolved_authority  # checks its keys
        if self.redirect_uri is not None:
            checks.check_url("redirect_uri", self.redirect_uri, self._error)
        if self.ca_bundle is not None:
            path = self._base / expanded(self.ca_bundle, where=self._where("ca_bundle"))
            self._set("ca_bundle", str(path))
            if not path.is_file():
                raise self._error("ca_bundle", f"there is no file {path}")
        self._check_audience()
        self._check_options()

    def __getstate__(self) -> dict[str, Any]:
        # For worker processes: it says where secrets are and holds none. What can be written to is no part of it.
        values = {field.name: getattr(self, field.name) for field in dataclasses.fields(self)}
        return {name: dict(value) if isinstance(value, MappingProxyType) else value for name, value in values.items()}

    def __setstate__(self, state: dict[str, Any]) -> None:
        # Checked when it was made; files that it names may be others where it is taken up.
        for name, value in state.items():
            self._set(name, MappingProxyType(value) if isinstance(value, dict) else value)

    # What follows from the keys

    @property
    def is_confidential(self) -> bool:
        """Whether it has a credential of its own at the provider (RFC 6749 §2.1)."""
        return any(getattr(self, key) is not None for key in credentials.CREDENTIALS)

    @property
    def needs_application(self) -> bool:
        """Whether it signs in by an application of its own, and so says which and where."""
        return not asks_nobody(self.source) or self.is_confidential

    @cached_property
    def is_personal(self) -> bool:
        """Whether its tokens are one person's: of who signs in, or of the one user that a file or variable names."""
        supplied = self.user_assertion is None or isinstance(self.user_assertion, credentials.Supplied)
        return self.kind == "person" or not supplied

    @cached_property
    def resolved_authority(self) -> Authority:
        """Where it signs in, made from the keys that say so."""
        if self.managed_identity is not None:
            return Authority.of_this_machine()
        if not self.needs_application and not any(getattr(self, key) for key in _OF_AUTHORITY):
            return Authority.of_sources()
        return Authority.parse(
            authority=self.authority,
            oidc_authority=self.oidc_authority,
            tenant=self.tenant,
            audience=self.audience,
            cloud=self.cloud,
            instance=self.instance,
            endpoint_hosts=self.endpoint_hosts,
            where=self._where,
        )

    @property
    def authority_url(self) -> str:
        """The authority as it is written, or the issuer for `oidc_authority`."""
        return self.resolved_authority.url

    @property
    def authority_host(self) -> str:
        """Host of the identity provider, with its port where it is not 443."""
        return self.resolved_authority.host

    @property
    def allowed_hosts(self) -> frozenset[str]:
        """``host:port`` of every host that sign-in may talk to."""
        return self.resolved_authority.allowed_hosts

    @property
    def verification_hosts(self) -> frozenset[str]:
        """``host:port`` of the pages where a device code may be typed (RFC 8628 §3.2)."""
        return self.resolved_authority.verification_hosts

    @property
    def is_known_to_microsoft(self) -> bool:
        """Whether the authority's host is one of Entra's own, which MSAL needs not be told about."""
        return self.resolved_authority.is_known_to_microsoft

    @property
    def login_scopes(self) -> tuple[str, ...]:
        """What a sign-in asks for: the scopes of the first API; the others follow silently."""
        return next(iter(self.apis.values()), ())

    @cached_property
    def origins(self) -> Mapping[str, tuple[str, ...]]:
        """The scopes of `apis` by canonical origin, as `api_origin_of` gives it."""
        return MappingProxyType({api_origin_of(url): scopes for url, scopes in self.apis.items()})

    def scopes_for(self, url: str) -> tuple[str, ...] | None:
        """Return the scopes that a URL's origin needs, or None where this profile does not name it."""
        try:
            return self.origins.get(api_origin_of(url))
        except ValueError:
            return None

    def with_tenant(self, tenant: str) -> Profile:
        """Return this profile for another tenant of the same instance."""
        try:
            url = self.resolved_authority.for_tenant(tenant)
        except ValueError as error:
            raise self._error("oidc_authority" if self.oidc_authority else "authority", str(error)) from None
        if self.authority is None:
            return dataclasses.replace(self, tenant=tenant, audience=None)
        return dataclasses.replace(self, authority=url)

    @property
    def written_in(self) -> str:
        """Where it was written, in words: a file's path, the environment, or code."""
        made_of = "the AZURE_* environment variables" if self.is_of_environment else "code of this session"
        return self.file or made_of

    # How it is checked

    @property
    def _base(self) -> Path:
        return Path(self.file).parent if self.file else working_directory()

    def _set(self, key: str, value: Any) -> None:
        object.__setattr__(self, key, value)  # the dataclass is frozen for everybody else

    def _where(self, key: str) -> str:
        return f"{self.file}: [profiles.{self.name}] {key}" if self.file else f"Profile {self.name!r}: {key}"

    def _error(self, key: str, problem: str, next_step: str | None = None) -> ConfigError:
        return ConfigError(f"{self._where(key)}: {problem}.", next_step=next_step)

    def _check_texts(self) -> None:
        is_required = not self.managed_identity and self.needs_application
        for key in ("client_id", *_OPTIONAL_TEXTS):
            if getattr(self, key) not in ((None, "") if key == "client_id" and not is_required else (None,)):
                self._set(key, checks.checked_text(key, getattr(self, key), self._error))
        if is_required or (self.client_id and not self.managed_identity):
            checks.check_client_id("client_id", self.client_id, self._error)
        if self.prompt is not None:
            checks.check_prompt("prompt", self.prompt, self._error)

    def _check_options(self) -> None:
        key = "authorization_parameters"
        self._set(key, authorization_parameters.checked_parameters(key, self.authorization_parameters, self._error))
        self._set("proxies", options.checked_proxies("proxies", self.proxies, self._error))
        self._set("timeout_s", options.checked_timeout_s("timeout_s", self.timeout_s, self._error))
        options.check_region("azure_region", self.azure_region, self._error)
        if self.azure_region and (self.kind == "person" or self.resolved_authority.kind != "entra"):
            raise self._error("azure_region", "only an application at Entra asks a regional token service")
        if not isinstance(self.broker, bool):
            raise self._error("broker", f"expected true or false, found {self.broker!r}")
        if self.broker and (self.kind == "application" or self.resolved_authority.kind != "entra"):
            raise self._error("broker", "only a person at Entra signs in through a broker")
        if self.broker and self.authorization_parameters:
            raise self._error(key, "cannot stand beside broker, which makes a request of its own")

    def _set_credentials(self) -> None:
        keys = (*credentials.CREDENTIALS, "user_assertion", "managed_identity")
        given = {key: getattr(self, key) for key in keys}
        for key, value in credentials.parse(given, where=self._where, base=self._base).items():
            self._set(key, value)
        self._set("kind", credentials.kind_of(vars(self), self._error))

    def _check_audience(self) -> None:
        if self.kind == "application" and self.resolved_authority.audience:
            key = next(key for key in ("audience", "tenant", "authority") if getattr(self, key))
            raise self._error(key, "an application signs in to one tenant", "Give that tenant in its place.")
