"""How a client's secret reaches the token endpoint: in the body, or by HTTP Basic (RFC 6749 §2.3.1)."""

from __future__ import annotations

import base64
import json
from typing import TYPE_CHECKING, Any, Literal, Protocol, Self, TypeVar
from urllib.parse import quote

import requests

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

__all__ = ["ClientSecret"]

_Way = Literal["client_secret_post", "client_secret_basic"]
_UNAUTHORIZED = 401  # RFC 9110 §15.5.2
_NOT_ALLOWED = (_UNAUTHORIZED, 403)  # RFC 9110 §15.5.4
_ABOUT_THE_CLIENT = ("invalid_client", "unauthorized_client")


class _Answer(Protocol):
    @property
    def status_code(self) -> int: ...
    @property
    def text(self) -> str: ...
    def with_text(self, text: str) -> Self: ...


A = TypeVar("A", bound=_Answer)


class ClientSecret:
    """Sends the token requests of one client in the way that its provider takes the secret.

    MSAL puts a secret into the body. Providers may take that; HTTP Basic is what they must take, and what a client is
    registered for where nothing else was said (RFC 7591 §2). What a discovery document lists is what the provider
    can do, and not what it has this client do. So a refused client is tried once more in the other way, and the way
    that was taken comes first from then on.
    """

    def __init__(self) -> None:
        self._ways: tuple[_Way, ...] = ("client_secret_post",)
        self._listed: object = None

    def choose(self, listed: object) -> None:
        """Choose the way that comes first; before this is called the body is the only one.

        Args:
            listed: ``token_endpoint_auth_methods_supported`` of the discovery document, or None.
        """
        listed = listed if isinstance(listed, list) else []
        if listed == self._listed:
            return  # what was found out since then stays
        self._listed = listed
        wants_basic = "client_secret_basic" in listed and "client_secret_post" not in listed
        self._ways = ("client_secret_post", "client_secret_basic")
        if wants_basic:
            self._ways = self._ways[::-1]

    def post(self, send: Callable[..., A], url: str, *, data: Any = None, **options: Any) -> A:
        """Send a POST; one whose `data` has no secret goes out as it is.

        Args:
            send: sends it: takes the URL, `data`, `headers` and the other options.
            url: where to.
            data: the form.
            options: what else `send` takes.
        """
        if not isinstance(data, dict) or not data.get("client_id") or not data.get("client_secret"):
            return send(url, data=data, **options)
        refused: list[A] = []
        ways = self._ways
        for way in ways:
            request = {**options, "data": data} if way == "client_secret_post" else _basic(data, options)
            try:
                answer = send(url, **request)
            except requests.RequestException as error:
                if getattr(error, "status", None) not in _NOT_ALLOWED or (way == ways[-1] and not refused):
                    raise
                continue  # a server before the token endpoint, and some providers, answer so with no error of OAuth's
            if not _is_refused(answer):
                if way != ways[0]:
                    self._ways = ways[::-1]
                return answer
            refused.append(answer)
        return _in_all_words(refused)


def _basic(data: Mapping[str, Any], options: Mapping[str, Any]) -> dict[str, Any]:
    """Return a request with client id and secret in its ``Authorization`` header, and neither in its body."""
    # Form-urlencoded first, so that a colon in the id ends nothing. %20, not +, for a blank: servers that decode
    # percent signs alone understand it, too.
    pair = ":".join(quote(str(data[name]), safe="") for name in ("client_id", "client_secret"))
    authorization = f"Basic {base64.b64encode(pair.encode()).decode()}"
    return {
        **options,
        "data": {name: value for name, value in data.items() if name not in ("client_id", "client_secret")},
        "headers": {**(options.get("headers") or {}), "Authorization": authorization},
    }


def _is_refused(answer: _Answer) -> bool:
    # 401 is for clients that are not who they say (RFC 6749 §5.2), whatever the error is called. Providers that mix up
    # the two errors about clients do not keep to the status either.
    return answer.status_code == _UNAUTHORIZED or json.loads(answer.text).get("error") in _ABOUT_THE_CLIENT


def _in_all_words(refused: list[A]) -> A:
    """Return the first refusal, with what the provider said to each way: one may be about the way alone."""
    documents = [json.loads(answer.text) for answer in refused]
    texts = (document.get("error_description") for document in documents)
    said = dict.fromkeys(text.rstrip(". ") for text in texts if isinstance(text, str) and text)
    if len(said) < 2 or "error_codes" in documents[0]:  # noqa: PLR2004 - Entra's texts differ in time and trace alone
        return refused[0]
    return refused[0].with_text(json.dumps({**documents[0], "error_description": "; ".join(said)}))
