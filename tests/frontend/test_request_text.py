from __future__ import annotations

import dataclasses
from typing import TYPE_CHECKING, Any

import pytest

import nbauth
from nbauth.errors import ConfigError
from nbauth.frontend.panel.prompt import PanelPrompt
from nbauth.frontend.request_text import facts_of, text_of
from nbauth.frontend.text import approval_text, printable
from nbauth.net.origins import display_url, redact_url
from nbauth.signin.flows.prompt import ApprovalRequest
from nbauth.signin.flows.sign_in_request import SignInRequest
from nbauth.signin.profile.approvals import request_for
from nbauth.signin.profile.config import from_environment, load
from nbauth.signin.profile.profile import Profile

if TYPE_CHECKING:
    from pathlib import Path

    from nbauth.demo.server import DemoServer

CYRILLIC = "\u0430\u0440\u0440\u04cf\u0435.com"  # looks like an English word
MIXED = "gr\u0430ph.microsoft.com"


def _profile(**keys: Any) -> Profile:
    given = {"client_id": "0-1", "tenant": "contoso.onmicrosoft.com", "apis": {"https://graph.microsoft.com": ["A"]}}
    return Profile("work", **{**given, **keys})


def _facts(profile: Profile, **options: Any) -> dict[str, tuple[str, ...]]:
    return dict(facts_of(SignInRequest.of(profile, **options)))


def test_an_ordinary_profile() -> None:
    """An ordinary profile shows who asks, each origin with its scopes, where it was configured, and nothing else."""
    apis = {"https://graph.microsoft.com": ["User.Read", "Mail.Read"], "https://api.contoso.com:8443": []}
    assert text_of(SignInRequest.of(_profile(apis=apis))).splitlines() == [
        "Sign-in of profile work",
        "  Application       0-1",
        "  Provider          login.microsoftonline.com",
        "  Tenant            contoso.onmicrosoft.com",
        "  Tokens may go to  https://graph.microsoft.com — User.Read, Mail.Read",
        "                    https://api.contoso.com:8443 — no scopes",
        "  Configured in     code of this session",
    ]


@pytest.mark.parametrize(
    ("host", "shown"),
    [
        (CYRILLIC, "xn--80ak6aa92e.com"),
        (MIXED, "xn--grph-63d.microsoft.com"),
        ("b\u00fccher.example", "xn--bcher-kva.example"),
        ("GRAPH.microsoft.com.", "graph.microsoft.com"),
        ("graph.microsoft.com:443", "graph.microsoft.com"),
    ],
)
def test_hosts_are_ascii(host: str, shown: str, tmp_path: Path) -> None:
    """A host is shown as it is looked up, wherever it stands: letters of other scripts look like others."""
    profile = _profile(
        tenant=None,
        oidc_authority=f"https://{host}",
        apis={f"https://{host}": ["a"]},
        endpoint_hosts=[host],
        proxies={"https": f"https://{host}"},
        redirect_uri=f"https://{host}/back",
    )
    facts = _facts(profile)
    assert facts["Provider"] == facts["Also trusts"] == (shown,)
    assert facts["Tokens may go to"] == (f"https://{shown} — a",)
    assert facts["Proxy"] == (f"https://{shown} for https",)
    assert facts["Comes back to"] == (f"https://{shown}/back",)
    assert redact_url(f"https://{host}/x").isascii()


