"""Connection: a profile's client application with its http client and caches; Connections: those of one kernel."""

from __future__ import annotations

import threading
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

from nbauth.environment import notebook_directory
from nbauth.files.user_directories import state_directory
from nbauth.net.tls import Trust
from nbauth.process.interrupts import defer_interrupt
from nbauth.signin import msal_internals
from nbauth.signin.client import application as applications
from nbauth.signin.client import log_filter
from nbauth.signin.client.token_cache import cache_key, new_cache
from nbauth.signin.http.http_cache import HttpCache
from nbauth.signin.http.http_cache_file import HttpCacheFile
from nbauth.signin.http.region import region_of
from nbauth.signin.http.transport import GuardedTransport
from nbauth.signin.profile.credentials import stamp
from nbauth.signin.profile.options import region_hosts
from nbauth.signin.tokens.refresh_lock import RefreshLocks

if TYPE_CHECKING:
    from pathlib import Path

    import msal

    from nbauth.net.bundles import Bundle
    from nbauth.signin.profile.profile import Profile

__all__ = ["Connection", "Connections", "connect"]


class Connections:
    """What a kernel is connected to. All methods may be called from any thread.

    With the first client MSAL's log goes through a filter that takes secrets out, in the whole process (`log_filter`).
    """

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._connecting: dict[Profile, threading.Lock] = {}
        self._connections: dict[Profile, Connection] = {}
        self._token_caches: dict[tuple[str, str], tuple[msal.TokenCache, RefreshLocks]] = {}
        self._cache_files: dict[Path, HttpCacheFile] = {}

    def of(self, profile: Profile, bundle: Bundle | None) -> Connection:
        """Return the connection of a profile; it is made when it is needed, and anew when a secret was renewed.

        A secret that cannot be read just now, as while somebody writes its file, leaves the connection as it is.

        Args:
            profile: whose.
            bundle: its certificate authorities, as they were when it was found that it may be used.

        Raises:
            ConfigError, ProviderUnavailable: as `connect`.
        """
        with self._lock:
            connecting = self._connecting.setdefault(profile, threading.Lock())
        # One lock for each profile: a provider that is slow to answer holds up nobody else.
        with connecting:
            connection = self._connections.get(profile)
            if connection is None or stamp(profile.client_secret) not in (connection.stamp, None):
                directory = notebook_directory()
                with self._lock:
                    cache, refresh_locks = self._token_caches.setdefault(
                        cache_key(profile), (new_cache(), RefreshLocks())
                    )
                    file = self._cache_file(directory)
                connection = connect(
                    profile,
                    bundle=bundle,
                    token_cache=cache,
                    refresh_locks=refresh_locks,
                    cache_file=file,
                    notebook_directory=directory,
                )
                log_filter.install()  # a broker's logger is there only now
                msal_internals.note_release()
                self.drop(profile)
                self._connections[profile] = connection
            return connection

    def drop(self, profile: Profile) -> None:
        """Forget a connection, but not its tokens."""
        connection = self._connections.pop(profile, None)
        if connection is not None:
            connection.transport.close()

    def close(self) -> None:
        """Close what is kept open to providers; whoever asks one again gets a new connection.

        Left to the garbage collector it may stay open for ever: an interrupt, or code that is nested too deeply, ends
        the finalizers that run in there.
        """
        with defer_interrupt():
            for connection in list(self._connections.values()):
                connection.transport.close()

    def of_people(self) -> list[Connection]:
        """Return the connections of persons' profiles."""
        return [each for each in list(self._connections.values()) if each.profile.kind == "person"]

    def _cache_file(self, directory: Path) -> HttpCacheFile:
        if directory not in self._cache_files:
            self._cache_files[directory] = HttpCacheFile(directory, state_directory())
        return self._cache_files[directory]


@dataclass(frozen=True)
class Connection:
    """A client application with what it was made of.

    Attributes:
        profile: whose.
        application: MSAL's client application, on the kernel's token cache.
        http_cache: its http cache.
        transport: its http client.
        refresh_locks: held while a refresh token of the token cache is used.
        stamp: of the credential that it was made with; another one needs another connection.
    """

    profile: Profile
    application: msal.ClientApplication
    http_cache: HttpCache
    transport: GuardedTransport
    refresh_locks: RefreshLocks = field(default_factory=RefreshLocks)
    stamp: str | None = field(default="", repr=False)

    @property
    def tenant_id(self) -> str:
        """The tenant that the provider's token endpoint names; empty where it has none."""
        has_tenants = self.profile.resolved_authority.tenant is not None
        return str(self.application.authority.tenant) if has_tenants else ""


def connect(
    profile: Profile,
    *,
    bundle: Bundle | None,
    token_cache: msal.TokenCache,
    cache_file: HttpCacheFile | None,
    notebook_directory: Path,
    refresh_locks: RefreshLocks | None = None,
) -> Connection:
    """Make the connection of a profile.

    Raises:
        ConfigError: a credential cannot be read, the bundle holds no certificates, or the provider does not know the
            authority.
        ProviderUnavailable: the provider is down, not trusted, or does not answer as one.
    """
    credential_stamp = stamp(profile.client_secret)
    trust, bundles = Trust.of_environment(untrusted=notebook_directory), () if bundle is None else (bundle,)
    region = region_of(profile)
    transport = GuardedTransport(
        profile.allowed_hosts | region_hosts(region, profile.authority_host),
        trust.context(bundles),
        timeout_s=profile.timeout_s,
        proxies=profile.proxies,
    )
    try:
        http_cache = HttpCache(cache_file, profile.allowed_hosts, trust=trust.fingerprint(bundles))
        application = applications.build(
            profile, token_cache=token_cache, http_cache=http_cache, transport=transport, region=region
        )
    except BaseException:
        transport.close()  # nobody else can
        raise
    return Connection(profile, application, http_cache, transport, refresh_locks or RefreshLocks(), credential_stamp)
