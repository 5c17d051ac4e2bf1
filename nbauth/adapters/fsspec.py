"""``nbauth+https://``: the kernel's sign-ins for tools that read with fsspec, which finds it by its entry point."""

from __future__ import annotations

from http.cookiejar import DefaultCookiePolicy
from typing import TYPE_CHECKING, Any

from nbauth import kernel
from nbauth.adapters.read_only_filesystem import PROTOCOLS, ReadOnlyFileSystem
from nbauth.authorizer import KernelAuthorizer, load_session_of
from nbauth.errors import ConfigError
from nbauth.process import visitors
from nbauth.process.visitors import Visitor

if TYPE_CHECKING:
    from nbauth.data.fetch.session import Session
    from nbauth.signin.profile.config import Config

__all__ = ["PROTOCOLS", "FileSystem"]

# What fsspec itself may hand on; none of it changes what is read.
_FSSPECS = frozenset({"asynchronous", "loop", "batch_size", "use_listings_cache", "listings_expiry_time", "max_paths"})


class FileSystem(ReadOnlyFileSystem):
    """Reads protected URLs with the sign-ins of the kernel it is used in.

    It holds no token, and no more than the profile's name is pickled. Where nobody is signed in, as in a worker's
    process, reading raises `SignInRequired`.

    Args:
        profile: whose token to use; None takes the profile that names the URL's origin.
        options: fsspec's own options.

    Raises:
        ConfigError: another option was given.
    """

    def __init__(self, *, profile: str | None = None, **options: Any) -> None:
        self._profile = profile
        unknown = sorted(set(options) - _FSSPECS)
        if unknown:
            raise ConfigError(f"nbauth+https: there is no option {unknown[0]!r}; known: profile.")
        super().__init__(**options)
        # fsspec hands one filesystem to everybody in a process.
        self._sessions: dict[visitors.Whose, tuple[int, Config, Session]] = {}

    def __repr__(self) -> str:
        return f"<nbauth.FileSystem profile={self._profile!r}>"

    __str__ = __repr__

    def connect(self, url: str) -> Session:
        """Return the visitor's session for a URL; a new one after each change of the sign-ins."""
        del url  # the session finds the profile that names it
        visitor = visitors.whose()
        version, config, known = kernel.version(), kernel.config(), self._sessions.get(visitor)
        if known is None or known[:2] != (version, config):
            session = load_session_of(KernelAuthorizer(self._profile))
            # It serves many files; what an API keeps there for one of them is none of the others'.
            session.cookies.set_policy(DefaultCookiePolicy(allowed_domains=[]))
            known = (version, config, session)
            here = {who: each for who, each in self._sessions.items() if not (isinstance(who, Visitor) and who.is_over)}
            self._sessions = {**here, visitor: known}
        return known[2]
