from __future__ import annotations

import pytest

from nbauth.net import base64url


@pytest.mark.parametrize(("data", "text"), [(b"", ""), (b"\xfb\xff", "-_8"), (b"a", "YQ"), (b"abc", "YWJj")])
def test_both_ways(data: bytes, text: str) -> None:
    """Bytes are a text without padding, and the text is the bytes again."""
    assert base64url.encode(data) == text
    assert base64url.decode(text) == data


@pytest.mark.parametrize("text", ["A", "\u00e4\u00e4\u00e4\u00e4"])
def test_no_base64url(text: str) -> None:
    """A text that no bytes have is an error."""
    with pytest.raises(ValueError, match=r"."):
        base64url.decode(text)
