"""Claims challenges: what an API asks of a token besides its scopes (RFC 9470; Continuous Access Evaluation)."""

from __future__ import annotations

import base64
import binascii
import json
import re

__all__ = ["asked_claims"]

_LARGEST = 8 * 1024
_LONGEST_HEADER = 16 * 1024
# One parameter of a challenge (RFC 9110 §11.2), quoted or not.
_PARAMETER = re.compile(r"""([A-Za-z][\w-]*)\s*=\s*(?:"((?:[^"\\]|\\.)*)"|([^\s,"]+))""")


def asked_claims(header: str) -> str | None:
    """Return the claims that a ``WWW-Authenticate`` header asks for.

    Only ``error="insufficient_claims"`` counts. Its ``authorization_uri`` is ignored: an API has no say in where
    people sign in.

    Args:
        header: the header's value; it may hold several challenges.

    Returns:
        A JSON object as text (OpenID Connect Core §5.5), or None where nothing is asked or it cannot be read.
    """
    if len(header) > _LONGEST_HEADER:
        return None
    parameters = {name.lower(): quoted or plain for name, quoted, plain in _PARAMETER.findall(header)}
    if parameters.get("error") != "insufficient_claims":
        return None
    encoded = parameters.get("claims", "").replace("\\", "")
    if not encoded or len(encoded) > _LARGEST:
        return None
    try:
        # Entra's samples show both alphabets, with and without padding.
        padded = encoded.replace("-", "+").replace("_", "/") + "=" * (-len(encoded) % 4)
        text = base64.b64decode(padded, validate=True).decode()
        document = json.loads(text)
    except (binascii.Error, ValueError, RecursionError):
        return None
    return json.dumps(document) if isinstance(document, dict) and document else None
