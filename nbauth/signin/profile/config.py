"""Profiles from ``nbauth.toml`` or, without one, from the variables that Azure's own tools read."""

from __future__ import annotations

import dataclasses
import difflib
import hashlib
import json
import logging
import os
import tomllib
from dataclasses import dataclass, field
from types import MappingProxyType
from typing import TYPE_CHECKING, Any

from nbauth.errors import ConfigError
from nbauth.files.edges import variable
from nbauth.files.tree import WHERE, expanded, is_in_tree
from nbauth.signin.profile import trust
from nbauth.signin.profile.authority import aliases_of
from nbauth.signin.profile.profile import CLOUDS, Profile

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping
    from pathlib import Path

__all__ = ["Config", "Reader", "find", "from_environment", "load", "unused_application"]

logger = logging.getLogger(__name__)

FILE_NAME = "nbauth.toml"
_KEYS = tuple(f.name for f in dataclasses.fields(Profile) if f.name not in ("name", "file", "is_of_environment"))
_TOP_KEYS = ("default", "profiles")
# Where the tools of each cloud send tokens when nothing else is said; a cloud by the first of its hosts.
_CLOUD_APIS = {
    CLOUDS["public"]: ("https://graph.microsoft.com", "https://management.azure.com"),
    CLOUDS["us_government"]: ("https://graph.microsoft.us", "https://management.usgovcloudapi.net"),
    CLOUDS["china"]: ("https://microsoftgraph.chinacloudapi.cn", "https://management.chinacloudapi.cn"),
}


@dataclass(frozen=True)
class Config:
    """The profiles of one file, or of the environment.

    Attributes:
        profiles: by name.
        default: what ``default = …`` names, or None.
        source: the file, or a description of where the profiles come from.
        digest: SHA-256 of the file; None where there is no file.
        chosen: what ``NBAUTH_PROFILE`` names, or None.
        looked_in: the directories in which there is no ``nbauth.toml``, in the order in which they were looked in;
            empty where there is one.
        problem: why the environment makes no profile, although it was to make one; profiles that were made in code
            are none the worse for it.
    """

    profiles: Mapping[str, Profile] = field(default_factory=lambda: MappingProxyType({}))
    default: str | None = None
    source: str = "no nbauth.toml"
    digest: str | None = None
    chosen: str | None = None
    looked_in: tuple[Path, ...] = ()
    problem: ConfigError | None = None


class Reader:
    """Reads the profiles that hold now; a file is read again when it changed."""

    def __init__(self) -> None:
        self._loaded: tuple[object, Config] | None = None
        self._told: str | None = None

    def read(self, directory: Path, added: Mapping[str, Profile], *, default: str | None = None) -> Config:
        """Return the profiles for a notebook in `directory`, and those that were added, which come first.

        Args:
            directory: the notebook's.
            added: profiles that were made in code, by name.
            default: name of the default one among those, where the file names none.

        Raises:
            ConfigError: the file is wrong.
        """
        path = find(directory)
        if path is None:
            looked_in = tuple(dict.fromkeys(candidate.parent for candidate in _candidates(directory)))
            present = dataclasses.replace(_of_environment(), looked_in=looked_in)
        else:
            status = path.stat()
            # The time of change cannot be set back, as that of the content can.
            key = (path, status.st_ino, status.st_ctime_ns, status.st_mtime_ns, status.st_size)
            if self._loaded is None or self._loaded[0] != key:
                self._loaded = (key, load(path))
            present = self._loaded[1]
            self._tell_unused(present)
        chosen = variable("NBAUTH_PROFILE") or None
        if added:
            profiles = {**present.profiles, **added}
            return dataclasses.replace(present, profiles=profiles, default=present.default or default, chosen=chosen)
        return dataclasses.replace(present, chosen=chosen) if chosen else present

    def _tell_unused(self, present: Config) -> None:
        """Say once that the environment names an application, too, and a file's profiles hold in its place."""
        unused = unused_application(present)
        if unused is not None and self._told != present.source:
            self._told = present.source
            logger.warning("%s", unused)


