"""What a token endpoint answers, looked at before MSAL does: MSAL believes every type (RFC 6749 §5)."""

from __future__ import annotations

import json
import math
import re
from typing import TYPE_CHECKING, Any

from nbauth.net import base64url
from nbauth.net.secrecy import can_be_sent

if TYPE_CHECKING:
    from collections.abc import Iterator

__all__ = ["is_deep", "problem"]

_DIGITS = re.compile(r"[0-9]{1,10}", re.ASCII)
_LONGEST_S = 2**31 - 1  # 68 years; what is more is no time that a clock can show
_MOST_DEPTH = 32
# MSAL adds these up as they come: of `refresh_in` it takes a number only, of the others also a number as text.
_TIMES = ("expires_in", "ext_expires_in", "refresh_in")


def problem(document: dict[str, Any]) -> str | None:
    """Return what is wrong with an answer to a token request, or None.

    Nothing of its content is in the message.
    """
    if "error" in document:
        error = document["error"]
        return None if isinstance(error, str) and error else "with an error that is not text"
    return next((wrong for look in (_of_the_token, _of_times, _of_the_person) for wrong in look(document)), None)


def _of_the_token(document: dict[str, Any]) -> Iterator[str]:
    if document.get("access_token") is None:
        yield "with neither an access token nor an error"
    if not can_be_sent(document.get("access_token")):
        yield "with an access_token that cannot be one"
    if str(document.get("token_type", "Bearer")).lower() != "bearer":
        yield "with a token_type that is not Bearer"
    if not can_be_sent(document.get("refresh_token", "-")):
        yield "with a refresh_token that is not text"
    if not isinstance(document.get("scope", ""), str):
        yield "with scope that is not text"


def _of_times(document: dict[str, Any]) -> Iterator[str]:
    for name in _TIMES:
        if name in document and not _is_time(document[name], as_text=name != "refresh_in"):
            yield f"with {name} that is no number of seconds"
    # MSAL reads it even where it does not need it.
    if not _is_time(document.get("expires_on") or 0, as_text=True, most=2**40):
        yield "with expires_on that is no time"


def _of_the_person(document: dict[str, Any]) -> Iterator[str]:
    if "id_token" in document and not _is_id_token(document["id_token"]):
        yield "with id_token that cannot be read"
    if "client_info" in document and not _is_object_of_texts(document["client_info"], ("uid", "utid")):
        yield "with client_info that cannot be read"


def _is_id_token(value: Any) -> bool:
    parts = value.split(".") if isinstance(value, str) else []
    # RFC 7515 §3.1; OpenID Connect Core §2
    return len(parts) == 3 and _is_object_of_texts(parts[1], ("sub",), required=True)  # noqa: PLR2004


def _is_object_of_texts(encoded: Any, names: tuple[str, ...], *, required: bool = False) -> bool:
    """Tell whether base64url holds a JSON object with texts of these names; whether they are true is for others."""
    try:
        document = json.loads(base64url.decode(encoded))
    except (TypeError, ValueError, RecursionError):
        return False
    if not isinstance(document, dict) or is_deep(document):
        return False
    return all(isinstance(document.get(name, None if required else ""), str) for name in names)


def _is_time(value: Any, *, as_text: bool, most: float = _LONGEST_S) -> bool:
    if isinstance(value, str) and as_text and _DIGITS.fullmatch(value):
        value = int(value)
    if isinstance(value, bool) or not isinstance(value, int | float):
        return False
    return math.isfinite(value) and 0 <= value <= most if isinstance(value, float) else 0 <= value <= most


def is_deep(document: Any) -> bool:
    """Tell whether JSON is nested deeper than any provider's, which whoever reads it next may have no stack for."""
    level = [document]
    for _ in range(_MOST_DEPTH):
        level = [
            child
            for value in level
            if isinstance(value, dict | list)
            for child in (value.values() if isinstance(value, dict) else value)
        ]
        if not level:
            return False
    return True
