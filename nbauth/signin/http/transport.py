"""The guarded http client that MSAL gets: https, known hosts, no redirects, timeouts, size limits, JSON objects."""

from __future__ import annotations

import contextlib
import functools
import json
import logging
import time
from dataclasses import dataclass, field, replace
from typing import TYPE_CHECKING, Any, Protocol
from urllib.parse import urljoin

import requests
from requests.utils import get_environ_proxies

from nbauth.net.origins import host_of, redact_url
from nbauth.net.proxies import proxy_for
from nbauth.net.redirects import NoRedirects, is_redirection
from nbauth.net.retry_after import retry_after_s
from nbauth.net.sanitize import clean
from nbauth.signin.http.client_secret import ClientSecret
from nbauth.signin.http.clock_skew import ahead_s
from nbauth.signin.http.deadline import Calls, DeadlineAdapter
from nbauth.signin.http.optional_members import without_empty
from nbauth.signin.http.refusal import words
from nbauth.signin.http.token_response import is_deep, problem

if TYPE_CHECKING:
    import ssl
    from collections.abc import Iterator, Mapping

__all__ = [
    "Answer",
    "AnswerRefused",
    "GuardedTransport",
    "HttpClient",
    "NoEndpoint",
    "ProviderBusy",
    "RequestRefused",
    "throttle_s",
    "without_request",
]

logger = logging.getLogger(__name__)

_CONNECT_S, _READ_S = 5.0, 30.0
_LARGEST = 1024 * 1024  # discovery documents and key sets are a few KiB
_LEAST_THROTTLE_S, _USUAL_THROTTLE_S, _MOST_THROTTLE_S = 1.0, 5.0, 3600.0
_NOT_HERE = (404, 405, 410)  # RFC 9110 §15.5.5, §15.5.6 and §15.5.11
_NOT_ALLOWED = (401, 403)  # RFC 9110 §15.5.2 and §15.5.4
# RFC 6749 §5.2, RFC 8628 §3.5
_OAUTH_ERRORS = frozenset(
    {
        "access_denied",
        "authorization_pending",
        "expired_token",
        "invalid_client",
        "invalid_grant",
        "invalid_request",
        "invalid_scope",
        "slow_down",
        "unauthorized_client",
        "unsupported_grant_type",
    }
)
_LONGEST_PLACE = 200
# What MSAL reads, and what messages need. Set-Cookie and the rest never reach MSAL's cache.
_KEPT_HEADERS = frozenset({"content-type", "date", "retry-after", "www-authenticate"})


class AnswerRefused(requests.RequestException):
    """The provider's answer, or the address that it would come from, is not one to trust.

    MSAL keeps a still valid token on a RequestException, and puts no refused body into its ERROR log.
    """


class NoEndpoint(AnswerRefused):
    """What answers at an address is no endpoint of a provider: no such page or method, a redirect, or no JSON.

    The endpoint may have moved since its address was cached.

    Attributes:
        leads_to: where a redirect leads to, fit for messages.
    """

    def __init__(self, message: str, *, leads_to: str | None = None) -> None:
        super().__init__(message)
        self.leads_to = leads_to


class RequestRefused(AnswerRefused):
    """The provider refuses a request for tokens or a device code by its status, and with no OAuth error.

    Many a provider answers a client so that it does not know.

    Attributes:
        status: the HTTP status.
    """

    def __init__(self, message: str, *, status: int) -> None:
        super().__init__(message)
        self.status = status


class ProviderBusy(requests.RequestException):
    """The provider answered 429 or 5xx, or did so a moment ago and asked to wait."""

    def __init__(self, message: str, *, status: int, retry_after_s: float, has_to_wait: bool) -> None:
        super().__init__(message)
        self.status = status
        self.retry_after_s = retry_after_s
        self.has_to_wait = has_to_wait  # until then nothing more is sent


@dataclass(frozen=True)
class Answer:
    """A response in the form that MSAL takes.

    Attributes:
        status_code: the HTTP status.
        text: the body; a JSON object.
        headers: the few that are kept, with lower-case names.
    """

    status_code: int
    text: str = field(repr=False)
    headers: Mapping[str, str]

    def with_text(self, text: str) -> Answer:
        """Return it with another body."""
        return replace(self, text=text)

    def raise_for_status(self) -> None:
        """Raise for 400 and above.

        Raises:
            NoEndpoint: it says that there is no such endpoint.
            AnswerRefused: it says anything else.
        """
        if self.status_code in _NOT_HERE:
            raise NoEndpoint(f"HTTP status {self.status_code}")
        if self.status_code >= 400:  # noqa: PLR2004 - RFC 9110 §15.5
            raise AnswerRefused(f"HTTP status {self.status_code}")


class HttpClient(Protocol):
    """What MSAL takes as ``http_client``."""

    def get(self, url: str, **options: Any) -> Answer:
        """Send a GET."""

    def post(self, url: str, **options: Any) -> Answer:
        """Send a POST."""

    def close(self) -> None:
        """Close the connections."""


