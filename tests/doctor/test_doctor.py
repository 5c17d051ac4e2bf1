"""`nbauth doctor`: what is wrong here and at the provider is found, with its cure, and what is right is not blamed."""

from __future__ import annotations

import base64
import json
import os
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest
from fake_az import FakeAz, token_with

import nbauth
from nbauth.__main__ import main
from nbauth.doctor import examine

if TYPE_CHECKING:
    from collections.abc import Callable

    from nbauth.demo.server import DemoServer
    from nbauth.doctor.finding import Finding

# As Google's error page is addressed, with an error of ours packed into it.
PACKED = base64.urlsafe_b64encode(b"\n\x15redirect_uri_mismatch\x12\x0eYou cannot go. ").decode()
GOOGLES = f"https://accounts.google.com/signin/oauth/error/v2?authError={PACKED}&client_id=x&flowName=GeneralOAuthFlow"


def _bad() -> list[Finding]:
    return [finding for finding in examine().findings if finding.level in ("warning", "error")]


def _only(level: str) -> tuple[str, str]:
    """Return text and cure of the one finding of a level; there is none that is worse."""
    (finding,) = _bad()
    assert finding.level == level
    return finding.text, str(finding.cure)


@pytest.fixture
def written(demo: DemoServer, apart: Path, monkeypatch: pytest.MonkeyPatch) -> Callable[[str], None]:
    """Return what writes the one profile, of a person at the demo unless it says otherwise, and has it in force."""

    def write(keys: str) -> None:
        path = apart / "nbauth.toml"
        keys = keys if "client_id" in keys else f'client_id = "{demo.client_id}"\n{keys}'
        keys = keys if "authority" in keys or "tenant" in keys else f'authority = "{demo.authority}"\n{keys}'
        path.write_text(
            f'[profiles.lab]\n{keys}\nca_bundle = "{demo.ca_file}"\n'
            f'apis = {{ "{demo.api_origin}" = ["api://nbauth-demo/.default"] }}\n'
        )
        monkeypatch.setenv("NBAUTH_CONFIG", str(path))

    return write


def test_all_is_well(demo: DemoServer, capsys: pytest.CaptureFixture[str]) -> None:
    """Where everything works it says what was tried, nothing secret, and ends with 0; nothing was kept."""
    assert main(["doctor"]) == 0
    shown = " ".join(capsys.readouterr().out.split())
    assert f"profile demo: the provider knows client_id {demo.client_id} and redirect URI http://localhost." in shown
    assert (
        f"profile nightly: a token for {demo.api_origin} (api://nbauth-demo/.default) was had by client_secret" in shown
    )
    assert "NBAUTH_CONFIG names it" in shown
    assert shown.endswith("Everything that could be tried works.")
    assert main(["doctor", "--json"]) == 0
    text = capsys.readouterr().out
    report = json.loads(text)
    assert set(report) == {"worst", "versions", "findings"}
    assert {frozenset(finding) for finding in report["findings"]} == {frozenset(("topic", "level", "text", "cure"))}
    assert report["versions"]["nbauth"] == nbauth.__version__
    secrets = {demo.client_secret, *(s for s in demo.provider.issued_secrets if len(s) > 20)}
    assert len(secrets) > 1
    assert not [secret for secret in secrets if secret in shown + text]
    assert not (Path.cwd() / ".nbauth").exists()
    assert nbauth.accounts() == []


def test_the_provider_is_down(demo: DemoServer) -> None:
    """What a kernel kept of the provider is not taken for the provider."""
    nbauth.login("nightly")
    assert (Path.cwd() / ".nbauth/http_cache").is_file()
    demo.provider.faults.add("*", status=503, times=None)
    assert [finding.topic for finding in _bad()] == ["profile demo", "profile nightly"]
    assert all("HTTP 503" in finding.text and finding.cure for finding in _bad())
    assert main(["doctor"]) == 1


@pytest.mark.parametrize(
    ("keys", "says"),
    [
        ('client_id = "00000000-1111-4222-8333-444444444444"', "AADSTS700016"),
        ('redirect_uri = "https://hub.contoso.example/callback.html"', "AADSTS50011"),
    ],
)
def test_what_the_page_tells(keys: str, says: str, written: Callable[[str], None], demo: DemoServer) -> None:
    """A client id or redirect URI that the provider does not know is found without a person, and explained."""
    written(keys)
    text, cure = _only("error")
    assert f"({says})" in text
    assert cure not in ("", "None")
    asked = [record for record in demo.provider.requests if record.path.endswith("/authorize")]
    assert [record.method for record in asked] == ["GET"]
    assert "prompt" in asked[0].query_keys


