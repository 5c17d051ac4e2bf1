"""Origins: scheme, host and port, in the one form in which they are compared (RFC 6454 §4)."""

from __future__ import annotations

import ipaddress
import re
from functools import lru_cache
from urllib.parse import quote, urlsplit

from nbauth.errors import OriginNotAllowed

__all__ = [
    "api_origin_of",
    "check_https",
    "display_url",
    "host_of",
    "is_loopback",
    "origin_of",
    "plain_url",
    "redact_url",
]

_WEB_PORTS = {"https": 443, "http": 80}
# What takes a token and is no HTTP: PostgreSQL as the password (libpq's URIs), SQL Server in its login (TDS).
_DEFAULT_PORTS = {**_WEB_PORTS, "postgresql": 5432, "mssql": 1433}
# Browsers, urllib and requests read these differently, which is how a host check is fooled.
_HOST = re.compile(r"[a-z0-9_-]{1,63}(\.[a-z0-9_-]{1,63})*")  # labels as long as DNS has them (RFC 1035 §2.3.4)
_BRACKETS = re.compile(r"[^\[\]]*|\[[0-9a-fA-F:.]+\](:[0-9]*)?")
_UNSAFE = re.compile(r"[\x00-\x1f\x7f]")
# The part that names the server; a blank or a backslash after it is quoted by requests, as in `$filter=Name eq 'Bob'`.
_AUTHORITY = re.compile(r"[a-zA-Z]+://[^\s\\/?#]+(?=[/?#]|$)")


def origin_of(url: str) -> str:
    """Return the origin of a URL in canonical form.

    Args:
        url: an absolute http or https URL.

    Returns:
        ``scheme://host:port``: host in lower case, in ASCII (IDNA) and without a trailing dot, port always given.

    Raises:
        ValueError: another scheme, no host, a bad port, user information, or characters that URL parsers disagree on.
    """
    origin = api_origin_of(url)
    if origin.partition(":")[0] not in _WEB_PORTS:
        raise ValueError("the URL must start with https:// (http:// on this machine only)")
    return origin


def api_origin_of(url: str) -> str:
    """Return the origin of what a token may be sent to: as `origin_of`, and of a database, too.

    Args:
        url: an absolute URL with https, http, postgresql or mssql.

    Raises:
        ValueError: as `origin_of`.
    """
    if _UNSAFE.search(url):
        raise ValueError("the URL holds control characters")
    server = _AUTHORITY.match(url)
    return _origin_of(url if server is None else server[0])


@lru_cache(maxsize=64)  # a load asks for the same one again and again
def _origin_of(url: str) -> str:
    parts = urlsplit(url)
    scheme = parts.scheme.lower()
    if scheme not in _DEFAULT_PORTS:
        raise ValueError("the URL must start with https:// (http:// on this machine only), or name a database")
    if "@" in parts.netloc:
        raise ValueError("the URL must not hold a user name or password")
    if not parts.hostname:
        raise ValueError("the URL names no host")
    if not _AUTHORITY.match(url):
        raise ValueError("the URL's host holds blanks or backslashes")
    if not _BRACKETS.fullmatch(parts.netloc):
        raise ValueError("the URL's IPv6 address is not valid")
    port = parts.port if parts.port is not None else _DEFAULT_PORTS[scheme]
    return f"{scheme}://{_ascii_host(parts.hostname)}:{port}"


def plain_url(url: str) -> str:
    """Return the URL that is meant by one for other tools: ``nbauth+https://…`` or ``nbauth://…`` is ``https://…``."""
    scheme, mark, rest = url.partition("://")
    return f"https://{rest}" if mark and scheme == "nbauth" else url.removeprefix("nbauth+")


def host_of(url: str) -> str:
    """Return ``host:port`` of a URL, canonical as in `origin_of`."""
    return origin_of(url).partition("://")[2]


def display_url(url: str) -> str:
    """Return a URL as a person is to see it before they trust it: in ASCII, without a port that goes without saying.

    Letters of another script look like those of ours, mixed with them or alone (a whole name can be Cyrillic), so a
    host is shown as it is looked up (Unicode Technical Standard 39 §4, RFC 5890 §4.4).

    Raises:
        ValueError: as `origin_of`.
    """
    origin = api_origin_of(url)
    rest = urlsplit(url)._replace(scheme="", netloc="").geturl()
    # Quoted as it is sent: a blank, or a sign that nobody sees, would look like its end.
    rest = quote(rest, safe="/?#[]@!$&'()*+,;=:%~")
    return origin.removesuffix(f":{_DEFAULT_PORTS[origin.partition(':')[0]]}") + ("" if rest == "/" else rest)


def is_loopback(url: str) -> bool:
    """Tell whether a URL's host is this machine: localhost, 127.0.0.0/8 or ::1."""
    server = _AUTHORITY.match(url)
    return _is_loopback(url if server is None else server[0])


@lru_cache(maxsize=64)
def _is_loopback(url: str) -> bool:
    host = (urlsplit(url).hostname or "").rstrip(".").lower()
    if host == "localhost" or host.endswith(".localhost"):  # RFC 6761 §6.3
        return True
    try:
        return ipaddress.ip_address(host).is_loopback
    except ValueError:
        return False


def check_https(url: str, origin: str) -> None:
    """Make sure that a token could not be read on its way to a URL.

    Args:
        url: the URL.
        origin: its origin.

    Raises:
        OriginNotAllowed: it is http on another machine.
    """
    if origin.startswith("http:") and not is_loopback(url):
        shown_url = redact_url(url)
        raise OriginNotAllowed(f"{shown_url}: a token is never sent over http, except on this machine.", url=shown_url)


def redact_url(url: str) -> str:
    """Return a URL fit for messages: no user information, no values in the query, no fragment.

    Queries hold signatures (SAS), codes and sometimes people's names.
    """
    try:
        parts = urlsplit("".join(c if c.isprintable() else "?" for c in url))
    except ValueError:  # brackets that are no IPv6 address
        return "a URL that cannot be read"
    host = parts.netloc.rpartition("@")[2]
    if not host.isascii():
        host = _ascii_or_escaped(host)
    names = [pair.partition("=")[0] for pair in parts.query.split("&") if pair]
    query = "?" + "&".join(f"{name}=…" for name in names) if names else ""
    scheme = f"{parts.scheme}://" if parts.netloc or parts.scheme else ""
    return f"{scheme}{host}{parts.path}{query}"


def _ascii_or_escaped(host: str) -> str:
    """Return a host, with its port, in ASCII: in another script it may look like another one."""
    name, colon, port = host.partition(":")
    try:
        return f"{_ascii_host(name)}{colon}{port}"
    except ValueError:
        return host.encode("ascii", "backslashreplace").decode()


def _ascii_host(host: str) -> str:
    host = host.rstrip(".").lower()
    if "%" in host:  # a zone of this machine's (RFC 6874), which parsers read differently
        raise ValueError("the URL's host name is not valid")
    if ":" in host:
        try:
            return f"[{ipaddress.IPv6Address(host)}]"
        except ValueError:
            raise ValueError("the URL's IPv6 address is not valid") from None
    try:
        host = host if host.isascii() else _idna(host)
    except UnicodeError:
        host = ""
    if not _HOST.fullmatch(host):  # after IDNA, which turns some signs into others
        raise ValueError("the URL's host name is not valid")
    return host


def _idna(host: str) -> str:
    import idna

    # As urllib3 does, which makes the connection. The standard library's codec is that of 2003: for it straße.example
    # is strasse.example, which may be somebody else's.
    return idna.encode(host, strict=True, std3_rules=True).decode("ascii")