class GuardedTransport:
    """MSAL's ``http_client``.

    Args:
        allowed_hosts: ``host:port`` of every host it may talk to.
        trust: TLS context of the provider's connections.
        timeout_s: seconds to wait for the next bytes; a whole request has 5 s more.
        proxies: as requests takes them; None for those of the environment.

    Attributes:
        clock_ahead_s: how far this machine's clock was ahead of the provider's at its last answer.
        client_secret: how the provider takes the secret of the one client that this is for.
    """

    def __init__(
        self,
        allowed_hosts: frozenset[str],
        trust: ssl.SSLContext,
        *,
        timeout_s: float = _READ_S,
        proxies: Mapping[str, str] | None = None,
    ) -> None:
        self.allowed_hosts = allowed_hosts
        self._read_s = timeout_s
        self._total_s = timeout_s + _CONNECT_S
        self._proxies = proxies
        self.requests_made = 0
        self.clock_ahead_s = 0.0
        self.client_secret = ClientSecret()
        self._throttled_until: dict[str, tuple[float, int]] = {}
        self._session = NoRedirects()
        # A token request is never repeated blindly: a refresh token may be good for one use only.
        self._session.mount("https://", DeadlineAdapter(trust, max_retries=0))
        self._calls = Calls()

    def get(self, url: str, **options: Any) -> Answer:
        """Send a GET; `options` are `params` and `headers`."""
        return self._send("GET", url, **options)

    def post(self, url: str, **options: Any) -> Answer:
        """Send a POST; `options` are `params`, `data` and `headers`."""
        return self.client_secret.post(functools.partial(self._send, "POST"), url, **options)

    def close(self) -> None:
        """Close the connections."""
        self._session.close()

    def _send(
        self,
        method: str,
        url: str,
        *,
        params: Any = None,
        data: Any = None,
        headers: Mapping[str, str] | None = None,
        **_others: Any,
    ) -> Answer:
        self._check_address(url)
        # The client id is part of the key: one application's limit is not another's.
        throttle = f"{method} {url} {(data or {}).get('client_id') if isinstance(data, dict) else ''}"
        self._check_throttle(throttle, url)
        self.requests_made += 1
        asks_for_tokens = method == "POST" and isinstance(data, dict) and "grant_type" in data

        def exchange() -> Answer:
            with (
                _proxy_errors(url, self._proxies),
                self._session.request(
                    method,
                    url,
                    params=params,
                    data=data,
                    headers=dict(headers or {}),
                    timeout=(min(_CONNECT_S, self._read_s), self._read_s),
                    allow_redirects=False,
                    stream=True,
                    proxies=get_environ_proxies(url) if self._proxies is None else dict(self._proxies),
                ) as response,
            ):
                self.clock_ahead_s = ahead_s(response.headers.get("Date"))
                self._check_status(response, throttle, url)  # first: what is refused is not read
                body = _read(response)
            logger.debug("%s %s: %s", method, redact_url(url), response.status_code)
            return self._accept(response, body, url, posted=method == "POST", asks_for_tokens=asks_for_tokens)

        try:
            with without_request():
                return self._calls.within(self._total_s, exchange)
        except TimeoutError:
            raise requests.ReadTimeout(f"{redact_url(url)} took more than {self._total_s:g} s to answer") from None

    def _check_address(self, url: str) -> None:
        try:
            known = url.startswith("https://") and host_of(url) in self.allowed_hosts
        except ValueError:
            known = False
        if not known:
            raise AnswerRefused(
                f"{redact_url(url)} is not one of the provider's own hosts ({', '.join(sorted(self.allowed_hosts))})"
            )

    def _check_throttle(self, throttle: str, url: str) -> None:
        until, status = self._throttled_until.get(throttle, (0.0, 0))
        left_s = until - time.monotonic()
        if left_s > 0:
            raise ProviderBusy(
                f"{redact_url(url)} answered HTTP {status} and asked to wait {left_s:.0f} s more",
                status=status,
                retry_after_s=left_s,
                has_to_wait=True,
            )
        self._throttled_until.pop(throttle, None)

    def _check_status(self, response: requests.Response, throttle: str, url: str) -> None:
        status, place = response.status_code, redact_url(url)
        if status == 429 or status >= 500:  # noqa: PLR2004 - RFC 6585 §4
            wait_s = throttle_s(response.headers.get("Retry-After"))
            has_to_wait = "Retry-After" in response.headers or status == 429  # noqa: PLR2004
            if has_to_wait:
                self._throttled_until[throttle] = (time.monotonic() + wait_s, status)
            raise ProviderBusy(
                f"{place} answered HTTP {status}", status=status, retry_after_s=wait_s, has_to_wait=has_to_wait
            )
        if is_redirection(status):
            # 307 and 308 from a token endpoint would replay the refresh token elsewhere.
            leads_to = _leads_to(response, url)
            raise NoEndpoint(
                f"{place} answered with a redirect (HTTP {status}) to {leads_to or 'nowhere'}, which is never followed",
                leads_to=leads_to,
            )

    def _accept(
        self, response: requests.Response, body: bytes, url: str, *, posted: bool, asks_for_tokens: bool
    ) -> Answer:
        status, place = response.status_code, redact_url(url)
        headers = {k.lower(): v for k, v in response.headers.items() if k.lower() in _KEPT_HEADERS}
        if status < 300:  # noqa: PLR2004
            headers.pop("retry-after", None)  # MSAL would cache a token response that carries it, whole
        text, document = _decoded(body)
        if document is None:
            kind = headers.get("content-type") or "no content type"
            # Also where there is no body at all, which says as much.
            no_json = f"with {kind} that is no JSON object" if body or not _is_refusal(status) else "without a body"
            is_page = "html" in kind and status not in _NOT_ALLOWED
            raise _refused(place, status, no_json, words(text, headers), by_endpoint=posted and not is_page)
        answer = _said(Answer(status, text, headers))
        if posted and status in _NOT_HERE:
            _check_place(answer, url)
        if asks_for_tokens:
            answer = _said(answer, containers=True)
            wrong = problem(json.loads(answer.text))
        else:
            wrong = "without an error" if posted and _is_refusal(status) and "error" not in document else None
        if wrong is None:
            return answer
        if not _is_refusal(status):
            raise AnswerRefused(f"{place} answered HTTP {status} {wrong}")
        raise _refused(place, status, wrong, words(answer.text, headers), by_endpoint=True)