def test_a_code_needs_no_redirect_uri(demo: DemoServer, written: Callable[[str], None]) -> None:
    """Where http://localhost is not registered and nobody named it, a code still signs in: that is a warning."""
    client = demo.provider.register_client("only-codes", name="lab", redirect_uris=[])
    written(f'client_id = "{client.client_id}"')
    text, _ = _only("warning")
    assert "(AADSTS50011)" in text
    assert text.endswith("A device code works without one.")
    assert main(["doctor"]) == 3


@pytest.mark.parametrize(
    ("answer", "level", "says"),
    [
        ({"status": 302, "headers": {"Location": "/sign-in?next=1"}}, None, "sends a browser on to http://localhost"),
        ({"status": 302, "headers": {"Location": "/error?reason=redirect_uri_mismatch"}}, "warning", "not registered"),
        ({"status": 302, "headers": {"Location": GOOGLES}}, "warning", "not registered (redirect_uri_mismatch)"),
        ({"status": 302, "headers": {"Location": "/sign-in?on_error=back"}}, None, "sends a browser on to"),
        ({"body": "<h1>Sign in</h1>", "html": True}, None, "shows a page, and says nothing against client_id"),
        ({"body": "<p>Invalid parameter: <b>redirect_uri</b></p>", "html": True, "status": 400}, "warning", "redirect"),
        ({"body": "<i>teapot</i><script>x</script>", "html": True, "status": 418}, "error", ": HTTP 418: teapot."),
        ({"reset": True}, "error", "cannot be had"),
    ],
    ids=[
        "page elsewhere",
        "error elsewhere",
        "Google's",
        "page that errs not",
        "page",
        "page of words",
        "page of nobody",
        "nothing",
    ],
)
def test_what_other_providers_tell(
    answer: dict[str, Any], level: str | None, says: str, written: Callable[[str], None], demo: DemoServer
) -> None:
    """A page that tells nothing is not blamed and not praised; one that tells an error is read."""
    written(f'client_id = "{demo.client_id}"')
    demo.provider.faults.add("*/authorize", **answer)
    (finding,) = [f for f in examine().findings if f.topic == "profile lab" and "the provider answers" not in f.text]
    assert finding.level == (level or "ok")
    assert says in finding.text


def test_a_secret_that_is_wrong(demo: DemoServer, written: Callable[[str], None], apart: Path) -> None:
    """An application's profile is tried by its credential, for each of its rows, and the answer is explained."""
    (apart / "secret").write_text("not-the-secret-of-anybody")
    written(f'client_id = "{demo.confidential_client_id}"\nclient_secret = {{ file = "secret" }}')
    text, cure = _only("error")
    assert "AADSTS7000215" in text
    assert "not-the-secret" not in text + cure


def test_the_clock(demo: DemoServer) -> None:
    """A clock that is off the provider's is found by its `Date`."""
    demo.provider.clock.advance(7200)
    (text,) = {finding.text for finding in _bad() if finding.level == "warning"}
    assert text == "this machine's clock is about 2 h behind the provider's."


def test_a_provider_without_keys(demo: DemoServer, written: Callable[[str], None]) -> None:
    """A provider whose keys are gone answers, and nobody could sign in to it."""
    written("")
    demo.provider.faults.add("*/keys", body='{"keys": []}', headers={"Content-Type": "application/json"})
    assert "holds no keys" in _only("error")[0]


