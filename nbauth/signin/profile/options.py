"""The keys that tune MSAL's client applications, checked: capabilities, region, proxies, timeout."""

from __future__ import annotations

import re
from collections.abc import Mapping
from types import MappingProxyType
from typing import TYPE_CHECKING
from urllib.parse import urlsplit

from nbauth.net.origins import origin_of

if TYPE_CHECKING:
    from collections.abc import Callable

    from nbauth.errors import ConfigError

__all__ = ["AUTO_REGION", "REGION", "check_region", "checked_proxies", "checked_timeout_s", "region_hosts"]

AUTO_REGION = "auto"
# As MSAL has it (msal.region): a DNS label.
REGION = re.compile(r"[a-z](?:[a-z0-9-]{0,61}[a-z0-9])?")
_SCHEMES = ("https", "http")
_LONGEST_S = 300.0
# Entra's public cloud serves every region from one domain; other clouds put the region before their own host.
_PUBLIC_HOSTS = frozenset({"login.microsoftonline.com", "login.microsoft.com", "login.windows.net", "sts.windows.net"})


def checked_proxies(key: str, value: object, wrong: Callable[..., ConfigError]) -> Mapping[str, str] | None:
    """Check ``{ https = "http://proxy:3128" }``, the form that requests takes.

    Args:
        key: its name, for messages.
        value: what was given; None leaves the environment's proxies in force, an empty table means none at all.
        wrong: makes the error of a key and a problem.

    Raises:
        ConfigError: it is no such table, a value is no address, or it holds a password.
    """
    if value is None:
        return None
    if not isinstance(value, Mapping):
        raise wrong(key, f'expected a table such as {{ https = "http://proxy.example.com:3128" }}, found {value!r}')
    for scheme, address in value.items():
        if scheme not in _SCHEMES:
            raise wrong(key, f"expected https or http as the key, found {scheme!r}")
        if not isinstance(address, str):
            raise wrong(key, f"expected the proxy's address as a text, found {type(address).__name__}")
        try:
            parts = urlsplit(address)
            known = parts.scheme in ("http", "https") and bool(parts.hostname) and (parts.port or 1) > 0
        except ValueError:
            known = False
        if not known:
            raise wrong(key, "expected an address such as http://proxy.example.com:3128")
        if "@" in parts.netloc:
            raise wrong(key, "a proxy's password is refused here; HTTPS_PROXY in the kernel's environment may hold it")
        try:
            origin_of(address)
        except ValueError as error:
            raise wrong(key, f"{error}; expected an address such as http://proxy.example.com:3128") from None
    return MappingProxyType(dict(value))


def check_region(key: str, value: object, wrong: Callable[..., ConfigError]) -> None:
    """Check the name of an Azure region, or ``"auto"``.

    Raises:
        ConfigError: it is neither.
    """
    if value is not None and not (isinstance(value, str) and REGION.fullmatch(value)):
        raise wrong(key, f'expected a region such as "westeurope", or "auto"; found {value!r}')


def checked_timeout_s(key: str, value: object, wrong: Callable[..., ConfigError]) -> float:
    """Check a number of seconds.

    Raises:
        ConfigError: it is none, or not between 0 and 300.
    """
    if isinstance(value, (int, float)) and not isinstance(value, bool) and 0 < value <= _LONGEST_S:
        return float(value)
    raise wrong(key, f"expected seconds, more than 0 and up to {_LONGEST_S:.0f}; found {value!r}")


def region_hosts(region: str | None, authority_host: str) -> frozenset[str]:
    """Return ``host:port`` of the regional token service that MSAL asks.

    Args:
        region: the region, or None.
        authority_host: host of the authority.
    """
    if region is None:
        return frozenset()
    domain = "login.microsoft.com" if authority_host in _PUBLIC_HOSTS else authority_host
    return frozenset({f"{region}.{domain}:443"})
