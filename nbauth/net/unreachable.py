"""Why a server could not be reached, where certificates, TLS or a proxy are the reason, with the cure that fits."""

from __future__ import annotations

import ssl
from dataclasses import dataclass
from typing import TYPE_CHECKING

import requests
from urllib3.exceptions import ConnectTimeoutError, HTTPError, MaxRetryError, NameResolutionError, NewConnectionError

from nbauth.net.sanitize import clean
from nbauth.next_step import Install, to_run

if TYPE_CHECKING:
    from collections.abc import Iterator

    from nbauth.net.proxies import Proxy
    from nbauth.next_step import Step

__all__ = ["Failure", "failure_of", "host_in"]

_LONGEST_WORDS = 120
_TRUST = (
    "If it is issued inside your organisation, or by a proxy that inspects connections, name the PEM file of its "
    "authorities as ca_bundle in the profile."
)
_CLOCK = "Check the clock of this machine; if it is right, whoever runs the server has to renew the certificate."
_NAME = "Check the address in the profile; whoever runs the server has to add the name to its certificate."
_OPERATOR = "Whoever runs the server has to replace it."
# By OpenSSL's numbers (`include/openssl/x509_vfy.h`). None but the unknown authorities are cured by trusting more.
_CERTIFICATES: dict[int, tuple[str, str]] = {
    9: ("is not valid yet", _CLOCK),
    10: ("has expired", _CLOCK),
    62: ("is for another name", _NAME),
    64: ("is for another name", _NAME),
    23: ("was revoked", _OPERATOR),
    66: ("has a key that is too weak", _OPERATOR),
    67: ("has an authority whose key is too weak", _OPERATOR),
    68: ("has a signature that is too weak", _OPERATOR),
    18: ("is not trusted: it is self-signed", _TRUST),
    19: ("is not trusted: its root is not among the authorities that are known here", _TRUST),
    2: ("is not trusted: its authority is not known here", _TRUST),
    20: ("is not trusted: its authority is not known here", _TRUST),
    21: ("is not trusted: its authority is not known here", _TRUST),
}
# Windows and macOS have numbers of their own; what they say is in these words, or in another language.
_WORDS = (("expired", 10), ("validity period", 10), ("match", 62), ("trust", 20), ("chain", 20))
_PORT = "Check the host and the port."
_ON_THE_WAY = "Check the port, and whether a firewall or a proxy on the way cuts connections off."
# By parts of OpenSSL's reasons, which are words alone; the first that fits.
_HANDSHAKES = (
    ("WRONG_VERSION_NUMBER", "{host} does not speak TLS on that port", _PORT),
    ("HTTP_REQUEST", "{host} does not speak TLS on that port", _PORT),
    ("UNKNOWN_PROTOCOL", "{host} does not speak TLS on that port", _PORT),
    ("RECORD_LAYER_FAILURE", "{host} does not speak TLS on that port", _PORT),
    ("PACKET_LENGTH_TOO_LONG", "{host} does not speak TLS on that port", _PORT),
    ("BAD_RECORD_TYPE", "{host} does not speak TLS on that port", _PORT),
    ("PROTOCOL_VERSION", "{host} speaks no version of TLS from 1.2 on", "Whoever runs the server has to update it."),
    (
        "UNSUPPORTED_PROTOCOL",
        "{host} speaks no version of TLS from 1.2 on",
        "Whoever runs the server has to update it.",
    ),
    ("CERTIFICATE_REQUIRED", "{host} asks for a certificate of this machine, and nbauth sends none", None),
    ("EOF", "{host} ended the connection in the middle of the TLS handshake", _ON_THE_WAY),
    ("UNRECOGNIZED_NAME", "{host} does not know its own name", _PORT),
)


@dataclass(frozen=True)
class Failure:
    """Why a server could not be reached.

    Attributes:
        what: what happened, as a sentence without its full stop.
        step: what to do next.
    """

    what: str
    step: Step | None = None


def failure_of(error: BaseException, host: str, proxy: Proxy | None, *, ca_bundle: str | None = None) -> Failure | None:
    """Return why a request got no answer; None where it is neither for TLS nor for the proxy.

    Args:
        error: what requests raised.
        host: the server, as messages name it, where the error does not name another one.
        proxy: what the request went through.
        ca_bundle: the file of authorities that were trusted besides the usual ones.
    """
    chain = tuple(_chain(error))
    host = host_in(error) or host
    failure = None if proxy is None else _of_proxy(error, chain, host, proxy)
    failure = failure or _of_tls(chain, host)
    if failure is not None and ca_bundle is not None and failure.step == _TRUST:
        return Failure(failure.what, f"Neither is it known by ca_bundle: check that {ca_bundle} holds its authority.")
    return failure


