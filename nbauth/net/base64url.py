"""Base64 as URLs and JSON Web Tokens have it: two other signs, and no padding (RFC 4648 §5, RFC 7515 §2)."""

from __future__ import annotations

import base64

__all__ = ["decode", "encode"]


def decode(text: str) -> bytes:
    """Return the bytes that a text encodes.

    Raises:
        ValueError: it is no base64url.
    """
    return base64.urlsafe_b64decode(f"{text}{'=' * (-len(text) % 4)}")


def encode(data: bytes) -> str:
    """Return the text that stands for bytes."""
    return base64.urlsafe_b64encode(data).rstrip(b"=").decode()