def unused_application(config: Config, environ: Mapping[str, str] = os.environ) -> str | None:
    """Return a sentence about the ``AZURE_*`` variables where a file's profiles hold and none of them is theirs.

    Args:
        config: the profiles.
        environ: the environment variables.

    Returns:
        None where they name no application, or one that a profile of the file has.
    """
    client_id, tenant = variable("AZURE_CLIENT_ID", environ), variable("AZURE_TENANT_ID", environ)
    is_used = any(p.client_id == client_id or p.managed_identity is not None for p in config.profiles.values())
    if config.digest is None or not client_id or not tenant or is_used:
        return None
    return (
        f"AZURE_CLIENT_ID names {client_id[:80]}, which no profile of {config.source} has: where there is a file, its "
        "profiles hold, and the AZURE_* variables are not used. To use them, write a profile with that client_id."
    )


def find(directory: Path, environ: Mapping[str, str] = os.environ) -> Path | None:
    """Return the ``nbauth.toml`` that holds for a notebook in `directory`.

    In order: what ``NBAUTH_CONFIG`` names; `directory` and its parents; the user's configuration directory.

    Raises:
        ConfigError: ``NBAUTH_CONFIG`` names a file that is not there.
    """
    named = trust.named_by_environment(environ)
    if named is not None:
        if not named.is_file():
            raise ConfigError(f"NBAUTH_CONFIG names {named}, and there is no such file.")
        return named
    return next((path for path in _candidates(directory) if path.is_file()), None)


def _candidates(directory: Path) -> Iterator[Path]:
    directory = directory.absolute()
    for folder in (directory, *directory.parents):
        yield folder / FILE_NAME
    yield trust.user_file()


def load(path: Path) -> Config:
    """Read one ``nbauth.toml``.

    Raises:
        ConfigError: it is somebody else's, cannot be read, is not TOML, or a key is unknown, missing or of another
            type.
    """
    try:
        data = trust.read_owned(path)
    except OSError as error:
        raise ConfigError(f"{path}: cannot be read: {error.strerror}.") from None
    try:
        document = tomllib.loads(data.decode("utf-8-sig"))  # editors of Windows begin a file with a byte order mark
    except UnicodeDecodeError:
        raise ConfigError(f"{path}: is not UTF-8 text.", next_step="Save it as UTF-8 in the editor.") from None
    except RecursionError:
        raise ConfigError(f"{path}: is not TOML: it is nested too deep.") from None
    except ValueError as error:  # tomllib's own, or that of a number with thousands of digits
        raise ConfigError(f"{path}: is not TOML: {error}.") from None
    for key in document:
        if key not in _TOP_KEYS:
            raise _unknown(f"{path}: {key}", key, _TOP_KEYS)
    tables = document.get("profiles", {})
    if not isinstance(tables, dict) or not tables:
        raise ConfigError(f"{path}: profiles: expected at least one table [profiles.NAME].")
    profiles = {name: _profile(name, table, path) for name, table in tables.items()}
    default = document.get("default")
    if default is not None and default not in list(profiles):  # a list, or a table, has no hash
        raise ConfigError(f"{path}: default: expected one of {', '.join(profiles)}; found {default!r}.")
    return Config(MappingProxyType(profiles), default, str(path), hashlib.sha256(data).hexdigest())


def _profile(name: str, table: Any, path: Path) -> Profile:
    where = f"{path}: [profiles.{name}]"
    if not isinstance(table, dict):
        raise ConfigError(f"{where}: expected a table, found {table!r}.")
    for key in table:
        if key not in _KEYS:
            raise _unknown(f"{where} {key}", key, _KEYS)
    if "client_id" not in table and not table.get("managed_identity") and not table.get("source"):
        raise ConfigError(f"{where} client_id: is missing; it is the application's id at the provider.")
    if not table.get("apis"):
        raise ConfigError(
            f"{where} apis: is missing; it says where this profile's tokens may go.",
            next_step=f'Add [profiles.{name}.apis] with a line such as "https://graph.microsoft.com" = ["User.Read"].',
        )
    return Profile(name, file=str(path), **table)


def _unknown(where: str, key: str, known: tuple[str, ...]) -> ConfigError:
    close = difflib.get_close_matches(key, known, n=1)
    hint = f"did you mean {close[0]}?" if close else f"expected one of {', '.join(known)}."
    return ConfigError(f"{where}: unknown key; {hint}")


def _of_environment() -> Config:
    try:
        return from_environment()
    except ConfigError as error:
        return Config(problem=error.with_traceback(None))


