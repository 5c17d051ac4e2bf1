"""Which proxy a request takes, and who named it."""

from __future__ import annotations

import os
from dataclasses import dataclass, field
from typing import TYPE_CHECKING
from urllib.parse import urlsplit

from requests.utils import get_environ_proxies, select_proxy
from urllib3.exceptions import LocationParseError
from urllib3.util import parse_url

from nbauth.net.origins import redact_url

if TYPE_CHECKING:
    from collections.abc import Mapping

__all__ = ["Proxy", "proxy_for"]


@dataclass(frozen=True)
class Proxy:
    """A proxy.

    Attributes:
        url: its address as it was written; it may hold a password.
        named_by: the environment variable, or what else names it, for messages.
    """

    url: str = field(repr=False)
    named_by: str

    def __str__(self) -> str:
        shown = self._shown()
        return f"the proxy {shown} ({self.named_by})" if shown else f"the proxy ({self.named_by})"

    @property
    def is_socks(self) -> bool:
        """Whether it is one for which requests needs PySocks."""
        return self.url.lower().startswith(("socks4://", "socks4a://", "socks5://", "socks5h://"))

    @property
    def is_readable(self) -> bool:
        """Whether requests can make anything of its address."""
        try:
            parts = parse_url(self.url)
        except LocationParseError:
            return False
        return parts.host is not None and (self.is_socks or parts.scheme in (None, "http", "https"))

    @property
    def has_password(self) -> bool:
        """Whether a user name stands in its address."""
        return "@" in self.url

    def _shown(self) -> str:
        """Return its address without the password; nothing where it cannot be told which part that is."""
        scheme, _, rest = self.url.rpartition("://")
        parts = urlsplit(f"//{rest.rstrip('/')}") if self.is_readable else None
        if parts is None or parts.path or parts.query or parts.fragment or rest.count("@") > 1:
            return ""
        return redact_url(f"{scheme or 'http'}://{parts.netloc}")


def proxy_for(
    url: str, proxies: Mapping[str, str] | None = None, environ: Mapping[str, str] = os.environ
) -> Proxy | None:
    """Return the proxy that requests takes for a URL.

    Args:
        url: where the request goes.
        proxies: those of the profile; None where the environment's are in force.
        environ: the environment variables.
    """
    known = get_environ_proxies(url) if proxies is None else dict(proxies)
    chosen = select_proxy(url, known)
    if not chosen:
        return None
    if proxies is not None:
        return Proxy(chosen, "proxies in the profile")
    # The small letters come first, as the standard library has it.
    names = (f"{kind}_proxy" for kind in (urlsplit(url).scheme, "all"))
    spellings = (spelling for name in names for spelling in (name, name.upper()))
    variable = next((name for name in spellings if environ.get(name) == chosen), None)
    return Proxy(chosen, variable or "the system's settings")
