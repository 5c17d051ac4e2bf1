"""Keeps secrets out of MSAL's log: at DEBUG it writes codes, verifiers and device codes as they are."""

from __future__ import annotations

import logging
import re

__all__ = ["RedactSecrets", "install"]

_NAMES = (
    "access_token|refresh_token|id_token|client_info|code|code_verifier|device_code|client_secret|client_assertion|"
    "assertion|state|nonce|password|username|login_hint"
)
_PATTERNS = (
    # "code": "…", 'code': '…' and code=…, in JSON, in a dict's repr and in a form
    (re.compile(rf"""(["']({_NAMES})["']\s*:\s*)(["'])(?:\\.|(?!\3).)*\3"""), r"\1\3***\3"),
    (re.compile(rf"""\b({_NAMES})=[^&\s"']+"""), r"\1=***"),
    (re.compile(r"eyJ[A-Za-z0-9_-]{8,}\.[A-Za-z0-9_-]{8,}(?:\.[A-Za-z0-9_-]*)?"), "***"),  # a JWT (RFC 7519)
)


class RedactSecrets(logging.Filter):
    """Replaces what looks like a secret in a record's text."""

    def filter(self, record: logging.LogRecord) -> bool:
        """Rewrite the record; keep it."""
        try:
            text = record.getMessage()
        except (TypeError, ValueError):
            return True  # a format that does not fit its arguments; logging itself reports it
        for pattern, replacement in _PATTERNS:
            text = pattern.sub(replacement, text)
        record.msg, record.args = text, None
        if record.exc_info and record.exc_info[1] is not None:
            # A traceback would quote the arguments' values in the message of the exception.
            record.exc_info = None
        return True


_FILTER = RedactSecrets()


def install() -> None:
    """Put the filter on every logger of MSAL; a filter of a parent does not see its children's records."""
    for name, logger in list(logging.root.manager.loggerDict.items()):
        if (name == "msal" or name.startswith("msal.")) and isinstance(logger, logging.Logger):
            logger.addFilter(_FILTER)  # adding it again changes nothing