def _is_refusal(status: int) -> bool:
    return status >= 400 and status not in _NOT_HERE  # noqa: PLR2004 - RFC 9110 §15.5


def _refused(place: str, status: int, wrong: str, said: str, *, by_endpoint: bool) -> AnswerRefused:
    # What came with a success may be tokens in another form, and is not shown.
    shown = f": {said}".rstrip(".") if said and status >= 400 else ""  # noqa: PLR2004
    message = f"{place} answered HTTP {status} {wrong}{shown}"
    return RequestRefused(message, status=status) if by_endpoint and _is_refusal(status) else NoEndpoint(message)


def _decoded(body: bytes) -> tuple[str, dict[str, Any] | None]:
    """Return a body as text, and the JSON object in it, if it is one of bearable depth."""
    try:
        text = body.decode("utf-8")
        document = json.loads(text)
    except (ValueError, RecursionError):
        return body[:8192].decode("utf-8", "replace"), None
    return text, document if isinstance(document, dict) and not is_deep(document) else None


def _leads_to(response: requests.Response, url: str) -> str | None:
    location = response.headers.get("Location", "").strip()
    try:
        return clean(redact_url(urljoin(url, location)), _LONGEST_PLACE) if location else None
    except ValueError:  # brackets that are no IPv6 address
        return "a URL that cannot be read"


def _check_place(answer: Answer, url: str) -> None:
    """Refuse what says that there is no such endpoint. An error of OAuth's own was said by one, whatever its status."""
    document = json.loads(answer.text)
    error = document.get("error")
    if isinstance(error, str) and (error in _OAUTH_ERRORS or "error_codes" in document):
        return
    words = ": ".join(clean(str(document[name]), 80) for name in ("error", "error_description") if document.get(name))
    raise NoEndpoint(f"{redact_url(url)} answered HTTP {answer.status_code}{words and f' ({words})'}")


def _said(answer: Answer, *, containers: bool = False) -> Answer:
    document = json.loads(answer.text)
    said = without_empty(document, containers=containers)
    return answer if len(said) == len(document) else replace(answer, text=json.dumps(said))


@contextlib.contextmanager
def _proxy_errors(url: str, proxies: Mapping[str, str] | None) -> Iterator[None]:
    """Tell that a proxy's address is wrong, as an error of the network.

    requests and urllib3 raise a ValueError, which MSAL takes for an authority that the provider does not know.

    Raises:
        requests.exceptions.ProxyError: in its place, without its words, which may hold the proxy's password.
    """
    unusable: requests.RequestException | None = None
    try:
        yield
    except ValueError as error:
        if proxy_for(url, proxies) is None:
            raise
        is_missing = isinstance(error, requests.exceptions.InvalidSchema)
        unusable = requests.exceptions.InvalidSchema() if is_missing else requests.exceptions.InvalidProxyURL()
    if unusable is not None:
        raise requests.exceptions.ProxyError(unusable)


@contextlib.contextmanager
def without_request() -> Iterator[None]:
    """Take request and answer off an error of requests: they hold what was sent, with the secrets in it."""
    try:
        yield
    except requests.RequestException as error:
        error.request = error.response = None
        raise


def _read(response: requests.Response) -> bytes:
    parts: list[bytes] = []
    size = 0
    # Counted as unpacked: a few KiB of gzip may be a GiB.
    for part in response.iter_content(8192):
        size += len(part)
        if size > _LARGEST:
            raise AnswerRefused(f"{redact_url(response.url)} answered with more than 1 MiB")
        parts.append(part)
    return b"".join(parts)


def throttle_s(retry_after: str | None) -> float:
    """Return how long a busy provider is left alone: as its ``Retry-After`` says, between a second and an hour."""
    wait_s = retry_after_s(retry_after)
    return min(max(_USUAL_THROTTLE_S if wait_s is None else wait_s, _LEAST_THROTTLE_S), _MOST_THROTTLE_S)
