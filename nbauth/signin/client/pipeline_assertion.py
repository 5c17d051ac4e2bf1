"""The assertion of a job in a pipeline: asked for at each token request, where the service's own variables say.

The request carries a secret of the job. So it goes over https only, follows no redirect, and goes nowhere that a
``.env`` of the notebook's tree may have named.
"""

from __future__ import annotations

import json
import os
from typing import TYPE_CHECKING, Any
from urllib.parse import urlencode

import requests
from requests.utils import get_environ_proxies

from nbauth.errors import ConfigError, ProviderUnavailable
from nbauth.files.edges import variable
from nbauth.files.tree import is_set_in_dotenv
from nbauth.net.origins import redact_url
from nbauth.net.redirects import NoRedirects
from nbauth.net.sanitize import clean
from nbauth.net.secrecy import can_be_sent, clears_frames
from nbauth.net.tls import Trust, TrustAdapter
from nbauth.signin.http.transport import without_request
from nbauth.signin.profile.secret_source import hidden

if TYPE_CHECKING:
    from collections.abc import Mapping
    from pathlib import Path

    from nbauth.net.secrecy import HiddenText
    from nbauth.signin.profile.pipeline_token import PipelineToken

__all__ = ["read"]

_CONNECT_S, _READ_S = 5.0, 15.0
_LARGEST = 256 * 1024
_LONGEST_WORDS = 200
_OK = 200
_NOT_SET = {
    "github_actions": "Give the job permissions: id-token: write, and run this there.",
    "azure_pipelines": "Give the step env: SYSTEM_ACCESSTOKEN: $(System.AccessToken), and run this there.",
}
_REFUSED = {
    "github_actions": "Check the job's permissions: id-token: write.",
    "azure_pipelines": "Check the id of the service connection, and that this pipeline may use it.",
}


@clears_frames
def read(token: PipelineToken, *, untrusted: Path, environ: Mapping[str, str] = os.environ) -> HiddenText:
    """Ask for the ID token.

    Args:
        token: which one.
        untrusted: the notebook's directory, from which nothing that decides on trust is taken.
        environ: the environment variables.

    Raises:
        ConfigError: this is no such job, or the address is not one that the job's secret may go to.
        ProviderUnavailable: the service does not answer, or refuses.
    """
    url, secret = _address(token, environ)
    try:
        with NoRedirects() as session, without_request():
            session.mount("https://", TrustAdapter(Trust.of_environment(untrusted=untrusted).context(())))
            with session.request(
                "GET" if token.service == "github_actions" else "POST",
                url,
                headers={
                    "Authorization": f"Bearer {secret.reveal()}",
                    "Accept": "application/json",
                    "Content-Type": "application/json",
                    "X-TFS-FedAuthRedirect": "Suppress",  # Azure DevOps would answer a refusal with a redirect
                },
                timeout=(_CONNECT_S, _READ_S),
                allow_redirects=False,
                stream=True,
                proxies=get_environ_proxies(url),
            ) as response:
                status, body = response.status_code, response.raw.read(_LARGEST + 1, decode_content=True)
    except (requests.RequestException, OSError):
        raise ProviderUnavailable(
            f"{token.key}: {redact_url(url)} does not answer with {token.described}.", next_step="Run the job again."
        ) from None
    given = _given(body) if status == _OK and len(body) <= _LARGEST else None
    if given is None:
        said = "" if status == _OK else clean(body[:_LARGEST].decode("utf-8", "replace"), _LONGEST_WORDS)
        raise ProviderUnavailable(
            f"{token.key}: {redact_url(url)} answered HTTP {status} without {token.described}{said and f': {said}'}.",
            next_step=_REFUSED[token.service],
            has_answered=True,
        )
    return hidden(given, f"{token.key}: {token.described}")


def _address(token: PipelineToken, environ: Mapping[str, str]) -> tuple[str, HiddenText]:
    address, secret = (variable(name, environ) for name in token.variables)
    for name, value in zip(token.variables, (address, secret), strict=True):
        if not value:
            raise ConfigError(
                f"{token.key}: {name} is not set, so that this is no job of {token.name} that may have an ID token.",
                next_step=_NOT_SET[token.service],
            )
        if is_set_in_dotenv(name, environ):
            raise ConfigError(
                f"{token.key}: a .env file in the notebook's tree sets {name}, which is {token.name}'s own to set.",
                next_step="Take that line out: it could name an address that is somebody else's.",
            )
    if not can_be_sent(secret):
        raise ConfigError(f"{token.key}: {token.variables[1]} holds what no request can carry.")
    if not address.lower().startswith("https://") or "@" in address:
        raise ConfigError(f"{token.key}: {token.variables[0]}: expected https://, found {redact_url(address)}.")
    if token.service == "github_actions":
        query = {"audience": token.argument}
    else:
        query = {"api-version": "7.1", "serviceConnectionId": token.argument}
    joint = "&" if "?" in address else "?"
    return f"{address.rstrip('/')}{joint}{urlencode(query)}", hidden(secret, f"{token.key}: {token.variables[1]}")


def _given(body: bytes) -> str | None:
    try:
        document: Any = json.loads(body)
    except (ValueError, RecursionError):
        return None
    given = document.get("value", document.get("oidcToken")) if isinstance(document, dict) else None
    return given if isinstance(given, str) and given else None
