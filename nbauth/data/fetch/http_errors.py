"""The errors of requests, each in one line without secrets."""

from __future__ import annotations

import json
import math
import re
import sys
import zlib
from typing import TYPE_CHECKING, Any
from urllib.parse import urlsplit

import pandas as pd
import requests

from nbauth.data.fetch.named_waits import is_used_up, limit_wait_s, named_wait_s
from nbauth.errors import ApiError, ConfigError, DataError, FormatError, NbauthError, ReadInterrupted
from nbauth.net.origins import is_loopback, redact_url
from nbauth.net.proxies import proxy_for
from nbauth.net.sanitize import clean
from nbauth.net.unreachable import failure_of
from nbauth.next_step import Login, Logout, NextStep

if TYPE_CHECKING:
    from collections.abc import Callable

    from requests import Response

    from nbauth.errors import NbauthError
    from nbauth.net.proxies import Proxy
    from nbauth.next_step import Step

__all__ = ["api_error", "check_there", "clean", "format_error", "network_error", "read_interrupted"]

_MOST_BYTES = 64 * 1024
_ACCEPTED, _FORBIDDEN, _TOO_MANY = 202, 403, 429
_NO_URL = (
    requests.URLRequired,
    requests.exceptions.InvalidURL,
    requests.exceptions.InvalidSchema,
    requests.exceptions.MissingSchema,
)
# By class, and where requests and urllib3 tell things apart by words alone, by a part of the text.
_BREAKS: tuple[tuple[type[Exception], str, str, str | None], ...] = (
    (requests.ConnectTimeout, "", "could not be reached in time", None),
    (requests.Timeout, "", "did not answer in time", None),
    (Exception, "timed out", "did not answer in time", None),
    (requests.TooManyRedirects, "", "redirects again and again", None),
    (Exception, "NameResolutionError", "could not be reached: there is no such host", None),
    (Exception, "refused", "could not be reached: the connection was refused", None),
    (Exception, "IncompleteRead", "broke off in the middle of its answer", None),
    (Exception, "InvalidChunkLength", "broke off in the middle of its answer", None),
    (zlib.error, "", "sent a compressed body that cannot be read", None),
    (Exception, "Too many content encodings", "sent a compressed body that cannot be read", None),
    (Exception, "failed to decode", "sent a compressed body that cannot be read", None),
)


def api_error(response: Response) -> ApiError:
    """Make the error of a response with an error status, with the API's own message; closes the response."""
    shown_url = redact_url(response.url)
    body = _start_of(response)
    said = clean(_message(body) or response.reason or "")
    message = f"{shown_url} answered {response.status_code}" + (f": {said}" if said else "")
    return ApiError(
        message if message.endswith((".", "!", "…")) else f"{message}.",
        status=response.status_code,
        url=shown_url,
        body=clean(body),
        next_step=_next_step(response),
    )


def check_there(response: Response) -> None:
    """Make sure that a response is the file, and no word that it is not there yet.

    Raises:
        DataError: it is that.
    """
    if response.status_code == _ACCEPTED:
        response.close()
        shown_url = redact_url(response.url)
        raise DataError(
            f"{shown_url} answered 202: what is asked for is not there yet.",
            url=shown_url,
            next_step="nbauth.read(URL) waits for it. Or open it again later, where the API's documentation says.",
        )


def format_error(response: Response, start: bytes, why: str, *, next_step: Step | None = None) -> FormatError:
    """Make the error of a body that cannot be read in its format.

    Args:
        response: the response.
        start: the first bytes of its body; empty where they are no longer there.
        why: what is wrong.
        next_step: what to do next, if something helps.
    """
    shown_url = redact_url(response.url)
    kind = clean(response.headers.get("Content-Type", ""), 100) or "no content type"
    shown = clean(start[:1000].decode("utf-8", "replace"), 120)
    begins = f" It begins: {shown!r}." if shown else ""
    return FormatError(
        f"{shown_url} answered {response.status_code} with {kind}, {why}.{begins}",
        url=shown_url,
        next_step=next_step,
    )


