"""How a token, or why there is none, goes from the process that signed in to one that asks it: as JSON.

Times go as seconds that are left, since two machines agree on neither clock.
"""

from __future__ import annotations

import dataclasses
import json
import time
from typing import Any

from nbauth import errors, next_step
from nbauth.errors import NbauthError, ProviderAnswer
from nbauth.net.secrecy import HiddenText
from nbauth.signin.tokens.access_token import AccessToken

__all__ = ["error_reply", "request_for", "token_of", "token_reply"]


def request_for(
    profile: str,
    account: str,
    scopes: tuple[str, ...],
    *,
    rejected_digest: str | None,
    claims: str | None,
    life_s: float,
) -> bytes:
    """Return the request for a token, whose arguments are those of `Lender.ask`."""
    request = {
        "profile": profile,
        "account": account,
        "scopes": scopes,
        "rejected_digest": rejected_digest,
        "claims": claims,
        "life_s": life_s,
    }
    return json.dumps(request).encode()


def token_reply(token: AccessToken) -> dict[str, Any]:
    """Return the reply that carries a token. It holds the token itself, so that it is for one process alone."""
    now = time.monotonic()
    return {
        "token": {
            "secret": token.secret.reveal(),
            "left_s": min(token.expires_monotonic - now, token.expires_at - time.time()),
            "margin_s": token.margin_s,
            "claims": token.claims,
            "forced_s": None if token.forced_at is None else now - token.forced_at,
        }
    }


def error_reply(error: NbauthError) -> dict[str, Any]:
    """Return the reply that carries an error."""
    details = {name: value for name, value in vars(error).items() if name != "step"}
    details["next_step"] = next_step.to_json(error.step)
    details["answer"] = error.answer and dataclasses.asdict(error.answer)
    return {"error": type(error).__name__, "message": error.args[0], "details": details}


def token_of(reply: dict[str, Any], *, asked_at: float) -> AccessToken | None:
    """Return the token of a reply, or None where it says no more than that there is none.

    Args:
        reply: what `token_reply` or `error_reply` made, or nothing.
        asked_at: when it was asked for, on the monotonic clock: the way takes of the token's life.

    Raises:
        NbauthError: as it was raised by who was asked.
    """
    if "error" in reply:
        raise _error(reply)
    if "token" not in reply:
        return None
    told = reply["token"]
    on_its_way_s = time.monotonic() - asked_at
    return AccessToken(
        HiddenText(told["secret"]),
        time.time() - on_its_way_s + told["left_s"],
        asked_at + told["left_s"],
        told["margin_s"],
        told["claims"],
        None if told["forced_s"] is None else asked_at - told["forced_s"],
    )


def _error(reply: dict[str, Any]) -> NbauthError:
    details = {name: value for name, value in reply["details"].items() if value is not None}
    if "scopes" in details:
        details["scopes"] = tuple(details["scopes"])
    if "answer" in details:
        details["answer"] = ProviderAnswer(**details["answer"])
    details["next_step"] = next_step.from_json(details.get("next_step"))
    kind = getattr(errors, reply["error"])
    assert issubclass(kind, NbauthError)
    error: NbauthError = kind(reply["message"], **details)
    return error
