from __future__ import annotations

import json
from typing import TYPE_CHECKING, Any

import pytest

import nbauth
from nbauth.errors import ProviderUnavailable
from nbauth.signin.http.refusal import words

if TYPE_CHECKING:
    from nbauth.demo.server import DemoServer

JSON = {"content-type": "application/json"}
TOKEN = "eyJhbGciOiJSUzI1NiJ9.eyJzdWIiOiJhbGljZSJ9.c2lnbmF0dXJl"


@pytest.mark.parametrize(
    ("document", "said"),
    [
        ({"errorCode": "E0000006", "errorSummary": "You may not."}, "You may not."),
        ({"message": "No."}, "No."),
        ({"Message": "No.", "stack": "at x"}, "No."),
        ({"type": "about:blank", "title": "Forbidden", "status": 403, "detail": "Not you."}, "Forbidden: Not you."),
        ({"error": {"code": 403, "message": "Not enabled.", "status": "DENIED"}}, "Not enabled."),
        ({"errors": [{"code": 1, "message": "One."}, {"message": "Two."}]}, "One.: Two."),
        ({"errcode": 40029, "errmsg": "invalid code"}, "invalid code"),
        ({"detail": [{"loc": ["body"], "msg": "field required"}]}, "field required"),
        ("Forbidden", "Forbidden"),
        ({"id": "x", "ok": False}, ""),
        ({"message": 7}, ""),
        ([], ""),
    ],
)
def test_members_that_hold_words(document: Any, said: str) -> None:
    """The words of a JSON answer are those of the members that are named for them, wherever they stand."""
    assert words(json.dumps(document), JSON) == said


@pytest.mark.parametrize(
    ("body", "headers", "said"),
    [
        ("Bad client.", {"content-type": "text/plain; charset=utf-8"}, "Bad client."),
        ("<html><head><TITLE lang=en>403 &amp; no\n more</title>", {"content-type": "text/html"}, "403 & no more"),
        ("<html><p>No title", {"content-type": "text/html"}, ""),
        ("", {}, ""),
        ("\0\1", {"content-type": "application/octet-stream"}, ""),
        (
            "",
            {"www-authenticate": 'Bearer error="invalid_client", error_description="Unknown client"'},
            "Unknown client",
        ),
    ],
)
def test_words_elsewhere(body: str, headers: dict[str, str], said: str) -> None:
    """Plain text is shown as it is, of a page its title, and of a challenge its description."""
    assert words(body, headers) == said


def test_nothing_secret() -> None:
    """Words are one short printable line without what looks like a token, however large the answer is."""
    for body in (
        json.dumps({"message": f"The token {TOKEN}\r\n\x1b[31m is not valid " + "x" * 10_000}),
        "<title" * 150_000,
    ):
        said = words(body, JSON)
        assert len(said) <= 200
        assert said.isprintable() or not said
        assert TOKEN not in said


@pytest.mark.parametrize(
    ("fault", "said"),
    [
        ({"status": 403, "body": ""}, "answered HTTP 403 without a body"),
        ({"status": 401, "body": ""}, "answered HTTP 401 without a body"),
        ({"status": 403, "body": '{"errorSummary": "You may not."}'}, ": You may not. Check"),
        ({"status": 400, "body": "Bad client.", "headers": {"Content-Type": "text/plain"}}, ": Bad client. Check"),
    ],
)
def test_a_refused_secret(fault: dict[str, Any], said: str, demo: DemoServer) -> None:
    """A refusal without an OAuth error says what the provider said, and points at the credential, not the authority."""
    demo.provider.faults.add("*/token", method="POST", **fault)
    with pytest.raises(ProviderUnavailable) as caught:
        nbauth.login("nightly")
    assert said in str(caught.value)
    assert "Check client_id and client_secret in" in str(caught.value)
    assert "authority" not in str(caught.value)


def test_an_address_that_is_not_there(demo: DemoServer) -> None:
    """A 404 points at the authority, as before."""
    demo.provider.faults.add("*/token", method="POST", status=404, body="<title>Not found</title>")
    with pytest.raises(ProviderUnavailable, match=r"HTTP 404.*Not found.*Check the authority"):
        nbauth.login("nightly")


def test_a_device_code_that_is_refused(demo: DemoServer, person: Any) -> None:
    """The device endpoint's own words are shown, too."""
    demo.provider.faults.add("*/devicecode", method="POST", status=403, body='{"message": "Not for this client."}')
    with pytest.raises(ProviderUnavailable, match=r"Not for this client\. Check client_id in"):
        nbauth.login("demo", flow="device_code", prompt=person(), timeout_s=20)
