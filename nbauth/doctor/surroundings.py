"""The surroundings: the front end, the certificate authorities, and the proxies that a provider is asked through."""

from __future__ import annotations

import os
from pathlib import Path
from typing import TYPE_CHECKING

from nbauth.doctor.finding import Finding, failed
from nbauth.environment import detect, notebook_directory
from nbauth.errors import ConfigError
from nbauth.files.edges import variable
from nbauth.net.origins import display_url
from nbauth.net.proxies import proxy_for
from nbauth.net.system_store import SYSTEM_VERIFIES, system_store
from nbauth.net.tls import environment_bundle

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator

    from nbauth.signin.profile.profile import Profile

__all__ = ["authorities", "front_end", "proxies"]

_BUNDLES = ("REQUESTS_CA_BUNDLE", "CURL_CA_BUNDLE")
_SYSTEM = ("SSL_CERT_FILE", "SSL_CERT_DIR")


def front_end() -> Iterator[Finding]:
    """Yield where this runs, and whether a person can be asked."""
    environment = detect()
    where = f"remote ({environment.remote})" if environment.remote else "on this machine"
    browser = "a browser can be opened" if environment.has_browser else "no browser can be opened from here"
    asked = "may be asked" if environment.interactive else f"cannot be asked: {environment.why_not}"
    text = f"{environment.front_end}, {where}; {browser}; a person {asked}; directory {environment.notebook_directory}."
    yield Finding(topic="front end", level="ok", text=text)


def authorities() -> Iterator[Finding]:
    """Yield which certificate authorities are trusted beside a profile's own, and who named them."""
    here = notebook_directory()
    try:
        bundle = environment_bundle(untrusted=here)
    except ConfigError as error:
        yield failed("authorities", error)
        return
    for name in _BUNDLES:
        value = variable(name)
        if value and not Path(value).exists():
            text = f"{name} names {value}, which is not there; nbauth passes it over."
            yield Finding(topic="authorities", level="warning", text=text, cure=f"Correct {name}, or unset it.")
    if bundle is not None:
        named_by = next(name for name in _BUNDLES if variable(name) == bundle)
        text = f"those of {bundle} ({named_by}), and no others."
        yield Finding(topic="authorities", level="ok", text=text)
        return
    stores = system_store(untrusted=here)
    system = "this system's own" if SYSTEM_VERIFIES else ", ".join(stores) or "none of the system's"
    yield Finding(topic="authorities", level="ok", text=f"certifi's, and {system}.")
    for name in _SYSTEM:
        value = variable(name)
        if value and not SYSTEM_VERIFIES and not any(path in stores for path in value.split(os.pathsep)):
            text = f"{name} names {value}, which is not taken: it is not there, is empty, or lies beside the notebook."
            yield Finding(topic="authorities", level="warning", text=text, cure=f"Correct {name}, or unset it.")


def proxies(profiles: Iterable[Profile]) -> Iterator[Finding]:
    """Yield the proxy that each provider is asked through, without its password."""
    told: dict[str, list[str]] = {}
    for profile in profiles:
        if profile.resolved_authority.kind == "sources" or profile.managed_identity is not None:
            continue
        proxy = proxy_for(profile.authority_url, profile.proxies)
        host = display_url(f"https://{profile.authority_host}")
        if proxy is not None and not proxy.is_readable:
            text = f"profile {profile.name}: {proxy} has no address that can be read."
            cure = "Write it as http://HOST:PORT; write @, : and / in its password as %40, %3A and %2F."
            yield Finding(topic="proxy", level="error", text=text, cure=cure)
            continue
        told.setdefault("none" if proxy is None else str(proxy), []).append(host)
    for proxy_text, hosts in told.items():
        yield Finding(topic="proxy", level="ok", text=f"{proxy_text} for {', '.join(dict.fromkeys(hosts))}.")
