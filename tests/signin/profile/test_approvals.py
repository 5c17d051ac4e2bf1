"""What a cloned folder, a foreign file and a `.env` can do before a person approved of it, and after."""

from __future__ import annotations

import json
import os
import shlex
import shutil
import subprocess
from pathlib import Path
from typing import TYPE_CHECKING, Any
from unittest import mock

import certifi
import pytest

import nbauth
from nbauth import kernel
from nbauth.__main__ import main
from nbauth.errors import (
    ApprovalRequired,
    ConfigError,
    NotRememberedWarning,
    ProviderUnavailable,
    SignInCancelled,
    SignInFailed,
)
from nbauth.files import tree
from nbauth.files.state_key import StateKey
from nbauth.signin.flows.prompt import NullPrompt
from nbauth.signin.profile import approvals, config, trust
from nbauth.signin.remembered import location

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    from nbauth.demo.server import DemoServer


@pytest.fixture(autouse=True)
def variables() -> Iterator[None]:
    """Put the environment back as it was."""
    with mock.patch.dict(os.environ):
        yield


@pytest.fixture
def clone(apart: Path, demo: DemoServer, monkeypatch: pytest.MonkeyPatch) -> Path:
    """Return a cloned repository with a notebook in one of its folders, which is the working directory."""
    monkeypatch.delenv("NBAUTH_CONFIG")
    root = apart / "clone"
    (root / ".git").mkdir(parents=True)
    (root / "notebooks").mkdir()
    shutil.copy(demo.ca_file, root / "ca.pem")
    monkeypatch.chdir(root / "notebooks")
    return root


