"""The client applications of one kernel, made when they are first needed, and the caches that they share."""

from __future__ import annotations

import threading
from typing import TYPE_CHECKING

import platformdirs

from nbauth.signin.environment import notebook_directory
from nbauth.signin.http_cache_file import HttpCacheFile
from nbauth.signin.login import connect
from nbauth.signin.profile_credentials import stamp
from nbauth.signin.token_cache import cache_key, new_cache
from nbauth.signin.turns import Turns

if TYPE_CHECKING:
    from pathlib import Path

    import msal

    from nbauth.signin.bundles import Bundle
    from nbauth.signin.login import Client
    from nbauth.signin.profiles import Profile

__all__ = ["Connections"]


class Connections:
    """What a kernel is connected to. All methods may be called from any thread."""

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._connecting: dict[Profile, threading.Lock] = {}
        self._clients: dict[Profile, Client] = {}
        self._token_caches: dict[tuple[str, str], tuple[msal.TokenCache, Turns]] = {}
        self._cache_files: dict[Path, HttpCacheFile] = {}

    def client(self, profile: Profile, bundle: Bundle | None) -> Client:
        """Return the client of a profile; it is made anew when a secret was renewed.

        A secret that cannot be read just now, as while somebody writes its file, leaves the client as it is.

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
            made = self._clients.get(profile)
            if made is None or stamp(profile) not in (made.stamp, None):
                directory = notebook_directory()
                with self._lock:
                    cache, turns = self._token_caches.setdefault(cache_key(profile), (new_cache(), Turns()))
                    file = self._cache_file(directory)
                made = connect(
                    profile,
                    bundle=bundle,
                    token_cache=cache,
                    turns=turns,
                    cache_file=file,
                    notebook_directory=directory,
                )
                self._clients[profile] = made
            return made

    def drop(self, profile: Profile) -> None:
        """Forget a client, but not its tokens."""
        self._clients.pop(profile, None)

    def of_people(self) -> list[Client]:
        """Return the clients of persons' profiles."""
        return [client for client in list(self._clients.values()) if client.profile.kind == "person"]

    def _cache_file(self, directory: Path) -> HttpCacheFile:
        if directory not in self._cache_files:
            state_directory = platformdirs.user_state_path("nbauth", appauthor=False)
            self._cache_files[directory] = HttpCacheFile(directory, state_directory)
        return self._cache_files[directory]
