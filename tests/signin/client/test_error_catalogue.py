from __future__ import annotations

import pytest

from nbauth.signin.client.error_catalogue import entries, explain
from nbauth.signin.profile.profile import Profile

REDIRECT_URI = "The redirect URI is not registered"


@pytest.mark.parametrize(
    "code", [code for entry in entries() for code in entry.codes if "_" in code or code[-1] in "0123456789"]
)
def test_each_code_is_found(code: str) -> None:
    """Each code is found in a sentence and in the address of a page; the explanation leaves no placeholder."""
    for text in (
        code,
        f"Sorry, but we cannot sign you in.\n{code}: The provider's words.",
        f"http://localhost/?error=x&e={code}%3a+no",
    ):
        explained = explain(text)
        assert explained
        assert explained.code == code
        assert explained.sources
        assert not set("{}") & set(str(explained))


@pytest.mark.parametrize(
    "text",
    [
        "AADSTS50011",
        " aadsts50011.",
        "50011",
        "Error Code: 50011\nRequest Id: 0000aaaa-11bb-cccc-dd22-eeeeee333333\nTimestamp: 2026-11-27T20:00:00Z",
        "AADSTS50011: The redirect URI 'http://localhost:4001' specified in the request does not match",
        "AADSTS99999 and AADSTS50011",
        "Error 400: redirect_uri_mismatch",
        "Invalid parameter: redirect_uri",
        "Callback URL mismatch. The provided redirect_uri is not in the list of allowed callback URLs.",
        "The 'redirect_uri' parameter must be a Login redirect URI in the client app settings.",
        "Error: invalid_request\nMismatching redirect URI.",
        "invalid_request: redirect_uri did not match any of the client's registered redirect_uris",
    ],
)
def test_a_redirect_uri_in_every_provider_s_words(text: str) -> None:
    """A redirect URI that is not registered is known by number, by code, and by what providers write on their pages."""
    assert str(explain(text)).startswith(REDIRECT_URI)


def test_a_profile_is_named() -> None:
    """With a profile the explanation names what it has; without one it reads as a sentence all the same."""
    profile = Profile("work", client_id="0000-1111", tenant="contoso.com", apis={}, file="/home/me/nbauth.toml")
    text = str(explain("AADSTS50011", profile))
    assert "The application 0000-1111 does not list http://localhost." in text
    assert "/home/me/nbauth.toml" in text
    assert "The application that client_id names does not list the redirect_uri." in str(explain("50011"))


@pytest.mark.parametrize("text", ["", "hello", "12", "x" * 100_000, "1" * 50, "{where}", "2026"])
def test_what_says_nothing(text: str) -> None:
    """Text in which nothing is known has no explanation."""
    assert explain(text) is None


def test_a_number_that_nobody_here_knows() -> None:
    """A number of Entra's that the catalogue lacks leads to Microsoft's own page for it."""
    explained = explain("AADSTS99999: I am a teapot")
    assert explained
    assert (explained.code, explained.cause) == ("AADSTS99999", "")
    assert explained.next_step.text().endswith("error?code=99999")
