"""A stand-in for the system's broker, with the names that MSAL's broker module uses."""

from __future__ import annotations

import json
import threading
import time
from types import SimpleNamespace
from typing import Any

import jwt

LogLevel = SimpleNamespace(TRACE=1, DEBUG=2, FATAL=6)
Response_Status = SimpleNamespace(Status_AccountUnusable="unusable", Status_InteractionRequired="interaction")
person: Any = None  # called with the scopes; returns a token answer, or an error's text
hints: list[Any] = []
never = threading.Event()


def register_logging_callback(callback: Any) -> None:
    """Log nothing."""


def set_is_pii_enabled(flag: int) -> None:
    """Log nothing personal."""


def get_console_window() -> int:
    """Return the console's window."""
    return 1


class CallbackData:
    """Where a result arrives."""

    def __init__(self, is_interactive: bool = False) -> None:  # noqa: FBT001, FBT002 - the package's own signature
        self.signal = threading.Event()
        self.result: Any = None

    def complete(self, result: Any) -> None:
        """Take the result."""
        self.result = result
        self.signal.set()


class MSALRuntimeAuthParameters:
    """What a sign-in asks for."""

    def __init__(self, client_id: str, authority: str) -> None:
        self.scopes: list[str] = []

    def set_requested_scopes(self, scopes: Any) -> None:
        """Take the scopes."""
        self.scopes = list(scopes)

    def set_additional_parameter(self, key: str, value: str) -> None:
        """Take anything else."""

    set_redirect_uri = set_decoded_claims = lambda self, value: None


class _Error:
    def __init__(self, text: str) -> None:
        self.get_context = lambda: text
        self.get_status = lambda: "interaction" if text == "nobody" else "failed"
        self.get_error_code = lambda: 1
        self.get_tag = lambda: 2


class _Result:
    def __init__(self, answer: Any) -> None:
        failed = isinstance(answer, str)
        claims = {} if failed else jwt.decode(answer["id_token"], options={"verify_signature": False})
        account = SimpleNamespace(
            get_client_info=lambda: answer["client_info"], get_account_id=lambda: claims.get("oid", "")
        )
        self.get_telemetry_data = dict
        self.get_error = lambda: _Error(answer) if failed else None
        self.get_id_token = lambda: json.dumps(claims)
        self.get_raw_id_token = lambda: answer["id_token"]
        self.get_account = lambda: account
        self.is_pop_authorization = lambda: False
        self.get_access_token = lambda: answer["access_token"]
        self.get_access_token_expiry_time = lambda: int(time.time()) + int(answer["expires_in"])
        self.get_granted_scopes = answer["scope"].split if not failed else list


def signin_interactively(window: int, params: Any, correlation_id: str, login_hint: Any, callback: Any) -> None:
    """Ask the person in a window of its own."""
    hints.append(login_hint)
    if person is None:
        return  # the person never answers
    threading.Thread(target=lambda: callback(_Result(person(params.scopes))), daemon=True).start()


def signin_silently(params: Any, correlation_id: str, callback: Any) -> None:
    """Find nobody."""
    callback(_Result("nobody"))
