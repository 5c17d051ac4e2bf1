from __future__ import annotations

import base64
import json

import pytest
from hypothesis import given
from hypothesis import strategies as st

from nbauth.data.fetch.challenge import asked_claims

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
def test_claims_in_every_form(header: str) -> None:
    """The claims come out of every way that APIs write them."""
    assert json.loads(asked_claims(header) or "null") == CLAIMS


OTHER = base64.b64encode(b'{"other": 1}').decode()


@pytest.mark.parametrize(
    "header",
    [
        f'Bearer error="insufficient_claims", claims="{STANDARD}", PoP error="invalid_token", nonce="n"',
        f'PoP error="insufficient_claims", claims="{OTHER}", Bearer error="insufficient_claims", claims="{STANDARD}"',
        f'Bearer error="invalid_token", Bearer error="insufficient_claims", claims="{STANDARD}"',
        f'Negotiate YIIabc==, Bearer realm="",error="insufficient_claims",claims="{STANDARD}"',
        f'Negotiate, Bearer error = "insufficient_claims" , claims = "{STANDARD}"',
        f'Bearer error="insufficient_claims", claims="{STANDARD}", claims="{OTHER}"',
        f'Bearer error="insufficient_claims", claims="%%", Bearer error="insufficient_claims", claims="{STANDARD}"',
        f'BEARER error="insufficient_claims", claims="{STANDARD.rstrip("=")}"',
        f'Bearer realm="error=\\"x\\", claims=", error="insufficient_claims", claims="{STANDARD}"',
        f'Bearer error_description="Say claims={OTHER}, error=none", error="insufficient_claims", claims="{STANDARD}"',
        f'bearer errorDescription="x", error="insufficient_claims", claims="{URLSAFE}"',
    ],
)
def test_several_challenges(header: str) -> None:
    """Each challenge is read by itself: the Bearer one counts, and of a parameter that stands twice the first."""
    assert json.loads(asked_claims(header) or "null") == CLAIMS


@pytest.mark.parametrize(
    ("parameters", "claims"),
    [
        ('acr_values="gold"', {"id_token": {"acr": {"essential": True, "values": ["gold"]}}}),
        ("acr_values=gold, max_age=0", {"id_token": {"acr": {"essential": True, "values": ["gold"]}}, "max_age": 0}),
        ('max_age="300"', {"max_age": 300}),
        ('max_age="-1"', None),
        ('max_age="1e9"', None),
        ('max_age="99999999999"', None),
        ('acr_values=" "', None),
        (f'acr_values="{"x" * 9000}"', None),
        ('scope="x"', None),
    ],
    ids=range(9),
)
def test_stronger_authentication(parameters: str, claims: dict[str, object] | None) -> None:
    """RFC 9470's parameters become claims; what makes no sense asks for nothing."""
    header = f'Bearer error="insufficient_user_authentication", {parameters}'
    assert json.loads(asked_claims(header) or "null") == claims


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
        f'Basic error="insufficient_claims", claims="{STANDARD}"',
        f'error="insufficient_claims", claims="{STANDARD}"',
        f'Bearer error="insufficient_claims", Basic claims="{STANDARD}"',
        'Bearer error="insufficient_claims", claims="eyJ4IjogTmFOfQ=="',  # {"x": NaN}
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
