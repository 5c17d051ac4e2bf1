from __future__ import annotations

import base64
import json
from typing import TYPE_CHECKING, Any

import pytest

from nbauth import kernel
from nbauth.errors import SignInFailed
from nbauth.signin import id_token, transport

if TYPE_CHECKING:
    from collections.abc import Callable

    from nbauth.demo.server import DemoServer


@pytest.fixture
def genuine(demo: DemoServer, person: Callable[..., Any], monkeypatch: pytest.MonkeyPatch) -> str:
    """Return the ID token of a sign-in."""
    seen: list[str] = []
    validate = id_token.validate

    def keep(token: str, **options: Any) -> Any:
        seen.append(token)
        return validate(token, **options)

    with monkeypatch.context() as patch:
        patch.setattr(id_token, "validate", keep)
        kernel.login("demo", flow="paste", prompt=person(), timeout_s=20)
    return seen[0]


def _validate(token: str) -> dict[str, Any]:
    profile = kernel.config().profiles["demo"]
    client = kernel._client(profile)
    return id_token.validate(token, profile=profile, application=client.application, http_cache=client.http_cache)


def _changed(token: str, **claims: Any) -> str:
    head, body, signature = token.split(".")
    document = json.loads(base64.urlsafe_b64decode(body + "==")) | claims
    return f"{head}.{base64.urlsafe_b64encode(json.dumps(document).encode()).decode().rstrip('=')}.{signature}"


def test_genuine(genuine: str, demo: DemoServer) -> None:
    """A genuine token's claims come out."""
    assert _validate(genuine)["preferred_username"] == "alice@contoso.example"


@pytest.mark.parametrize(
    "forged",
    [
        lambda token: _changed(token, preferred_username="bob@contoso.example"),
        lambda token: token[:-4] + ("AAAA" if token[-4:] != "AAAA" else "BBBB"),
        lambda token: "eyJhbGciOiJub25lIn0." + token.split(".")[1] + ".",
        lambda _: "nonsense",
        lambda _: "",
    ],
)
def test_forged(forged: Callable[[str], str], genuine: str) -> None:
    """A token whose signature is wrong, missing or of another algorithm is refused."""
    with pytest.raises(SignInFailed, match=r"is not valid.*Nothing was kept") as caught:
        _validate(forged(genuine))
    assert genuine not in str(caught.value)


def test_for_somebody_else(genuine: str, demo: DemoServer, monkeypatch: pytest.MonkeyPatch) -> None:
    """A token for another application, or of another issuer, is refused, whoever signed it."""
    profile = kernel.config().profiles["demo"]
    client = kernel._client(profile)
    other = kernel.configuration.Profile(
        "demo", client_id="another", apis=profile.apis, authority=profile.authority, ca_bundle=profile.ca_bundle
    )
    with pytest.raises(SignInFailed, match=r"[Aa]udience"):
        id_token.validate(genuine, profile=other, application=client.application, http_cache=client.http_cache)
    document = id_token.discover(profile, client.application)
    monkeypatch.setattr(id_token, "discover", lambda *_: document | {"issuer": "https://other.example"})
    with pytest.raises(SignInFailed, match=r"its issuer is .*, not https://other\.example"):
        _validate(genuine)


def test_expired(demo: DemoServer, person: Callable[..., Any]) -> None:
    """A token whose time is over by more than clocks differ is refused."""
    demo.provider.settings.id_token_s = -1_000
    with pytest.raises(SignInFailed, match="expired"):
        kernel.login("demo", flow="paste", prompt=person(), timeout_s=20)


def test_rotated_keys(demo: DemoServer, person: Callable[..., Any]) -> None:
    """When the provider signs with a new key, its keys are fetched again and the sign-in goes on."""
    kernel.login("demo", flow="paste", prompt=person(), timeout_s=20)
    demo.provider.rotate_signing_key()
    demo.provider.requests.clear()
    account = kernel.login("demo", flow="paste", account="bob@contoso.example", prompt=person("bob"), timeout_s=20)
    assert account.username == "bob@contoso.example"
    assert demo.provider.requests.count("*/keys") == 1


def test_a_forged_sign_in_leaves_nothing(
    demo: DemoServer, person: Callable[..., Any], monkeypatch: pytest.MonkeyPatch
) -> None:
    """When the token endpoint's answer holds a forged ID token, no token of that answer is kept."""
    accept = transport.GuardedTransport._accept

    def forge(self: Any, response: Any, body: bytes, throttle: str, url: str) -> Any:
        if url.endswith("/token"):
            document = json.loads(body)
            document["id_token"] = _changed(document["id_token"], name="Somebody else")
            body = json.dumps(document).encode()
        return accept(self, response, body, throttle, url)

    monkeypatch.setattr(transport.GuardedTransport, "_accept", forge)
    with pytest.raises(SignInFailed, match="is not valid"):
        kernel.login("demo", flow="paste", prompt=person(), timeout_s=20)
    assert kernel.accounts() == []
    assert kernel.client("demo").get_accounts() == []
