"""What nbauth knows of MSAL beyond its documentation: looked at here with each of its releases.

`tests/signin/test_msal_internals.py` tries each name with the installed release, and holds `TRIED` against it. These
facts have no name to be tried; the tests of the module that relies on one show it:

- `TokenCache.add` gets all that a token endpoint answered, and `update_rt` a refresh token that comes in the place of
  another one (`client/token_cache`).
- Entries of a cache have `home_account_id`, `realm`, `target`, `secret`, `cached_at`, `expires_on`, and `refresh_on`
  (`client/token_cache`, `oidc/identity`, `tokens/account_tokens`).
- A result has `refresh_on` in the past where its token was to be renewed ahead, and was not (`tokens/msal_sources`).
- A person's scopes get `openid`, `profile` and `offline_access` (`client/application`).
- Azure's metadata service is asked for the region, up to 1.35 with ``format=text`` (`http/region`).
- A constructor raises `ValueError` for an authority that is not known, and `KeyError` for half a discovery document
  (`client/provider_errors`).
- At DEBUG codes and verifiers are logged as they are, by loggers below ``msal`` (`client/log_filter`).
"""

from __future__ import annotations

import logging
import re
from typing import TYPE_CHECKING, Any

import msal

from nbauth.process.tried_versions import TriedVersions, version_of

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

__all__ = [
    "ASKS_EACH_CLOUD",
    "HTTP_CACHE_INDEX",
    "TRIED",
    "WELL_KNOWN_HOSTS",
    "cached_get",
    "cached_response",
    "drop_gets",
    "endpoint_of",
    "http_cache_index",
    "http_client_of",
    "is_brokered",
    "is_of_id_token_checks",
    "key_makers_of",
    "move_endpoint",
    "note_release",
    "put_back",
]

logger = logging.getLogger(__name__)

TRIED = TriedVersions("msal", "1.35", "1.39")

# Microsoft's own hosts, which instance discovery vouches for.
WELL_KNOWN_HOSTS: frozenset[str] = frozenset(msal.authority.WELL_KNOWN_AUTHORITY_HOSTS)
# Up to 1.35 it asks the public cloud about every cloud.
ASKS_EACH_CLOUD = version_of(msal.__version__) >= (1, 36)

# The http cache, `msal.throttled_http_client` over `msal.individual_cache`

HTTP_CACHE_INDEX = "_index_"  # the key of its heap of expiry times
# The key of a GET that succeeded: its URL and a hash of its parameters.
_GET = re.compile(r"GET (?P<url>https://\S+) hash=[0-9a-f]{64} 2xx")


def cached_get(key: str) -> str | None:
    """Return the URL of a GET that succeeded, by its key in the http cache; None for every other key."""
    match = _GET.fullmatch(key)
    return match["url"] if match else None


def cached_response(response: Any) -> Any:
    """Return a response in the form that the http cache keeps."""
    from msal.throttled_http_client import NormalizedResponse

    return NormalizedResponse(response)


def http_cache_index(times: Mapping[str, tuple[int, int]]) -> tuple[list[list[Any]], dict[str, list[int]]]:
    """Return the index of an http cache.

    Args:
        times: for each key when it expires and when it was made, in seconds since the epoch.
    """
    # A sorted list is a heap.
    heap = sorted([expires_at, created_at, key] for key, (expires_at, created_at) in times.items())
    return heap, {key: [expires_at, created_at] for key, (expires_at, created_at) in times.items()}


def drop_gets(cache: dict[str, Any], url: str) -> dict[str, tuple[Any, Any]]:
    """Drop the answers to a URL from an http cache, so that the next GET asks again.

    Returns:
        What was dropped, for `put_back`.
    """
    heap, times = cache.get(HTTP_CACHE_INDEX, ([], {}))
    keys = [key for key in cache if key.startswith(f"GET {url} ")]
    dropped = {key: (cache.pop(key), times.pop(key, None)) for key in keys}
    cache[HTTP_CACHE_INDEX] = heap, times
    return dropped


def put_back(cache: dict[str, Any], dropped: Mapping[str, tuple[Any, Any]]) -> None:
    """Put what `drop_gets` dropped back into an http cache."""
    heap, times = cache.get(HTTP_CACHE_INDEX, ([], {}))
    for key, (response, when) in dropped.items():
        if when is not None:
            dict.__setitem__(cache, key, response)  # an answer of before is nothing new to be stored
            times[key] = when
    cache[HTTP_CACHE_INDEX] = heap, times


# Client applications


def note_release() -> None:
    """Log that this release of MSAL was not tried, if it was not."""
    TRIED.note(msal.__version__, logger)


def http_client_of(application: msal.ClientApplication) -> Any:
    """Return the `http_client` that an application was made with; MSAL wraps it."""
    return application.http_client.http_client


def endpoint_of(application: msal.ClientApplication, url: str) -> str | None:
    """Return the discovery document's word for an endpoint that an application asks at a URL, or None."""
    names = ("token_endpoint", "device_authorization_endpoint")
    return next((name for name in names if getattr(application.authority, name, None) == url), None)


def move_endpoint(application: msal.ClientApplication, name: str, url: str) -> None:
    """Have an application ask an endpoint at another URL. MSAL reads them when it is made, and never again."""
    setattr(application.authority, name, url)
    application.client.configuration[name] = url


def obtain_token(application: msal.ClientApplication, grant_type: str, form: Mapping[str, str]) -> dict[str, Any]:
    """Send a token request of a grant that MSAL does not know, with the application's credential.

    Args:
        application: the client application.
        grant_type: the grant.
        form: what the request says besides.

    Returns:
        The provider's answer.
    """
    answer: dict[str, Any] = application.client._obtain_token(grant_type, data=dict(form))  # noqa: SLF001
    return answer


def is_brokered(application: msal.ClientApplication) -> bool:
    """Tell whether MSAL found a broker on this machine; where not, it signs in without."""
    return bool(getattr(application, "_enable_broker", False))


def is_of_id_token_checks(error: BaseException) -> bool:
    """Tell whether MSAL's own look at an ID token raised an error. Before 1.38 it lets through whatever it meets."""
    last = error.__traceback__
    while last is not None and last.tb_next is not None:
        last = last.tb_next
    return last is not None and last.tb_frame.f_globals.get("__name__") == "msal.oauth2cli.oidc"


# Token caches


def key_makers_of(cache: msal.TokenCache) -> dict[str, Callable[..., str]]:
    """Return what makes the keys of a token cache's entries, by the kind of entry.

    Raises:
        ConfigError: this release has none. Without them one person's tokens could overwrite another's.
    """
    makers: dict[str, Callable[..., str]] | None = vars(cache).get("key_makers")
    if makers is None:
        raise TRIED.missing("TokenCache.key_makers", msal.__version__)
    return makers
