from __future__ import annotations

import base64
import json

import pytest
from hypothesis import given
from hypothesis import strategies as st

from nbauth.data.challenge import asked_claims

CLAIMS = {"access_token": {"acrs": {"essential": True, "value": "c1"}}, "x": "?>~ü"}
TEXT = json.dumps(CLAIMS, ensure_ascii=False).encode()
STANDARD = base64.b64encode(TEXT).decode()
URLSAFE = base64.urlsafe_b64encode(TEXT).decode().rstrip("=")


@pytest.mark.parametrize(
    "header",
    [
        f'Bearer realm="", authorization_uri="https://evil.example/", error="insufficient_claims", claims="{STANDARD}"',
        f'Bearer error="insufficient_claims",claims="{URLSAFE}"',
        f"Bearer error=insufficient_claims, claims={URLSAFE}",
        f'Basic realm="a \\"quoted\\" one", Bearer CLAIMS="{STANDARD}", ERROR="insufficient_claims"',
    ],
)
def test_asked(header: str) -> None:
    """The claims come out of every way that APIs write them."""
    assert json.loads(asked_claims(header) or "null") == CLAIMS


@pytest.mark.parametrize(
    "header",
    [
        "",
        'Bearer error="invalid_token"',
        f'Bearer error="invalid_token", claims="{STANDARD}"',
        'Bearer error="insufficient_claims"',
        'Bearer error="insufficient_claims", claims="%%%"',
        f'Bearer error="insufficient_claims", claims="{base64.b64encode(b"[]").decode()}"',
        f'Bearer error="insufficient_claims", claims="{base64.b64encode(b"{}").decode()}"',
        f'Bearer error="insufficient_claims", claims="{base64.b64encode(b"[" * 5000).decode()}"',
        f'Bearer error="insufficient_claims", claims="{"A" * 9000}"',
        f'Bearer error="insufficient_claims", x="{"y" * 20_000}", claims="{STANDARD}"',
    ],
)
def test_not_asked(header: str) -> None:
    """What asks for nothing, is too large or cannot be read asks for nothing."""
    assert asked_claims(header) is None


@given(st.text(max_size=300))
def test_whatever_an_api_sends(text: str) -> None:
    """No header makes it raise, and what comes out is a JSON object."""
    for header in (text, f'Bearer error="insufficient_claims", claims="{text}"'):
        claims = asked_claims(header)
        assert claims is None or isinstance(json.loads(claims), dict)
