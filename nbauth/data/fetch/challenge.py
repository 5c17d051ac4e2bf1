"""Claims challenges: what an API asks of a token besides its scopes (RFC 9470; Continuous Access Evaluation)."""

from __future__ import annotations

import base64
import binascii
import json
import re
from typing import Any

__all__ = ["asked_claims"]

_LARGEST = 8 * 1024
_LONGEST_HEADER = 16 * 1024
# A parameter, quoted or not, or else a word, which is the scheme of the next challenge (RFC 9110 §11.6.1).
_PART = re.compile(r"""([\w-]+)[ \t]*=[ \t]*(?:"((?:[^"\\]|\\.)*)"|([^\s,"]+))|([^\s,="]+)|.""", re.ASCII | re.DOTALL)
_ESCAPE = re.compile(r"\\(.)", re.DOTALL)
_AGE = re.compile(r"[0-9]{1,9}", re.ASCII)


def asked_claims(header: str) -> str | None:
    """Return the claims that a ``WWW-Authenticate`` header asks for.

    Only a ``Bearer`` challenge counts, with ``error="insufficient_claims"`` (Entra's) or
    ``error="insufficient_user_authentication"`` (RFC 9470 §3). Its ``authorization_uri`` is ignored: an API has no say
    in where people sign in.

    Args:
        header: the header's value; it may hold several challenges, as several headers joined by commas do.

    Returns:
        A JSON object as text (OpenID Connect Core §5.5), or None where nothing is asked or it cannot be read. RFC
        9470's ``acr_values`` become an essential claim of the ID token, and ``max_age`` a member of that name, which
        providers ignore there and a sign-in makes a parameter of.
    """
    if len(header) > _LONGEST_HEADER:
        return None
    for scheme, parameters in _challenges(header):
        if scheme != "bearer":
            continue
        error, claims = parameters.get("error"), None
        if error == "insufficient_claims":
            claims = _decoded(parameters.get("claims", ""))
        elif error == "insufficient_user_authentication":
            claims = _of_authentication(parameters)
        if claims:
            return json.dumps(claims)
    return None


def _challenges(header: str) -> list[tuple[str, dict[str, str]]]:
    challenges: list[tuple[str, dict[str, str]]] = []
    for name, quoted, plain, word in _PART.findall(header):
        if word:
            challenges.append((word.lower(), {}))
        elif name and challenges:
            # The first of two wins: what follows may be another's, put in through a value that it echoes.
            challenges[-1][1].setdefault(name.lower(), _ESCAPE.sub(r"\1", quoted) or plain)
    return challenges


def _decoded(encoded: str) -> dict[str, Any] | None:
    if not encoded or len(encoded) > _LARGEST:
        return None
    try:
        # Entra's samples show both alphabets, with and without padding.
        padded = encoded.rstrip("=").replace("-", "+").replace("_", "/")
        text = base64.b64decode(padded + "=" * (-len(padded) % 4), validate=True).decode()
        document = json.loads(text)
        json.dumps(document, allow_nan=False)
    except (binascii.Error, ValueError, RecursionError):
        return None
    return document if isinstance(document, dict) else None


def _of_authentication(parameters: dict[str, str]) -> dict[str, Any]:
    claims: dict[str, Any] = {}
    values = parameters.get("acr_values", "").split()
    if values and sum(map(len, values)) <= _LARGEST:
        claims["id_token"] = {"acr": {"essential": True, "values": values}}
    age = parameters.get("max_age", "")
    if _AGE.fullmatch(age):
        claims["max_age"] = int(age)
    return claims