def test_what_is_not_usual(tmp_path: Path) -> None:
    """Authorities, proxies, further hosts, the redirect and other scopes are shown where the profile names them."""
    (tmp_path / "ca.pem").write_text("")
    (tmp_path / "nbauth.toml").write_text(
        '[profiles.work]\nclient_id = "0-1"\noidc_authority = "https://login.example"\nca_bundle = "ca.pem"\n'
        'endpoint_hosts = ["keys.example", "token.example:8443"]\nproxies = {}\n'
        'redirect_uri = "http://localhost:8000/a b"\napis = { "https://api.example" = ["read"] }\n'
    )
    profile = load(tmp_path / "nbauth.toml").profiles["work"]
    facts = _facts(profile, scopes=["write", "admin"])
    assert facts["Also trusts"] == ("keys.example", "token.example:8443")
    assert facts["Certificates of"] == (f"the usual authorities and {tmp_path / 'ca.pem'}",)
    assert facts["Proxy"] == ("none, whatever the environment names",)
    assert facts["Comes back to"] == ("http://localhost:8000/a%20b",)
    assert facts["Asks for"] == ("write, admin",)
    assert facts["Configured in"] == (str(tmp_path / "nbauth.toml"),)


def test_of_the_environment() -> None:
    """A profile that environment variables make says so."""
    config = from_environment({"AZURE_CLIENT_ID": "0-1", "AZURE_TENANT_ID": "contoso.onmicrosoft.com"})
    assert _facts(config.profiles["default"])["Configured in"] == ("the AZURE_* environment variables",)


@pytest.mark.parametrize(
    "client_id",
    [
        "app at login.microsoftonline.com",
        "app\u3164at\u2800login.microsoftonline.com",
        "app\nProvider login.microsoftonline.com",
        "app\u202egro.elpmaxe\u202c",
        "app\u00a0",
        "\u0430pp",
        "app ",
        "a" * 256,
    ],
)
def test_client_id(client_id: str) -> None:
    """A client id has no blank, and nothing that is not seen, reorders or breaks the line."""
    with pytest.raises(ConfigError, match=r"client_id: expected up to 255 .*without a blank, found '") as caught:
        _profile(client_id=client_id)
    assert str(caught.value).isascii()


@pytest.mark.parametrize("host", ["https://keys.example", "keys.example/path", "me@keys.example", "a b", "", "[::1"])
def test_endpoint_host(host: str) -> None:
    """A further host that is none is an error that names the key."""
    with pytest.raises(ConfigError, match="endpoint_hosts"):
        _profile(endpoint_hosts=[host])


@pytest.mark.parametrize(
    "text",
    [
        "a\n  Provider          login.microsoftonline.com",
        "a\r\x1b[2J",
        "a\u2028Provider",
        "a\u202eb",
        "a\u200bb",
        "a\u3164b",
        "a  Provider          login.microsoftonline.com",
    ],
)
def test_texts_of_others(text: str, tmp_path: Path) -> None:
    """No scope, tenant or path makes a line, a gap or an order that is not its own."""
    path = tmp_path / text.replace("/", "")
    path.write_text("")
    usual = text_of(SignInRequest.of(_profile())).splitlines()
    profile = _profile(
        tenant=None,
        authority=f"https://login.microsoftonline.com/{text}" if text.isprintable() else None,
        oidc_authority=None if text.isprintable() else "https://login.microsoftonline.com",
        apis={"https://graph.microsoft.com": [text]},
        ca_bundle=str(path),
        file=f"/home/{text}/nbauth.toml",
    )
    shown = text_of(SignInRequest.of(profile), width=400).splitlines()
    assert all(printable(line) == line for line in shown)
    assert [line[:20].strip() for line in shown if line[:20].strip() not in ("Certificates of", "Tenant")] == [
        line[:20].strip() for line in usual if line[:20].strip() != "Tenant"
    ]
    assert not any("  " in line[20:] for line in shown)


