"""The table of further parameters: what it takes, and which names it refuses with the key that says them."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Any

import pytest

from nbauth.errors import ConfigError
from nbauth.signin.profile import config
from nbauth.signin.profile.profile import Profile

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

APIS = {"https://api.example.com": ["data.read"]}


@pytest.fixture(params=["file", "code"])
def make(request: pytest.FixtureRequest, apart: Path) -> Callable[..., Profile]:
    """Return what makes a profile with such a table, written in a file or in code."""

    def made(parameters: Any, **keys: Any) -> Profile:
        common = {"client_id": "notebook", "oidc_authority": "https://login.example.com"}
        keys = {name: value for name, value in {**common, **keys}.items() if value is not None}
        if request.param == "code":
            return Profile("lab", apis=APIS, authorization_parameters=parameters, **keys)
        lines = ["[profiles.lab]", *(f"{name} = {json.dumps(value)}" for name, value in keys.items())]
        if isinstance(parameters, dict):
            table = [f"{json.dumps(name)} = {json.dumps(value)}" for name, value in parameters.items()]
            lines += ["[profiles.lab.authorization_parameters]", *table]
        else:
            lines += [f"authorization_parameters = {json.dumps(parameters)}"]
        lines += ["[profiles.lab.apis]", '"https://api.example.com" = ["data.read"]']
        (apart / "nbauth.toml").write_text("\n".join(lines))
        return config.load(apart / "nbauth.toml").profiles["lab"]

    return made


@pytest.mark.parametrize(
    "parameters",
    [
        {"audience": "https://api.example.com"},
        {"resource": "https://api.example.com/v1"},
        {"access_type": "offline", "hd": "example.com"},
        {"kc_idp_hint": "github"},
        {"acr_values": "urn:gold", "ui_locales": "de", "display": "popup"},
        {"organization": "org_1", "screen_hint": "signup", "ext-x.y": "ü & =;"},
    ],
    ids="+".join,
)
def test_what_providers_want(parameters: dict[str, str], make: Any) -> None:
    """Parameters that providers invented, or that OpenID Connect leaves to the caller, are taken as they are."""
    assert make(parameters).authorization_parameters == parameters


@pytest.mark.parametrize(
    ("name", "key"),
    [
        ("client_id", "client_id"),
        ("redirect_uri", "redirect_uri"),
        ("scope", "apis"),
        ("prompt", "prompt"),
        ("login_hint", "login_hint"),
        ("domain_hint", "domain_hint"),
        ("claims", "client_capabilities"),
        ("client_secret", "client_secret"),
        ("client_assertion", "client_assertion"),
        ("assertion", "user_assertion"),
        ("Client_ID", "client_id"),
        ("SCOPE", "apis"),
    ],
)
def test_names_that_a_key_says(name: str, key: str, make: Any) -> None:
    """A name that another key says is refused in any case of its letters, and the message names that key."""
    with pytest.raises(ConfigError, match=rf"authorization_parameters\.{name}: .*Say it by the key {key}\."):
        make({name: "x"})


@pytest.mark.parametrize(
    "name",
    [
        "state", "nonce", "response_type", "response_mode", "code_challenge", "code_challenge_method", "code_verifier",
        "code", "grant_type", "refresh_token", "device_code", "request", "request_uri", "registration",
        "id_token_hint", "client_info", "max_age", "username", "password", "State", "NONCE",
    ],
)  # fmt: skip
def test_names_that_are_nbauth_s_own(name: str, make: Any) -> None:
    """A name by which the protocol is safe, or that would replace the request, is refused."""
    with pytest.raises(ConfigError, match=rf"\.{name}: is a parameter of the protocol.*Leave it"):
        make({"audience": "x", name: "x"})


@pytest.mark.parametrize(
    ("parameters", "message"),
    [
        ("audience=x", "expected a table such as"),
        (["audience"], "expected a table such as"),
        ({"audience": 7}, r"\.audience: expected a text in one line"),
        ({"audience": True}, r"\.audience: expected a text in one line"),
        ({"audience": ["a", "b"]}, r"\.audience: expected a text in one line"),
        ({"audience": " "}, r"\.audience: expected a text in one line"),
        ({"audience": "a\r\nb"}, r"\.audience: expected a text in one line"),
        ({"": "x"}, "expected names of letters"),
        ({"a&state": "x"}, "expected names of letters"),
        ({"state ": "x"}, "expected names of letters"),
        ({"a" * 101: "x"}, "expected names of letters"),
    ],
)
def test_other_forms(parameters: Any, message: str, make: Any) -> None:
    """A table of texts is taken and nothing else; the message says what was expected."""
    with pytest.raises(ConfigError, match=message):
        make(parameters)


def test_an_empty_table(make: Any) -> None:
    """An empty table is none."""
    assert make({}).authorization_parameters is None


def test_beside_what_makes_requests_of_its_own(make: Any) -> None:
    """A broker and a machine's identity send no authorization request that could carry them."""
    with pytest.raises(ConfigError, match="cannot stand beside broker"):
        make({"audience": "x"}, oidc_authority=None, tenant="contoso.onmicrosoft.com", broker=True)
    with pytest.raises(ConfigError, match="cannot stand beside managed_identity"):
        make({"audience": "x"}, oidc_authority=None, client_id=None, managed_identity=True)