def from_environment(environ: Mapping[str, str] = os.environ) -> Config:
    """Make the profile ``default`` of the variables that Azure's own tools read.

    ``AZURE_TENANT_ID``, ``AZURE_CLIENT_ID``, ``AZURE_AUTHORITY_HOST`` and one of ``AZURE_CLIENT_SECRET``,
    ``AZURE_CLIENT_CERTIFICATE_PATH`` and ``AZURE_FEDERATED_TOKEN_FILE``
    (https://learn.microsoft.com/python/api/azure-identity/azure.identity.environmentcredential).
    Tokens may go to the cloud's Graph and Resource Manager, or where ``NBAUTH_APIS`` says, a JSON object like `apis`.

    Returns:
        No profile where ``AZURE_CLIENT_ID`` is not set, or alone: so a user-assigned managed identity is named
        (https://learn.microsoft.com/python/api/azure-identity/azure.identity.defaultazurecredential).

    Raises:
        ConfigError: a variable is missing or wrong.
    """
    client_id, tenant = variable("AZURE_CLIENT_ID", environ), variable("AZURE_TENANT_ID", environ)
    if not client_id:
        return Config()
    credential = _environment_credential(environ)
    if not tenant and credential:
        raise ConfigError("AZURE_CLIENT_ID is set and AZURE_TENANT_ID is not.", next_step="Set both, or neither.")
    if not tenant:
        return Config()
    host = _environment_host(environ)
    profile = Profile(
        "default",
        client_id=client_id,
        tenant=tenant,
        instance=f"https://{host}",
        apis=_environment_apis(host, environ, person=not credential),
        ca_bundle=_environment_bundle(environ),
        is_of_environment=True,
        **credential,
    )
    return Config(MappingProxyType({"default": profile}), "default", "the AZURE_* environment variables")


def _environment_host(environ: Mapping[str, str]) -> str:
    # With or without https:// and a slash, as azure-identity takes it
    # (https://learn.microsoft.com/python/api/azure-identity/azure.identity.azureauthorityhosts).
    scheme, _, host = variable("AZURE_AUTHORITY_HOST", environ).rpartition("://")
    host = host.rstrip("/")
    if scheme.lower() not in ("", "https"):
        raise ConfigError(f"AZURE_AUTHORITY_HOST: expected https://, found {scheme}://{host}.")
    return host or CLOUDS["public"]


def _environment_bundle(environ: Mapping[str, str]) -> str | None:
    value = variable("NBAUTH_CA_BUNDLE", environ)
    if value and is_in_tree(expanded(value, where="NBAUTH_CA_BUNDLE", environ=environ), environ):
        raise ConfigError(
            f"NBAUTH_CA_BUNDLE names {value}, which lies in {WHERE}.",
            next_step="If you trust it, name it as ca_bundle in nbauth.toml; then, in a shell: nbauth trust",
        )
    return value or None


def _environment_credential(environ: Mapping[str, str]) -> dict[str, Any]:
    # The order of azure-identity's EnvironmentCredential, then its WorkloadIdentityCredential.
    if variable("AZURE_CLIENT_SECRET", environ):
        return {"client_secret": {"env": "AZURE_CLIENT_SECRET"}}
    if path := variable("AZURE_CLIENT_CERTIFICATE_PATH", environ):
        certificate: dict[str, Any] = {"path": path}
        if variable("AZURE_CLIENT_CERTIFICATE_PASSWORD", environ):
            certificate["passphrase"] = {"env": "AZURE_CLIENT_CERTIFICATE_PASSWORD"}
        return {"client_certificate": certificate}
    if path := variable("AZURE_FEDERATED_TOKEN_FILE", environ):
        return {"client_assertion": {"file": path}}
    return {}


def _environment_apis(host: str, environ: Mapping[str, str], *, person: bool) -> dict[str, Any]:
    if text := variable("NBAUTH_APIS", environ):
        try:
            apis = json.loads(text)
        except RecursionError:
            raise ConfigError("NBAUTH_APIS: is not JSON: it is nested too deep.") from None
        except ValueError as error:
            raise ConfigError(f"NBAUTH_APIS: is not JSON: {error}.") from None
        if not isinstance(apis, dict):
            raise ConfigError('NBAUTH_APIS: expected a JSON object such as {"https://api.example.com": ["scope"]}.')
        return apis
    cloud, *_ = aliases_of(host.lower().removesuffix(":443")) or ("",)
    first, *rest = _CLOUD_APIS.get(cloud, ("",))
    if not first:
        return {}
    scope = "User.Read" if person else f"{first}/.default"
    return {first: [scope], **{api: [f"{api}/.default"] for api in rest}}
