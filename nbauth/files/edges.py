"""The edges of a text that a person or a tool wrote: blanks, line breaks and byte order marks that no one meant."""

from __future__ import annotations

import os
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Mapping

__all__ = ["trimmed", "variable"]

# Beside what Python counts as a blank: the byte order mark of Windows' editors, blanks without a width that come along
# when a page is copied from, and the zero byte of a string in C.
_UNSEEN = "\ufeff\u200b\u2060\0"


def trimmed(text: str) -> str:
    """Return a text without the blanks at its edges, those that nobody sees included."""
    before = None
    while text != before:
        before, text = text, text.strip().strip(_UNSEEN)
    return text


def variable(name: str, environ: Mapping[str, str] = os.environ) -> str:
    """Return an environment variable without the blanks at its edges; empty where it is not set.

    ``echo id | base64`` in a Kubernetes secret and a ``.env`` file from Windows leave some.
    """
    return trimmed(environ.get(name, ""))