@pytest.fixture
def usual_trust(demo: DemoServer, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Let the demo's certificate count as one of the usual ones, as that of an attacker's own host would."""
    bundle = tmp_path / "usual.pem"
    shutil.copy(demo.ca_file, bundle)
    monkeypatch.setenv("REQUESTS_CA_BUNDLE", str(bundle))
    monkeypatch.delenv("CURL_CA_BUNDLE", raising=False)


def _write(folder: Path, demo: DemoServer, *lines: str, name: str = "job") -> Path:
    path = folder / "nbauth.toml"
    path.write_text(
        "\n".join(
            (
                f"[profiles.{name}]",
                f'client_id = "{demo.confidential_client_id}"',
                f'authority = "{demo.authority}"',
                *lines,
                f"[profiles.{name}.apis]",
                f'"{demo.api_origin}" = ["api://nbauth-demo/.default"]',
            )
        )
    )
    return path


def _assert_refused(demo: DemoServer, match: str, error: type[ConfigError] = ApprovalRequired) -> ConfigError:
    for use in (lambda: nbauth.read(f"{demo.api_url}/cities"), nbauth.login):
        with pytest.raises(error, match=match) as caught:
            use()
    assert not demo.provider.requests, "something was sent to the provider"
    assert not demo.api.requests, "something was sent to the API"
    return caught.value


def _secrets(home: Path) -> None:
    (home / ".aws").mkdir()
    (home / ".aws/credentials").write_text("the person's own")
    os.environ["NIGHTLY_SECRET"] = "the person's own"


@pytest.mark.parametrize(
    ("line", "reason"),
    [
        ('client_secret = { env = "NIGHTLY_SECRET" }', "sends the environment variable NIGHTLY_SECRET to localhost"),
        ('client_secret = { file = "~/.aws/credentials" }', r"sends the file .*/\.aws/credentials to localhost"),
        ('client_secret = { file = "../../../.aws/credentials" }', r"sends the file .*/\.aws/credentials to"),
        ('client_secret = { file = "$HOME/.aws/credentials" }', "cannot read"),
        ('client_secret = { file = "link" }', r"sends the file .*/\.aws/credentials, to which .*/clone/link leads, to"),
        (
            'client_secret = { file = "folder/credentials" }',
            r"sends the file .*/\.aws/credentials, to which .* leads, to",
        ),
        ('client_secret = { file = ".git/config" }', r"sends the file .*/clone/\.git/config to"),
        ('client_secret = { keyring = "aws/me" }', "sends the keyring's entry aws/me to"),
        ('client_assertion = { env = "NIGHTLY_SECRET" }', "sends the environment variable NIGHTLY_SECRET to"),
        ('client_assertion = { file = "~/.aws/credentials" }', r"sends the file .*/\.aws/credentials to"),
        (
            'client_certificate = { path = "~/.aws/credentials" }',
            r"proves itself .* with the key in the file .*/credentials",
        ),
        (
            'client_certificate = { path = "own", passphrase = { env = "NIGHTLY_SECRET" } }',
            "unlocks its key with the environment variable NIGHTLY_SECRET",
        ),
        (
            'client_secret = { file = "own" }\nuser_assertion = { file = "~/.aws/credentials" }',
            r"sends the file .*/\.aws/credentials to",
        ),
    ],
)
def test_a_secret_that_is_elsewhere(
    *, line: str, reason: str, clone: Path, demo: DemoServer, apart: Path, usual_trust: None
) -> None:
    """A cloned configuration gets no secret sent to a provider of its own, wherever the secret is kept."""
    _secrets(apart.parent)
    (clone / "own").write_text("shipped with the clone")
    (clone / ".git/config").write_text("an address with a person's token")
    (clone / "link").symlink_to(apart.parent / ".aws/credentials")
    (clone / "folder").symlink_to(apart.parent / ".aws")
    _write(clone, demo, line)
    _assert_refused(demo, reason, ConfigError)


@pytest.mark.parametrize(
    ("line", "reason"),
    [
        ('ca_bundle = "ca.pem"', r"trusts the certificate authority ca\.pem \(SHA-256 [0-9a-f]{64}\) for localhost"),
        ('proxies = { https = "http://127.0.0.1:9" }', "through the proxy http://127.0.0.1:9"),
        ('endpoint_hosts = ["login.evil.example"]', r"counts login\.evil\.example as the provider's own"),
    ],
)
def test_whom_to_trust(line: str, reason: str, clone: Path, demo: DemoServer, usual_trust: None) -> None:
    """A cloned configuration changes whom to trust for nobody, a genuine provider's own sign-in included."""
    path = _write(clone, demo, line, 'client_secret = { file = "own" }')
    (clone / "own").write_text("shipped with the clone")
    error = _assert_refused(demo, reason)
    assert str(error).endswith(f" in a shell, run: nbauth trust {path}")


def test_one_approval(clone: Path, demo: DemoServer, person: Callable[..., Any]) -> None:
    """After one approval a cloned configuration works, in every kernel, until it or its authority changes."""
    path = _write(clone, demo, 'ca_bundle = "ca.pem"', 'client_secret = { env = "NIGHTLY_SECRET" }')
    os.environ["NIGHTLY_SECRET"] = demo.client_secret
    error = _assert_refused(demo, "needs your approval")
    assert main(["trust", "--show", str(path)]) == 1
    assert main(["trust", str(path)]) == 0
    assert main(["trust", "--show"]) == 0
    for _ in range(2):
        kernel.reset()
        assert len(nbauth.read(f"{demo.api_url}/cities")) == 10
    for file, text in ((path, path.read_text() + "\n"), (clone / "ca.pem", "\n" + demo.ca_file.read_text())):
        before = file.read_text()
        file.write_text(text)
        kernel.reset()
        demo.provider.requests.clear()
        demo.api.requests.clear()
        _assert_refused(demo, "needs your approval")
        file.write_text(before)
        assert len(nbauth.read(f"{demo.api_url}/cities")) == 10
    assert main(["trust", "--revoke"]) == 0
    kernel.reset()
    demo.provider.requests.clear()
    demo.api.requests.clear()
    assert _assert_refused(demo, "needs your approval").args == error.args


def test_a_certificate_that_changes_between(clone: Path, demo: DemoServer, monkeypatch: pytest.MonkeyPatch) -> None:
    """What was approved is what is trusted, also where the file becomes another one after it was looked at."""
    path = _write(clone, demo, 'ca_bundle = "ca.pem"', 'client_secret = { file = "own" }')
    (clone / "own").write_text(demo.client_secret)
    genuine = (clone / "ca.pem").read_bytes()
    usual = Path(certifi.where()).read_bytes()  # no authority of the demo's, as what was approved
    (clone / "ca.pem").write_bytes(usual)
    assert main(["trust", str(path)]) == 0
    check = approvals.Approvals.check

    def swapped(*args: Any, **options: Any) -> bool:
        (clone / "ca.pem").write_bytes(usual)
        is_approved = check(*args, **options)
        (clone / "ca.pem").write_bytes(genuine)  # as somebody may who can write there, too
        return is_approved

    monkeypatch.setattr(approvals.Approvals, "check", swapped)
    with pytest.raises(ProviderUnavailable, match="certificate"):
        nbauth.client("job")
    with pytest.raises(ApprovalRequired):
        nbauth.read(f"{demo.api_url}/cities")
    assert not demo.provider.requests
    assert not demo.api.requests


@pytest.mark.parametrize("change", [("/.default", "/Other"), ('"one"', '"two"')], ids=["scope", "parameter"])
def test_a_configuration_that_changes_between(change: Any, clone: Path, demo: DemoServer, usual_trust: None) -> None:
    """An approval is of what the file says now, and not of what a session read from it before."""
    os.environ["NIGHTLY_SECRET"] = demo.client_secret
    parameters = 'authorization_parameters = { audience = "one" }'
    path = _write(clone, demo, 'client_secret = { env = "NIGHTLY_SECRET" }', parameters)
    session = nbauth.session()
    path.write_text(path.read_text().replace(*change))
    assert main(["trust", str(path)]) == 0
    with pytest.raises(ApprovalRequired, match=r"has changed since it was read.* Make a new one of what reads here"):
        session.get(f"{demo.api_url}/cities")
    assert not demo.provider.requests


def test_one_file_by_two_ways(clone: Path, demo: DemoServer, tmp_path: Path) -> None:
    """One approval is enough for a folder that is reached by a link, too, as where home directories are links."""
    path = _write(clone, demo, 'ca_bundle = "ca.pem"')
    (tmp_path / "link").symlink_to(clone)
    assert main(["trust", str(tmp_path / "link")]) == 0
    assert main(["trust", "--show", str(path)]) == 0
    assert main(["trust", "--show", str(tmp_path / "link/nbauth.toml")]) == 0


def test_a_secret_that_becomes_a_link(clone: Path, demo: DemoServer, apart: Path, usual_trust: None) -> None:
    """A secret in the configuration's own folder is free; once it leads elsewhere, as after a pull, it is asked for."""
    _secrets(apart.parent)
    _write(clone, demo, 'client_assertion = { file = "own" }')
    (clone / "own").write_text("shipped with the clone")
    with pytest.raises(SignInFailed):
        nbauth.login()
    demo.provider.requests.clear()
    demo.api.requests.clear()
    (clone / "own").unlink()
    (clone / "own").symlink_to(apart.parent / ".aws/credentials")
    _assert_refused(demo, r"sends the file .*/\.aws/credentials, to which .*/own leads, to")


def test_in_the_home_directory(clone: Path, demo: DemoServer, apart: Path, usual_trust: None) -> None:
    """Where a configuration lies in the home directory, as out of an archive, no file there counts as its own."""
    _secrets(apart.parent)
    _write(apart.parent, demo, 'client_secret = { file = ".aws/credentials" }')
    _assert_refused(demo, r"sends the file .*/\.aws/credentials to")


def test_an_entra_profile_in_a_repository(clone: Path, demo: DemoServer) -> None:
    """A profile of one of Microsoft's own clouds is free: for a person, and for a job with a secret of anywhere."""
    path = clone / "nbauth.toml"
    path.write_text(
        "\n".join(
            f"""
            [profiles.{name}]
            client_id = "00000000-0000-0000-0000-000000000000"
            {authority}
            {credential}
            [profiles.{name}.apis]
            "https://graph.microsoft.com" = ["https://graph.microsoft.com/.default"]
            """
            for name, authority, credential in (
                ("work", 'tenant = "contoso.example"', ""),
                ("nightly", 'tenant = "contoso.example"', 'client_secret = { env = "NIGHTLY_SECRET" }'),
                ("china", 'cloud = "china"\ntenant = "contoso.example"', 'client_assertion = { file = "~/token" }'),
                ("vm", "", "managed_identity = true"),
                ("lab", 'oidc_authority = "https://login.example.org"', ""),
            )
        ).replace('client_id = "00000000-0000-0000-0000-000000000000"\n            \n            managed', "managed")
    )
    assert {name: trust.reasons(profile) for name, profile in kernel.config().profiles.items()} == dict.fromkeys(
        ("work", "nightly", "china", "vm", "lab"), ()
    )
    assert main(["trust"]) == 0


@pytest.mark.parametrize(
    "path",
    ["evil/b2c_1_x", "te/evil/b2c_1_x", "evil/%62%32c_1_x", "evil;p=b2c_1_x", "evil%3fp=b2c_1_x", "%61dfs", "adfs"],
)
def test_another_provider_on_microsoft_s_hosts(path: str, clone: Path) -> None:
    """A tenant alone is Entra: whatever else stands in the path may lead to somebody's B2C, however it is spelt."""
    profile = nbauth.Profile(
        "job",
        client_id="c",
        authority=f"https://login.microsoftonline.com/{path}",
        client_secret={"env": "NIGHTLY_SECRET"},  # type: ignore[arg-type]  # as a file says it
        apis={"https://api.example.com": (".default",)},
        file=str(clone / "nbauth.toml"),
    )
    assert trust.reasons(profile) == ("sends the environment variable NIGHTLY_SECRET to login.microsoftonline.com",)


@pytest.mark.parametrize("place", ["named", "user", "code"])
def test_a_person_s_own_word(place: str, clone: Path, demo: DemoServer, monkeypatch: pytest.MonkeyPatch) -> None:
    """What a person named, wrote into their own directory or made in code needs no approval."""
    os.environ["NIGHTLY_SECRET"] = demo.client_secret
    lines = f'ca_bundle = "{demo.ca_file}"', 'client_secret = { env = "NIGHTLY_SECRET" }'
    if place == "user":
        trust.user_file().parent.mkdir(parents=True)
        _write(trust.user_file().parent, demo, *lines)
    else:
        path = _write(clone, demo, *lines)
        monkeypatch.setenv("NBAUTH_CONFIG", str(path))
        if place == "code":
            profile = kernel.config().profiles["job"]
            monkeypatch.delenv("NBAUTH_CONFIG")
            kernel.add_profile(profile)
    assert len(nbauth.read(f"{demo.api_url}/cities")) == 10


# Whose file it is


def _of_another_user(path: Path) -> None:
    os.chown(path, 65534, 65534)


def _a_link_of_another_user(path: Path) -> None:
    path.rename(path.with_name("real"))
    path.symlink_to("real")
    os.chown(path, 65534, 65534, follow_symlinks=False)


def _a_link_to_another_user_s(path: Path) -> None:
    path.rename(path.with_name("real"))
    path.symlink_to("real")
    os.chown(path, 65534, 65534)


@pytest.mark.parametrize(
    ("spoil", "reason"),
    [
        (_of_another_user, "it belongs to another user"),
        (lambda path: path.chmod(0o666), "everybody may write to it"),
        (_a_link_of_another_user, "the link .* belongs to another user"),
        (_a_link_to_another_user_s, "it belongs to another user"),
    ],
)
@pytest.mark.parametrize("named", [False, True])
def test_a_foreign_file(
    *, named: bool, spoil: Callable[[Path], None], reason: str, clone: Path, demo: DemoServer, usual_trust: None
) -> None:
    """A configuration that somebody else owns or may write to is refused with the reason, and never skipped."""
    if os.getuid() != 0 and reason != "everybody may write to it":
        return  # only root gives a file away
    path = _write(clone.parent, demo, 'client_secret = { file = "own" }')
    (clone.parent / "own").write_text("s")
    spoil(path)
    if named:
        os.environ["NBAUTH_CONFIG"] = str(path)
    _assert_refused(demo, f"nbauth.toml: is refused, because {reason}", ConfigError)
    assert main(["trust"]) == 1


@pytest.mark.parametrize("mode", [0o777, 0o666])
def test_the_way_out(mode: int, clone: Path, demo: DemoServer) -> None:
    """Where everybody may write to a configuration, as on WSL's drives, the lines that are said help."""
    os.environ["NIGHTLY_SECRET"] = demo.client_secret
    folder = clone / "Jane's project"
    folder.mkdir()
    path = _write(folder, demo, f'ca_bundle = "{clone / "ca.pem"}"', 'client_secret = { env = "NIGHTLY_SECRET" }')
    path.chmod(mode)
    os.chdir(folder)
    with pytest.raises(ConfigError) as caught:
        kernel.config()
    chmod, copy, export = [line for line in str(caught.value).splitlines() if line.startswith("    ")]
    subprocess.run(copy, shell=True, check=True)  # noqa: S602 - as a person types it
    (os.environ["NBAUTH_CONFIG"],) = shlex.split(export.partition("=")[2])
    assert len(nbauth.read(f"{demo.api_url}/cities")) == 10
    del os.environ["NBAUTH_CONFIG"]
    subprocess.run(chmod, shell=True, check=True)  # noqa: S602 - as a person types it
    assert kernel.config().source == str(path)


# What a `.env` of the clone sets


@pytest.mark.parametrize(
    ("variable", "value", "moved"),
    [
        ("REQUESTS_CA_BUNDLE", "{clone}/ca.pem", None),
        ("CURL_CA_BUNDLE", "../ca.pem", None),
        ("NBAUTH_CA_BUNDLE", "../ca.pem", "{outside}"),
        ("REQUESTS_CA_BUNDLE", "{clone}/notebooks/link.pem", "/"),
        ("NBAUTH_CA_BUNDLE", "{outside}/link.pem", "{outside}/folder"),
    ],
)
def test_a_bundle_of_the_clone(
    *, variable: str, value: str, moved: str | None, clone: Path, demo: DemoServer, tmp_path: Path
) -> None:
    """A certificate authority of the clone is refused, wherever it lies and wherever the notebook is said to be."""
    shutil.copy(demo.ca_file, tmp_path / "usual.pem")
    (clone / "notebooks/link.pem").symlink_to(tmp_path / "usual.pem")
    (tmp_path / "link.pem").symlink_to(clone / "ca.pem")
    for name in ("REQUESTS_CA_BUNDLE", "CURL_CA_BUNDLE"):
        os.environ.pop(name, None)
    os.environ |= _azure(demo) | {variable: value.format(clone=clone, outside=tmp_path)}
    if moved:
        os.environ["NBAUTH_NOTEBOOK_DIR"] = moved.format(outside=tmp_path)
    _assert_refused(demo, f"{variable} names .*pem, which lies in the notebook's own directory", ConfigError)


def _azure(demo: DemoServer) -> dict[str, str]:
    host, tenant = demo.authority.removeprefix("https://").split("/")
    return {
        "AZURE_TENANT_ID": tenant,
        "AZURE_CLIENT_ID": demo.confidential_client_id,
        "AZURE_CLIENT_SECRET": demo.client_secret,
        "AZURE_AUTHORITY_HOST": f"https://{host}",
        "NBAUTH_APIS": json.dumps({demo.api_origin: ["api://nbauth-demo/.default"]}),
    }


def test_an_authority_of_the_clone(clone: Path, demo: DemoServer, usual_trust: None) -> None:
    """A person's secret goes to no authority host that a `.env` of the clone names, until they approved of it."""
    os.environ |= _azure(demo)
    (clone / ".env").write_text(f"# settings\n export AZURE_AUTHORITY_HOST='{demo.authority}'\r\n")
    _assert_refused(demo, r"sends the environment variable AZURE_CLIENT_SECRET to localhost.* run: nbauth trust$")
    assert main(["trust"]) == 0
    assert len(nbauth.read(f"{demo.api_url}/cities")) == 10


def test_an_unknown_authority() -> None:
    """A secret of the environment goes to Microsoft's clouds by itself, and to another host after an approval."""
    environ = {"AZURE_TENANT_ID": "t", "AZURE_CLIENT_ID": "c", "AZURE_CLIENT_SECRET": "s", "NBAUTH_APIS": "{}"}
    for host, is_free in (("login.microsoftonline.us", True), ("login.microsoftonline.com.evil.example", False)):
        profile = config.from_environment({**environ, "AZURE_AUTHORITY_HOST": f"https://{host}"}).profiles["default"]
        assert (trust.reasons(profile) == ()) is is_free


def test_a_configuration_that_a_dotenv_names(clone: Path, demo: DemoServer, tmp_path: Path) -> None:
    """`NBAUTH_CONFIG` is a person's word, but not where a `.env` of the clone has that line, or a relative path."""
    path = _write(clone, demo, 'ca_bundle = "ca.pem"', 'client_secret = { env = "NIGHTLY_SECRET" }')
    os.environ["NIGHTLY_SECRET"] = demo.client_secret
    os.environ["NBAUTH_CONFIG"] = "../nbauth.toml"
    with pytest.raises(ApprovalRequired):
        nbauth.read(f"{demo.api_url}/cities")
    os.environ["NBAUTH_CONFIG"] = str(path)
    (clone / "notebooks/.env").write_text("NBAUTH_CONFIG=${PWD}/../nbauth.toml\n")
    _assert_refused(demo, "needs your approval")
    (clone / "notebooks/.env").write_text("#" * 1024 * 1024 + "\nNBAUTH_CONFIG=x")
    _assert_refused(demo, "needs your approval")
    (clone / "notebooks/.env").unlink()
    assert len(nbauth.read(f"{demo.api_url}/cities")) == 10


@pytest.mark.parametrize("variables", [("XDG_STATE_HOME",), ("XDG_CONFIG_HOME", "XDG_STATE_HOME"), ("HOME",)])
def test_directories_of_the_clone(
    variables: tuple[str, ...], clone: Path, demo: DemoServer, person: Callable[..., Any]
) -> None:
    """Where the clone says that a person's directories are its own, no approval in them counts, and none is kept."""
    path = _write(clone, demo, 'ca_bundle = "ca.pem"', 'client_secret = { env = "NIGHTLY_SECRET" }')
    os.environ["NIGHTLY_SECRET"] = demo.client_secret
    assert main(["trust"]) == 0  # as the attacker did, to ship what it leaves
    shipped = approvals.directory()
    for name in ("XDG_STATE_HOME", "XDG_CONFIG_HOME") if variables == ("HOME",) else ():
        del os.environ[name]
    for name in variables:
        os.environ[name] = str(clone / "home")
    shutil.copytree(shipped, approvals.directory(), dirs_exist_ok=True)
    approvals.directory().chmod(0o700)
    if "XDG_CONFIG_HOME" in variables:
        trust.user_file().parent.mkdir(parents=True, exist_ok=True)
        path.rename(trust.user_file())
        shutil.copy(clone / "ca.pem", trust.user_file().parent)
    _assert_refused(demo, "needs your approval")
    assert main(["trust"]) == 1


@pytest.mark.parametrize("named", ["~/nbauth.toml", "{home}/nbauth.toml"])
def test_a_home_of_the_clone(named: str, clone: Path, demo: DemoServer, monkeypatch: pytest.MonkeyPatch) -> None:
    """Where a `.env` moves HOME into the clone, what a person wrote with a tilde means their own files."""
    own = clone.parent.parent / "own"
    own.mkdir()
    monkeypatch.setattr(tree, "_account_home", lambda: own)
    _write(own, demo, 'ca_bundle = "~/company.pem"', 'client_secret = { env = "NIGHTLY_SECRET" }')
    shutil.copy(certifi.where(), own / "company.pem")
    shutil.copy(own / "nbauth.toml", clone / "notebooks/nbauth.toml")
    shutil.copy(demo.ca_file, clone / "notebooks/company.pem")
    os.environ |= {"NIGHTLY_SECRET": demo.client_secret, "HOME": str(clone / "notebooks")}
    os.environ["NBAUTH_CONFIG"] = named.format(home=own)
    (clone / ".env").write_text("HOME=${PWD}\n")
    with pytest.raises(ProviderUnavailable, match="certificate"):
        nbauth.read(f"{demo.api_url}/cities")
    assert not demo.provider.requests


def test_a_sign_in_is_not_remembered_in_the_clone(
    clone: Path, demo: DemoServer, person: Callable[..., Any], monkeypatch: pytest.MonkeyPatch
) -> None:
    """No refresh token is written into the clone, and no sign-in that it ships is taken up."""
    monkeypatch.setenv("NBAUTH_CONFIG", str(demo.config_path))
    monkeypatch.setenv("NBAUTH_ALLOW_PLAINTEXT_CACHE", "1")
    nbauth.login("demo", flow="paste", prompt=person(), remember=True, timeout_s=20)
    (remembered,) = location.directory().glob("*.bin")
    monkeypatch.setenv("XDG_STATE_HOME", str(clone / "state"))
    location.directory().mkdir(mode=0o700, parents=True)
    shipped = location.directory() / remembered.name
    shutil.copy2(remembered, shipped)
    kernel.reset()
    with pytest.raises(SignInCancelled, match="Nobody is there"):
        nbauth.login("demo", flow="paste", prompt=NullPrompt(), timeout_s=20)
    shipped.unlink()
    with pytest.warns(NotRememberedWarning, match="it lies in the notebook's own directory, or in the clone around it"):
        nbauth.login("demo", flow="paste", prompt=person(), remember=True, timeout_s=20)
    assert not list(clone.rglob("*.bin"))


def test_a_dotenv_allows_no_plain_text(
    clone: Path, demo: DemoServer, person: Callable[..., Any], monkeypatch: pytest.MonkeyPatch
) -> None:
    """A `.env` of the clone does not allow a remembered sign-in in plain text."""
    monkeypatch.setenv("NBAUTH_CONFIG", str(demo.config_path))
    monkeypatch.setenv("NBAUTH_ALLOW_PLAINTEXT_CACHE", "1")
    (clone / ".env").write_text("NBAUTH_ALLOW_PLAINTEXT_CACHE=1\n")
    with pytest.warns(NotRememberedWarning, match="nothing on this machine can encrypt it"):
        nbauth.login("demo", flow="paste", prompt=person(), remember=True, timeout_s=20)
    assert not list(location.directory().glob("*.bin"))


def test_no_key_of_the_clone(apart: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """What authenticates the http cache and what `to=` left is no key that an archive brought, whatever its `.env`."""
    monkeypatch.setenv("XDG_STATE_HOME", str(apart / "state"))
    with pytest.raises(ValueError, match="its key would lie in the notebook's own directory"):
        StateKey("http_cache").mac(b"text")
    assert not (apart / "state").exists()