def host_in(error: BaseException) -> str | None:
    """Return the host, with a port that is not 443, that an error of requests was about; None where it does not say."""
    pool: object = next((each.pool for each in _chain(error) if isinstance(each, MaxRetryError)), None)
    host = getattr(pool, "host", None)
    if not isinstance(host, str):
        return None
    shown = f"[{host.strip('[]')}]" if ":" in host else host
    port = getattr(pool, "port", None)
    return shown if port in (None, 443) else f"{shown}:{port}"


def _of_tls(chain: tuple[BaseException, ...], host: str) -> Failure | None:
    failed = next((each for each in chain if isinstance(each, ssl.SSLError)), None)
    if isinstance(failed, ssl.SSLCertVerificationError):
        words = clean(failed.verify_message, _LONGEST_WORDS).rstrip(".")
        of_words = next((code for part, code in _WORDS if part in words.lower()), -1)
        known = _CERTIFICATES.get(failed.verify_code) or _CERTIFICATES.get(of_words)
        what, step = known or (f"is not accepted: {words}", _OPERATOR)
        return Failure(f"the certificate of {host} {what}", step)
    if failed is None:
        if any(isinstance(each, requests.exceptions.SSLError) for each in chain):
            return Failure(f"the TLS handshake with {host} failed", _ON_THE_WAY)
        return None
    reason = f"{failed.reason or ''} {type(failed).__name__}".upper()
    if not any(isinstance(each, MaxRetryError) for each in chain):  # urllib3's, for all up to the answer's headers
        return Failure(f"the TLS connection to {host} broke", _ON_THE_WAY)
    for part, problem, cure in _HANDSHAKES:
        if part in reason:
            return Failure(problem.format(host=host), cure)
    words = clean(str(failed.reason or failed.strerror or ""), _LONGEST_WORDS).replace("_", " ").lower()
    return Failure(f"the TLS handshake with {host} failed{words and f': {words}'}", _ON_THE_WAY)


def _of_proxy(error: BaseException, chain: tuple[BaseException, ...], host: str, proxy: Proxy) -> Failure | None:
    text = str(error)
    if proxy.is_socks and any(isinstance(each, requests.exceptions.InvalidSchema) for each in chain):
        return Failure(
            f"{proxy} is a SOCKS proxy, for which PySocks has to be installed",
            to_run(Install("PySocks"), f"; or correct {proxy.named_by}."),
        )
    if not proxy.is_readable or any(isinstance(each, requests.exceptions.InvalidProxyURL) for each in chain):
        return Failure(f"the address of {proxy} cannot be read", f"Write it as http://HOST:PORT in {proxy.named_by}.")
    if isinstance(error, requests.exceptions.ProxyError):
        return _of_proxy_error(text, chain, host, proxy)
    lost = (ConnectTimeoutError, NewConnectionError, requests.exceptions.ConnectTimeout)
    if any(isinstance(each, lost) for each in chain):
        late = isinstance(error, requests.Timeout)
        what = "did not answer in time" if late else "cannot be reached"
        return Failure(f"{host} {what} through {proxy}", f"Check {proxy.named_by} and the network.")
    return None


def _of_proxy_error(text: str, chain: tuple[BaseException, ...], host: str, proxy: Proxy) -> Failure:
    if "only use HTTP and not HTTPS" in text:
        return Failure(f"{proxy} does not speak TLS itself", f"Write it with http:// in {proxy.named_by}.")
    if failure := _of_tls(chain, str(proxy)):
        return failure
    said = (str(each) for each in chain if type(each) is OSError)  # of `http.client`, in its own words alone
    answer = next((words.partition("Tunnel connection failed: ")[2] for words in said), "")
    answer = clean(answer, _LONGEST_WORDS)
    if answer.startswith("407"):
        what = (
            "does not accept the user name and password" if proxy.has_password else "asks for a user name and password"
        )
        return Failure(f"{proxy} {what} (407)", f"Write it as http://USER:PASSWORD@HOST:PORT in {proxy.named_by}.")
    if answer:
        return Failure(
            f"{proxy} does not connect to {host}: {answer}",
            "Ask whoever runs the proxy; or, where the host can be reached without it, add it to NO_PROXY.",
        )
    unknown = any(isinstance(each, NameResolutionError) for each in chain)
    return Failure(
        f"{proxy} cannot be reached{': there is no such host' if unknown else ''}", f"Check {proxy.named_by}."
    )


def _chain(error: BaseException) -> Iterator[BaseException]:
    """Yield an error and what it was made of: requests and urllib3 keep it in arguments, reasons and contexts."""
    seen: list[BaseException] = []
    left: list[object] = [error]
    while left:
        each = left.pop(0)
        if not isinstance(each, BaseException) or each in seen:
            continue
        seen.append(each)
        yield each
        reason = getattr(each, "reason", None) if isinstance(each, HTTPError) else None
        original = getattr(each, "original_error", None)
        left += [*each.args, reason, original, each.__cause__, each.__context__]
