"""A JSON document of a source's own API, asked for with the source's own token: bounded, and without redirects."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Any

import requests

from nbauth.errors import ProviderUnavailable
from nbauth.net.origins import redact_url
from nbauth.net.redirects import NoRedirects
from nbauth.net.secrecy import can_be_sent
from nbauth.signin.http.transport import without_request
from nbauth.signin.sources.source import wrong

if TYPE_CHECKING:
    from nbauth.net.secrecy import HiddenText
    from nbauth.signin.sources.source import Wish

__all__ = ["get_document"]

_CONNECT_S, _READ_S = 5.0, 20.0
_LARGEST = 1024 * 1024
_OK = 200


def get_document(
    wish: Wish,
    url: str,
    *,
    scheme: str,
    secret: HiddenText,
    refused: tuple[int, ...] = (),
    authority: str = "",
    certificate: tuple[str, str] | None = None,
) -> dict[str, Any] | int:
    """Ask for a document.

    Args:
        wish: for whose sake.
        url: where.
        scheme: how the source calls its tokens in the header.
        secret: the token.
        refused: statuses that are returned in the place of a document.
        authority: path of the certificate authorities to trust; empty for the usual ones.
        certificate: paths of this client's own certificate and key.

    Raises:
        SignInFailed: no request can carry the token.
        ProviderUnavailable: it does not answer, or with something else.
    """
    shown = redact_url(url)
    if not can_be_sent(secret):
        raise wrong(wish, shown, "is not asked, since the token for it is one that no request can carry")
    try:
        with (
            NoRedirects() as session,
            without_request(),
            session.get(
                url,
                headers={"Authorization": f"{scheme} {secret.reveal()}", "Accept": "application/json"},
                timeout=(_CONNECT_S, _READ_S),
                allow_redirects=False,
                stream=True,
                verify=authority or True,
                cert=certificate,
            ) as response,
        ):
            status, body = response.status_code, response.raw.read(_LARGEST + 1, decode_content=True)
    except (requests.RequestException, OSError):
        raise ProviderUnavailable(
            f"Profile {wish.profile.name!r}: {shown} does not answer.", next_step="Try again, or restart the server."
        ) from None
    if status in refused:
        return int(status)
    try:
        document: Any = json.loads(body) if status == _OK and len(body) <= _LARGEST else None
    except (ValueError, RecursionError):
        document = None
    if not isinstance(document, dict):
        raise ProviderUnavailable(
            f"Profile {wish.profile.name!r}: {shown} answered HTTP {status} without the document that it has there.",
            next_step="Try again.",
            has_answered=True,
        )
    return document