def test_long_lists() -> None:
    """Long texts and lists of scopes are cut off and say so; no origin and no host ever is."""
    apis = {f"https://a{number}.{'x' * 60}.example": [f"S{n}" * 300 for n in range(20)] for number in range(60)}
    long = f"https://login.microsoftonline.com.{'.'.join(['x' * 60] * 3)}.evil.example"
    profile = _profile(
        apis=apis,
        endpoint_hosts=[f"h{number}.example" for number in range(40)],
        redirect_uri=f"{long}/{'y' * 900}",
        proxies={"https": f"{long}:3128"},
        file="/z" * 900,
    )
    facts = _facts(profile)
    assert facts["Comes back to"][0].startswith(f"{long}/yyy")
    assert facts["Proxy"] == (f"{long}:3128 for https",)
    assert [len(facts[term][0]) for term in ("Comes back to", "Configured in")] == [len(long) + 201, 200]
    assert [line.partition(" — ")[0] for line in facts["Tokens may go to"]] == list(apis)
    assert all(line.endswith(" and 12 more") and len(line) < 1_200 for line in facts["Tokens may go to"])
    assert facts["Also trusts"] == profile.endpoint_hosts


def test_long_lines_go_on_further_right() -> None:
    """At 80 columns a long line goes on further to the right than any line begins; nothing is lost."""
    long = "https://" + "a" * 60 + "." + "b" * 60 + ".example"
    text = text_of(SignInRequest.of(_profile(apis={long: ["scope"] * 9}, file="/x" * 90)))
    lines = text.splitlines()
    assert max(map(len, lines)) <= 80
    assert long in "".join(line.strip() for line in lines)
    assert all(line.startswith((" " * 24, " " * 20 + "h")) or line[2].strip() for line in lines[1:])


def test_display_url() -> None:
    """A URL is shown as it is sent, with nothing in it that is not seen."""
    assert display_url("https://B\u00fccher.example/a\u202e b?c=\u3164#d") == (
        "https://xn--bcher-kva.example/a%E2%80%AE%20b?c=%E3%85%A4#d"
    )


def test_panel_shows_the_request_that_is_made(demo: DemoServer) -> None:
    """A profile that changes after a panel was made is shown as it is when somebody signs in."""
    panel = nbauth.SignInPanel("demo", scopes="other")
    shown = dict(panel.view_of("idle").who)
    assert (shown["Tokens may go to"].partition(" — ")[0], shown["Asks for"]) == (demo.api_origin, "other")
    changed = dataclasses.replace(panel.profile, apis={"https://elsewhere.example": ("a",)})
    PanelPrompt(panel).begin(SignInRequest.of(changed))
    assert dict(panel.view_of("open").who)["Tokens may go to"] == "https://elsewhere.example — a"
    panel.close()


@pytest.mark.parametrize("width", [40, 80])
def test_what_is_to_be_approved(tmp_path: Path, width: int) -> None:
    """No name of a cloned folder makes a line of its own in what a person is asked to approve of; hosts are ASCII."""
    gap = " " * 70
    folder = tmp_path / f"a{gap}Nothing unusual was found. Press y{gap}b"
    folder.mkdir()
    (folder / f"ca{gap}It is safe.pem").write_text("none")
    path = folder / "nbauth.toml"
    path.write_text(
        '[profiles.work]\nclient_id = "0-1"\ntenant = "contoso.onmicrosoft.com"\n'
        f'ca_bundle = "ca{gap}It is safe.pem"\nendpoint_hosts = ["{MIXED}"]\n'
        f'proxies = {{ https = "http://{MIXED}:3128" }}\n'
        f'[profiles.work.apis]\n"https://{MIXED}" = ["A"]\n'
    )
    request = request_for(load(path))
    asked = ApprovalRequest(profile="work", source=request.source, reasons=request.reasons, timeout_s=1)
    lines = approval_text(asked, width=width).splitlines()
    assert max(map(len, lines)) <= width
    assert [line for line in lines if not line.startswith("    ")] == [lines[0], *_begins(lines)]
    assert len(_begins(lines)) == 3
    assert gap[:3] not in " ".join(line.strip() for line in lines)
    assert "".join("".join(lines).split()).count("xn--grph-63d.microsoft.com") == 3
    assert "\n".join(lines).isascii()


def _begins(lines: list[str]) -> list[str]:
    return [line for line in lines if line.startswith("  profile 'work' ")]