def test_a_template(apart: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """What `nbauth init` wrote is no profile until a person has filled it in; nobody is asked about it."""
    assert main(["init"]) == 0
    monkeypatch.setattr("nbauth.doctor.provider.connect", None)
    text, cure = _only("error")
    assert text.startswith(
        'client_id = "00000000-0000-0000-0000-000000000000" and tenant = "contoso.onmicrosoft.com" are'
    )
    assert str(apart / "nbauth.toml") in cure


def test_it_says_what_it_has_while_a_provider_is_slow(
    demo: DemoServer, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    """What was found is printed at once; whoever interrupts a slow provider has seen it."""

    def interrupted(*_: Any) -> None:
        raise KeyboardInterrupt

    monkeypatch.setattr("nbauth.doctor.provider.connect_anew", interrupted)
    assert main(["doctor"]) == 130
    assert "NBAUTH_CONFIG names it" in " ".join(capsys.readouterr().out.split())


def test_a_broken_file(apart: Path) -> None:
    """A file that cannot be read is a finding, and stops no other."""
    (apart / "nbauth.toml").write_text("[profiles.work]\ncleint_id = 'x'\n")
    text, _ = _only("error")
    assert "did you mean client_id?" in text
    assert {"versions", "extras", "authorities"} <= {finding.topic for finding in examine().findings}


def test_nobody_is_configured() -> None:
    """Without a profile it says how to get one."""
    assert _only("error") == (
        "No profile is configured.",
        "Run in a shell: nbauth init, or nbauth demo to try it without a tenant.",
    )


def test_an_approval_comes_first(apart: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Of a folder's configuration that nobody approved, no provider hears."""
    monkeypatch.setattr("nbauth.doctor.provider.connect", None)
    (apart / "nbauth.toml").write_text(
        '[profiles.lab]\nclient_id = "x"\noidc_authority = "https://login.example.org"\nendpoint_hosts = ["e.org"]\n'
        'apis = { "https://api.example.org" = ["x"] }\n'
    )
    text, cure = _only("error")
    assert "is not approved" in text
    assert cure == f"If you trust it, run: nbauth trust {apart / 'nbauth.toml'}"


def test_which_file(apart: Path, written: Callable[[str], None], monkeypatch: pytest.MonkeyPatch) -> None:
    """It says which file was taken and why, and which further one holds nothing here."""
    written("")
    monkeypatch.delenv("NBAUTH_CONFIG")
    folder = apart / "deeper"
    folder.mkdir()
    monkeypatch.chdir(folder)
    user = Path(os.environ["XDG_CONFIG_HOME"]) / "nbauth/nbauth.toml"
    user.parent.mkdir(parents=True)
    user.write_text((apart / "nbauth.toml").read_text())
    told = [finding.text for finding in examine().findings if finding.topic == "profiles"]
    assert f"it is the nearest above {folder}." in told[0]
    assert told[1].startswith(f"{user} holds nothing here")
    (apart / "nbauth.toml").unlink()
    told = [finding.text for finding in examine().findings if finding.topic == "profiles"]
    assert told[0].endswith(f"{user}: there is none in {folder} or above it.")


def test_variables_that_are_not_used(
    written: Callable[[str], None], monkeypatch: pytest.MonkeyPatch, demo: DemoServer
) -> None:
    """It says which `AZURE_*` variables say nothing here, and why; their values stand nowhere."""
    written("")

    def told() -> list[str]:
        return [finding.text for finding in examine().findings if finding.topic == "AZURE_*"]

    assert told() == []
    monkeypatch.setenv("AZURE_CLIENT_ID", "another")
    monkeypatch.setenv("AZURE_TENANT_ID", "contoso.example")
    monkeypatch.setenv("AZURE_CLIENT_SECRET", "s3cret")
    (text,) = told()
    assert text.startswith(
        "AZURE_TENANT_ID, AZURE_CLIENT_ID, AZURE_CLIENT_SECRET are set and not used: where there is a"
    )
    written(f'client_id = "{demo.client_id}"\nclient_secret = {{ env = "AZURE_CLIENT_SECRET" }}')
    assert told()[0].startswith("AZURE_TENANT_ID, AZURE_CLIENT_ID are set")
    assert "s3cret" not in json.dumps(examine().to_json())


@pytest.mark.parametrize(
    ("variables", "says"),
    [
        ({"AZURE_CLIENT_ID": "x"}, "AZURE_CLIENT_ID is set and not used: without both"),
        (
            {
                "AZURE_CLIENT_ID": "x",
                "AZURE_TENANT_ID": "localhost",
                "AZURE_AUTHORITY_HOST": "localhost:1",
                "AZURE_CLIENT_SECRET": "s",
                "AZURE_CLIENT_CERTIFICATE_PATH": "c.pem",
            },
            "AZURE_CLIENT_CERTIFICATE_PATH is set and not used: AZURE_CLIENT_SECRET comes first.",
        ),
    ],
    ids=["half", "two credentials"],
)
def test_variables_of_the_environments_profile(
    variables: dict[str, str], says: str, apart: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Without a file, too."""
    for name, value in {**variables, "NBAUTH_APIS": '{"https://api.contoso.example": ["x/.default"]}'}.items():
        monkeypatch.setenv(name, value)
    (text,) = [finding.text for finding in examine().findings if finding.topic == "AZURE_*"]
    assert text.startswith(says)


def test_authorities_and_proxies(demo: DemoServer, monkeypatch: pytest.MonkeyPatch) -> None:
    """A bundle that is not there is a warning; the proxy is named with its variable and without its password."""
    monkeypatch.setenv("REQUESTS_CA_BUNDLE", "/nowhere/ca.pem")
    text, cure = _only("warning")
    assert text == "REQUESTS_CA_BUNDLE names /nowhere/ca.pem, which is not there; nbauth passes it over."
    assert cure == "Correct REQUESTS_CA_BUNDLE, or unset it."
    monkeypatch.setenv("REQUESTS_CA_BUNDLE", str(demo.ca_file))
    monkeypatch.setenv("no_proxy", "")
    monkeypatch.setenv("NO_PROXY", "")
    monkeypatch.setenv("https_proxy", "http://jo:s3cret@127.0.0.1:9")
    findings = examine().findings
    (text,) = [finding.text for finding in findings if finding.topic == "authorities"]
    assert text == f"those of {demo.ca_file} (REQUESTS_CA_BUNDLE), and no others."
    (text,) = [finding.text for finding in findings if finding.topic == "proxy"]
    assert text.startswith("the proxy http://127.0.0.1:9 (https_proxy) for https://localhost")
    assert "s3cret" not in json.dumps(examine().to_json())


def test_sources(
    tmp_path: Path, apart: Path, demo: DemoServer, written: Callable[[str], None], monkeypatch: pytest.MonkeyPatch
) -> None:
    """Each source of a profile is asked: the first that is there is taken, and why the others are not is said."""
    az = FakeAz(tmp_path / "programs")
    monkeypatch.setenv("PATH", f"{az.folder}{os.pathsep}{os.environ['PATH']}")
    path = apart / "nbauth.toml"
    path.write_text(
        f'[profiles.lab]\nsource = ["hub", "az"]\napis = {{ "{demo.api_origin}" = ["api://nbauth-demo/.default"] }}'
    )
    monkeypatch.setenv("NBAUTH_CONFIG", str(path))
    text, cure = _only("error")
    assert text == "none of its sources has a sign-in (hub, az), and nobody is asked."
    assert "az login" in cure
    az.gives(token_with())
    assert _bad() == []
    told = [(finding.level, finding.text) for finding in examine().findings if finding.topic == "profile lab"]
    assert told[0][0] == "note"
    assert told[0][1].startswith("source hub has no sign-in: ")
    assert told[1] == ("ok", "source az is signed in as alice@contoso.example (person), and is taken.")


def test_the_keyring(written: Callable[[str], None], demo: DemoServer, monkeypatch: pytest.MonkeyPatch) -> None:
    """A secret of a keyring needs one that keeps something; a key that is none is found before it is needed."""
    import keyring
    from keyring.backends.fail import Keyring

    before = keyring.get_keyring()
    keyring.set_keyring(Keyring())  # type: ignore[no-untyped-call]
    try:
        written(f'client_id = "{demo.client_id}"\nclient_secret = {{ keyring = "a/b" }}')
        monkeypatch.setenv("NBAUTH_CACHE_KEY", "no key")
        bad = {finding.topic: finding for finding in _bad()}
    finally:
        keyring.set_keyring(before)
    assert set(bad) == {"remember", "keyring", "profile lab"}
    assert bad["keyring"].text.startswith(
        "client_secret of lab is to be read from it, and no keyring that keeps anything"
    )
    assert "no key" not in bad["remember"].text.replace("is no key", "")


def test_releases(monkeypatch: pytest.MonkeyPatch) -> None:
    """A library below what nbauth needs is an error, one below what an extra needs a warning."""
    from nbauth.doctor import installation

    there = {"msal": "1.30.0", "pyarrow": "3.0", "fsspec": "2026.1"}
    monkeypatch.setattr(installation, "_installed", there.get)
    found = [(f.level, f.text, str(f.cure)) for f in installation.releases({"python": "3", "nbauth": "1"})][1:]
    assert ("error", "msal is 1.30.0, and nbauth needs 1.35 or later.", 'Run: pip install "msal>=1.35"') in found
    assert {level for level, text, _ in found if text.startswith("pyarrow")} == {"warning"}
    (extras,) = installation.extras()
    assert extras.level == "note"
    assert extras.text.startswith("installed: fsspec; not installed: azure, ")
    assert 'pip install "nbauth[fast]"' in str(extras.cure)
