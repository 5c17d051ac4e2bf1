"""Text that others wrote, made fit to be shown and saved: one line, shortened, without what looks like a secret."""

from __future__ import annotations

import re

from nbauth.net.origins import redact_url

__all__ = ["clean", "visible"]

_LONGEST = 300
_MOST_CHARACTERS = 4_000
_SECRETS = (
    re.compile(r"eyJ[\w-]{8,}(?:\.[\w-]*)*"),  # a JWT (RFC 7519), or the start of one
    re.compile(r"(?i)(?<=\bbearer )[^\s\"',;]+"),
    re.compile(
        r"""(?ix) \b (?:\w*token|\w*secret|password|passwd|pwd|sig|signature|code|assertion|\w*api[_-]?key)
        ["']?\s*[:=]\s*["']?(?!\s) ([^\s"'&,;}]{6,})"""
    ),
)
_RUN = re.compile(r"[\w+/=~-]{40,}")  # longer than a GUID, which support asks for
_URL = re.compile(r"https?://[^\s\"'<>]+")
_SPACES = re.compile(r"[\s\x00-\x1f\x7f-\x9f]+")


def visible(text: str) -> str:
    """Return a text with a sign in the place of each character that moves a terminal's cursor, colours or reorders."""
    return "".join(c if c.isprintable() else "\ufffd" for c in text)


def clean(text: str, longest: int = _LONGEST) -> str:
    """Return text of an API or a provider on one line, shortened, without what looks like a secret.

    Characters that are not printable go: they move a terminal's cursor, or reorder what is shown.
    """
    if len(text) > _MOST_CHARACTERS:
        # Bounds what the patterns cost. What the cut left of the last word may be too short to look like a secret.
        text = text[:_MOST_CHARACTERS].rpartition(" ")[0]
    # First, because a character that nobody sees would hide a secret from the patterns.
    text = "".join(c for c in _SPACES.sub(" ", text) if c.isprintable()).strip()
    text = _URL.sub(lambda url: redact_url(url[0]), text)
    for pattern in _SECRETS:
        text = pattern.sub(lambda match: match[0].replace(match[match.re.groups], "***"), text)
    text = _RUN.sub(lambda run: "***" if _is_opaque(run[0]) else run[0], text)
    return text if len(text) <= longest else f"{text[: longest - 1]}…"


def _is_opaque(run: str) -> bool:
    """Tell a token or a key, of letters and digits, from a long word and from a path."""
    if "/" in run and (run.startswith("/") or "-" in run):
        return any(_is_opaque(part) for part in _RUN.findall(run.replace("/", " ")))
    return any(map(str.isdigit, run)) and any(map(str.isalpha, run))