def network_error(error: Exception, url: str) -> NbauthError:
    """Make the error of a request that got no response, or not all of it."""
    shown_url = redact_url(url)
    if failure := failure_of(error, urlsplit(shown_url).netloc, _proxy_of(url)):
        return DataError(f"{shown_url} could not be read: {failure.what}.", url=shown_url, next_step=failure.step)
    if isinstance(error, _NO_URL):
        return ConfigError(f"{shown_url}: not a URL that can be read.", next_step="Give an absolute https:// URL.")
    text = str(error)
    for kinds, part, what, step in _BREAKS:
        if isinstance(error, kinds) and part in text:
            return DataError(f"{shown_url} {what}.", url=shown_url, next_step=step)
    return DataError(f"{shown_url} could not be read: the connection broke.", url=shown_url)


def _proxy_of(url: str) -> Proxy | None:
    try:
        return None if is_loopback(url) else proxy_for(url)  # as the session has it
    except ValueError:  # no URL at all
        return None


def _start_of(response: Response) -> str:
    try:
        start = response.raw.read(_MOST_BYTES, decode_content=True)
    except Exception:  # noqa: BLE001 - the status is the news; its body may be as broken as it likes
        start = b""
    finally:
        response.close()
    return bytes(start).decode("utf-8", "replace")


def _message(body: str) -> str:
    """Find the API's own words: OData and Graph, OAuth, RFC 9457, and what others do."""
    try:
        document: Any = json.loads(body)
    except (ValueError, RecursionError):
        return "" if body.lstrip().startswith("<") else body
    if isinstance(document, dict):
        inner = document.get("error", document.get("odata.error"))
        for level in (inner, document):
            if isinstance(level, dict):
                for name in ("error_description", "message", "detail", "title", "errorMessage"):
                    value = level.get(name)
                    value = value.get("value") if isinstance(value, dict) else value  # OData 3
                    if isinstance(value, str) and value.strip():
                        return value
        if isinstance(inner, str):
            return inner
    return document if isinstance(document, str) else ""


def _next_step(response: Response) -> Step | None:
    challenge = response.headers.get("WWW-Authenticate", "")
    scope = re.search(r'\bscope="([^"]*)"', challenge)
    if "insufficient_scope" in challenge:  # RFC 6750 §3.1
        what = f"the scope {clean(scope[1], 200)}" if scope else "another scope"
        return f"It asks for {what}: add it to the profile's apis and sign in again, or ask an administrator."
    if "insufficient_claims" in challenge:
        return NextStep(("It asks for a new sign-in: ", Logout(), ", then ", Login()))
    limited = response.status_code == _TOO_MANY or (response.status_code == _FORBIDDEN and is_used_up(response.headers))
    wait_s = (limit_wait_s if limited else named_wait_s)(response.headers)
    steps: dict[int, Step] = {
        401: NextStep(
            ("Neither token nor a fresh one was accepted: check the scopes in the profile's apis, then run: ", Login())
        ),
        _FORBIDDEN: "You are signed in, but not allowed: ask whoever runs the API for access.",
        404: "Check the URL.",
        _TOO_MANY: "Too many requests: try again later.",
    }
    has_to_wait = limited or response.status_code == _FORBIDDEN or response.status_code >= 500  # noqa: PLR2004
    if wait_s is not None and has_to_wait:
        date = clean(response.headers.get("Retry-After", "").strip(), 40)
        when = f"after {date}" if date.endswith("GMT") else f"in {max(1, math.ceil(wait_s)):,} s"
        return f"Try again {when}: the API says so."
    if limited:
        return steps[_TOO_MANY]
    return steps.get(response.status_code)


def read_interrupted(
    url: str, partial: pd.DataFrame | Callable[[], pd.DataFrame] | None, *, rows: int | None = None
) -> ReadInterrupted:
    """Return the error for a load that was stopped, with what had been read."""
    shown_url = redact_url(url)
    if rows is None:
        rows = len(partial) if isinstance(partial, pd.DataFrame) else 0
    return ReadInterrupted(
        f"Stopped. {rows:,} rows of {shown_url} had been read.",
        url=shown_url,
        partial=partial,
        next_step=_where_partial() if rows else None,
    )


def _where_partial() -> str:
    # An interpreter that somebody types at keeps its last exception; a script has it only where it catches it.
    return f"They are in {'sys.last_value' if hasattr(sys, 'ps1') else 'this exception'}.partial."
