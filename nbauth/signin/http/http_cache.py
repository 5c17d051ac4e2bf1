"""MSAL's ``http_cache``, persisted in the notebook's directory, safe to share that directory with strangers.

One small authenticated JSON file, ``.nbauth/http_cache``. It keeps only what is public: answers to discovery and
key-set GETs. What somebody else wrote, what is too old, and what names hosts that are not the provider's is ignored.
"""

from __future__ import annotations

import contextlib
import json
import logging
import re
import time
from typing import TYPE_CHECKING, Any
from urllib.parse import urlsplit

from nbauth.net.origins import host_of, is_loopback
from nbauth.signin import msal_internals
from nbauth.signin.http.stored_answer import LONGEST_S, StoredAnswer
from nbauth.signin.http.transport import Answer

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator
    from pathlib import Path

    from nbauth.signin.http.http_cache_file import HttpCacheFile

__all__ = ["ENDPOINT_KEYS", "HttpCache", "endpoints_allowed", "refused_endpoints"]

logger = logging.getLogger(__name__)

FORGET_AGAIN_S = 60.0
_DISCOVERY_PATH = re.compile(
    r"/\.well-known/openid-configuration$|/discovery/(v2\.0/)?keys$|/common/discovery/instance$|/(jwks|certs|keys)[^/]*$"
)
ENDPOINT_KEYS = (
    "authorization_endpoint",
    "token_endpoint",
    "device_authorization_endpoint",
    "end_session_endpoint",
    "jwks_uri",
    "tenant_discovery_endpoint",  # of instance discovery
)
# A person's browser goes to these; on loopback they may be plain http, as a local provider's are.
_BROWSER_KEYS = ("authorization_endpoint", "end_session_endpoint")


def endpoints_allowed(document: Any, allowed_hosts: frozenset[str]) -> bool:
    """Tell whether every endpoint that a discovery document names is on one of the provider's own hosts."""
    if not isinstance(document, dict) or refused_endpoints(document, allowed_hosts):
        return False
    return _aliases_allowed(document.get("metadata"), allowed_hosts)


def refused_endpoints(document: dict[str, Any], allowed_hosts: frozenset[str]) -> dict[str, Any]:
    """Return the endpoints of a discovery document, by their key, that are nowhere where sign-in may go."""
    named = {key: document[key] for key in ENDPOINT_KEYS if document.get(key) is not None}
    return {
        key: url
        for key, url in named.items()
        if not isinstance(url, str) or not _endpoint_allowed(key, url, allowed_hosts)
    }


def _aliases_allowed(metadata: Any, allowed_hosts: frozenset[str]) -> bool:
    """Tell whether instance discovery calls no other host an alias of ours; what it says of other clouds is nothing."""
    if metadata is None:
        return True
    try:
        groups = [{host_of(f"https://{alias}") for alias in group["aliases"]} for group in metadata]
    except (TypeError, KeyError, ValueError):
        return False
    return all(group <= allowed_hosts for group in groups if group & allowed_hosts)


def _endpoint_allowed(key: str, url: str, allowed_hosts: frozenset[str]) -> bool:
    try:
        host = host_of(url)
    except ValueError:
        return False
    if url.lower().startswith("https://") and host in allowed_hosts:
        return True
    loopback_provider = any(is_loopback(f"https://{allowed}") for allowed in allowed_hosts)
    return key in _BROWSER_KEYS and loopback_provider and is_loopback(url)


class HttpCache(dict[str, Any]):
    """The dict that one MSAL application gets as its ``http_cache``.

    Everything works in memory as MSAL expects. Discovery answers also come from, and go to, the file.

    Args:
        file: the persisted file, or None for memory only.
        allowed_hosts: ``host:port`` of the provider's hosts; entries that name others are left out.
        trust: stands for the certificate authorities beside the usual ones. What a server said that these vouched for
            is nothing to a profile that does not trust them: it could name false keys.
    """

    def __init__(self, file: HttpCacheFile | None, allowed_hosts: frozenset[str], *, trust: str = "") -> None:
        super().__init__()
        self._file = file
        self._mark = f" trust={trust}" if trust else ""
        self._allowed_hosts = allowed_hosts
        self._forgotten: dict[str, float] = {}
        if file is not None:
            self._fill(file.load().items())

    def _fill(self, stored: Iterable[tuple[str, StoredAnswer]]) -> None:
        now = int(time.time())
        times: dict[str, tuple[int, int]] = {}
        for marked, answer in stored:
            key = marked.removesuffix(self._mark)
            if marked != key + self._mark:
                continue
            if answer.is_fresh(now) and self._acceptable(key, answer.text):
                headers = {"content-type": "application/json"}
                super().__setitem__(key, msal_internals.cached_response(Answer(200, answer.text, headers)))
                times[key] = answer.expires_at, answer.created_at
        # Rebuilt, never loaded: a stored index could deny sign-in for years.
        super().__setitem__(msal_internals.HTTP_CACHE_INDEX, msal_internals.http_cache_index(times))

    def __setitem__(self, key: str, value: Any) -> None:
        """Keep an answer; write it to the file where it is public and passes the checks."""
        super().__setitem__(key, value)
        if self._file is None or getattr(value, "status_code", 0) != 200:  # noqa: PLR2004
            return
        if self._acceptable(key, value.text):
            now = int(time.time())
            self._file.store(key + self._mark, StoredAnswer(value.text, now, now + LONGEST_S))

    @contextlib.contextmanager
    def anew(self, url: str, *, kept: bool = True) -> Iterator[bool]:
        """Have a GET of a URL ask the provider again.

        Args:
            url: of what.
            kept: where that fails, what was cached stays; or else the next GET asks again, and fails as that one.

        Yields:
            False, and then nothing is asked again, where that was done within the last minute: a token that names a key
            of somebody's fancy is not to make us ask without end.
        """
        now = time.monotonic()
        if now < self._forgotten.get(url, -FORGET_AGAIN_S) + FORGET_AGAIN_S:
            yield False
            return
        self._forgotten[url] = now
        dropped = msal_internals.drop_gets(self, url)
        try:
            yield True
        except BaseException:
            if kept:
                msal_internals.put_back(self, dropped)
            raise

    def forget(self, url: str) -> None:
        """Drop the answers to a URL, here and for later kernels, so that whoever needs it next asks the provider."""
        dropped = msal_internals.drop_gets(self, url)
        if self._file is not None and dropped:
            self._file.drop(key + self._mark for key in dropped)

    @property
    def place(self) -> Path | None:
        """The file that keeps the answers for later kernels, if there is one."""
        return None if self._file is None else self._file.path

    def _acceptable(self, key: str, text: str) -> bool:
        url = msal_internals.cached_get(key)
        if url is None or not _DISCOVERY_PATH.search(urlsplit(url).path):
            return False
        try:
            document = json.loads(text)
            known = host_of(url) in self._allowed_hosts
        except (ValueError, RecursionError):
            return False
        if not isinstance(document, dict):
            return False
        if urlsplit(url).path.endswith("/discovery/instance") and "tenant_discovery_endpoint" not in document:
            return False  # what stands in for an answer that could not be had
        return known and endpoints_allowed(document, self._allowed_hosts)
