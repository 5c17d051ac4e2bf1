from __future__ import annotations

import asyncio
import json
import os
import shutil
import sys
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest

import nbauth
from nbauth import kernel
from nbauth.demo.provider.provider import ALICE
from nbauth.errors import ConfigError, SignInCancelled, SignInRequired
from nbauth.frontend import front_end
from nbauth.signin.profile.trust import user_file
from nbauth.signin.remembered import location

if TYPE_CHECKING:
    from collections.abc import Callable

    from nbauth.demo.person import Person
    from nbauth.demo.server import DemoServer


def _login(person: Callable[..., Any], who: str = "alice", **options: Any) -> nbauth.Account:
    return nbauth.login("demo", flow="paste", prompt=person(who), timeout_s=20, **options)


def test_signed_in_is_signed_in(demo: DemoServer, person: Callable[..., Any]) -> None:
    """Whoever is signed in is not asked again, and it costs no request."""
    first = _login(person)
    demo.provider.requests.clear()
    assert nbauth.login("demo") == first
    assert len(demo.provider.requests) == 0


def test_two_accounts(demo: DemoServer, person: Callable[..., Any]) -> None:
    """A second account signs in beside the first; the last one named is the present one."""
    _login(person)
    _login(person, "bob", account="bob@contoso.example")
    assert [account.username for account in kernel.accounts()] == ["alice@contoso.example", "bob@contoso.example"]
    nbauth.login("demo", account="ALICE@contoso.example")
    assert kernel.accounts()[-1].username == "alice@contoso.example"


def test_another_tenant(demo: DemoServer, person: Callable[..., Any]) -> None:
    """Signing in with a tenant goes to that tenant."""
    account = _login(person, tenant="contoso.example")
    assert account.tenant_id == "11111111-2222-4333-8444-555555555555"
    assert demo.provider.requests.count("/contoso.example/v2.0/*") == 1


def test_sign_out(demo: DemoServer, person: Callable[..., Any]) -> None:
    """Signing out empties the account from MSAL's cache, so that nothing can be had silently."""
    _login(person)
    application = nbauth.client("demo")
    assert len(application.get_accounts()) == 1
    assert kernel.logout("demo") == ("alice@contoso.example",)
    assert application.get_accounts() == []
    assert kernel.accounts() == []
    for kind in ("AccessToken", "RefreshToken", "IdToken", "Account"):
        assert list(application.token_cache.search(kind)) == []
    assert kernel.logout() == ()


def test_a_revoked_sign_in(demo: DemoServer, person: Callable[..., Any]) -> None:
    """After the provider revoked a sign-in the next login asks the person, though the old token looks good."""
    for _ in range(2):
        _login(person)
        demo.provider.revoke(ALICE)
        with pytest.raises(SignInRequired, match=r'nbauth\.login\("demo"\)'):
            nbauth.read(f"{demo.api_url}/me")
        _login(person)
        assert len(nbauth.read(f"{demo.api_url}/me")) == 1


def test_sign_out_of_everything(demo: DemoServer, person: Callable[..., Any]) -> None:
    """Without a profile every sign-in of the kernel ends, applications included."""
    _login(person)
    nbauth.login("nightly")
    assert set(kernel.logout()) == {"alice@contoso.example", demo.confidential_client_id}
    assert kernel.accounts() == []


def test_sign_out_everywhere(demo: DemoServer, person: Callable[..., Any], monkeypatch: pytest.MonkeyPatch) -> None:
    """`everywhere` shows the address that ends the session at the provider, with no token in it."""
    shown: list[tuple[str, str]] = []
    monkeypatch.setattr(front_end, "show_address", lambda text, url: shown.append((text, url)))
    prompt = person()
    browser: Person = prompt._person
    nbauth.login("demo", flow="paste", prompt=prompt, timeout_s=20)
    nbauth.logout("demo", everywhere=True)
    ((_, url),) = shown
    assert not any(secret in url for secret in demo.provider.issued_secrets)
    browser.open_logout(url)
    # A browser that still had its session would be sent straight back and could not say no.
    again = person("cancel")
    again._person = browser
    with pytest.raises(nbauth.errors.SignInRefused):
        nbauth.login("demo", flow="paste", prompt=again, timeout_s=20)


def test_nobody_is_signed_in(demo: DemoServer) -> None:
    """A person's profile that is not signed in raises before any traffic, wherever a token is needed."""
    url = f"{demo.api_url}/sunlight"
    for act in (
        lambda: nbauth.session("demo"),
        lambda: nbauth.read(url, profile="demo"),
        lambda: nbauth.open(url, profile="demo"),
        lambda: next(iter(nbauth.pages(url, profile="demo"))),
    ):
        with pytest.raises(SignInRequired, match=r"Nobody is signed in to profile 'demo'\. Run: nbauth\.login"):
            act()
    assert len(demo.provider.requests) == len(demo.api.requests) == 0


def test_arguments_that_cannot_be_meant(demo: DemoServer) -> None:
    """Arguments that cannot be meant are errors that say so."""
    with pytest.raises(ConfigError, match=r"no profile 'nobody' in .*known: demo, nightly"):
        nbauth.login("nobody")
    with pytest.raises(ConfigError, match="timeout_s: expected more than 0"):
        nbauth.login("demo", timeout_s=0)
    with pytest.raises(ConfigError, match=r"expected an nbauth\.Profile, found dict"):
        kernel.add_profile({"client_id": "x"})  # type: ignore[arg-type]


def test_profile_names(demo: DemoServer, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """The names for completion are there, and a mistake in the file makes them empty, not an error."""
    assert kernel.profile_names() == ["demo", "nightly"]
    broken = tmp_path / "nbauth.toml"
    broken.write_text("profiles = [")
    monkeypatch.setenv("NBAUTH_CONFIG", str(broken))
    assert kernel.profile_names() == []


def test_a_file_that_changes(tmp_path: Path) -> None:
    """A profile that was edited while the kernel runs holds at once."""
    path = Path.cwd() / "nbauth.toml"
    text = '[profiles.{0}]\nclient_id = "x"\ntenant = "t"\n[profiles.{0}.apis]\n"https://a.example" = ["s"]\n'
    path.write_text(text.format("one"))
    assert kernel.profile_names() == ["one"]
    path.write_text(text.format("another"))
    assert kernel.profile_names() == ["another"]


def test_without_blocking(demo: DemoServer, person: Callable[..., Any], monkeypatch: pytest.MonkeyPatch) -> None:
    """`login_async` signs in while the event loop goes on."""
    monkeypatch.setattr(front_end, "prompt", person)

    async def main() -> tuple[nbauth.Account, int]:
        ticks = 0
        task = asyncio.create_task(nbauth.login_async("demo", flow="device_code", timeout_s=20))
        while not task.done():
            ticks += 1
            await asyncio.sleep(0.01)
        return task.result(), ticks

    account, ticks = asyncio.run(main())
    assert account.username == "alice@contoso.example"
    assert ticks > 20


def test_a_cancelled_task(demo: DemoServer, person: Callable[..., Any], monkeypatch: pytest.MonkeyPatch) -> None:
    """A cancelled `login_async` ends the sign-in in its thread."""
    outcomes: list[Any] = []

    class Waiting(type(person())):  # type: ignore[misc]
        def show_code(self, *_: Any, **__: Any) -> None:
            """Do nothing."""

        def end(self, outcome: Any) -> None:
            outcomes.append(outcome)

    monkeypatch.setattr(front_end, "prompt", lambda: Waiting(None, "alice"))

    async def main() -> None:
        task = asyncio.create_task(nbauth.login_async("demo", flow="device_code", timeout_s=20))
        await asyncio.sleep(0.5)
        task.cancel()
        with pytest.raises(asyncio.CancelledError):
            await task

    asyncio.run(main())
    for _ in range(100):
        if outcomes:
            break
        asyncio.run(asyncio.sleep(0.05))
    assert [type(outcome) for outcome in outcomes] == [SignInCancelled]


@pytest.mark.skipif(not hasattr(os, "fork"), reason="there is no fork on this platform")
@pytest.mark.filterwarnings("ignore:.*fork:DeprecationWarning")
def test_a_child_keeps_the_sign_in(demo: DemoServer) -> None:
    """A child process keeps the sign-in, and its locks are its own even if the parent held them."""
    nbauth.login("nightly")
    profile = kernel.config().profiles["nightly"]
    credential = kernel.credential_of(profile, profile.login_scopes)
    with kernel._state.lock, credential._lock, credential.refresh_lock:
        child = os.fork()
        if child == 0:
            try:
                first = credential.token(profile.login_scopes)
                os._exit(0 if credential.token(profile.login_scopes, rejected=first) != first else 3)
            except BaseException:
                os._exit(4)
    assert os.waitstatus_to_exitcode(os.waitpid(child, 0)[1]) == 0


def test_import_loads_no_library() -> None:
    """`import nbauth` loads neither pandas, MSAL, requests, ipywidgets nor IPython."""
    import subprocess

    code = (
        "import sys, nbauth, nbauth.errors; dir(nbauth)\n"
        "heavy = {'pandas', 'msal', 'requests', 'ipywidgets', 'IPython', 'cryptography'} & set(sys.modules)\n"
        "sys.exit(str(heavy) if heavy else 0)"
    )
    assert subprocess.run([sys.executable, "-c", code], check=False).returncode == 0


def test_exported_members() -> None:
    """`nbauth.__all__` is what can be used, and nothing else public is there."""
    for name in nbauth.__all__:
        assert getattr(nbauth, name) is not None
    public = {name for name in vars(nbauth) if not name.startswith("_")}
    submodules = {"annotations", "importlib", "TYPE_CHECKING", "Any", "load_ipython_extension"}
    submodules |= {name.split(".")[1] for name in sys.modules if name.startswith("nbauth.")}
    assert public - submodules <= set(nbauth.__all__)
    with pytest.raises(AttributeError, match="no attribute 'nothing'"):
        _ = nbauth.nothing


@pytest.mark.skipif(sys.platform == "win32", reason="Windows deletes no directory that is in use")
def test_a_working_directory_that_was_deleted(demo: DemoServer, person: Callable[..., Any], apart: Path) -> None:
    """Where the working directory is gone, tokens, profiles and sign-out go on, and nothing makes it anew."""
    gone = apart / "gone"
    gone.mkdir()
    os.chdir(gone)
    (apart / "secret").write_text("x")
    _login(person)
    shutil.rmtree(gone)
    profile = kernel.config().profiles["demo"]
    credential = kernel.credential_of(profile, profile.login_scopes)
    token = credential.token(profile.login_scopes)
    assert credential.token(profile.login_scopes, rejected=token) != token
    assert len(nbauth.read(f"{demo.api_url}/me")) == 1
    relative = nbauth.Profile(
        "job", client_id="x", tenant="a.example", apis=profile.apis, client_secret={"file": "../secret"}
    )
    assert relative.client_secret is not None
    with pytest.raises(ConfigError, match="No such file"):
        relative.client_secret.read()
    assert kernel.logout() == ("alice@contoso.example",)
    _login(person, remember=False)
    assert kernel.logout("demo") == ("alice@contoso.example",)
    assert not gone.exists()


@pytest.mark.skipif(sys.platform == "win32", reason="Windows deletes no directory that is in use")
def test_a_configuration_above_one_that_was_deleted(apart: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """An nbauth.toml above a deleted working directory is still found, wherever the system still tells the path."""
    gone = apart / "gone"
    gone.mkdir()
    os.chdir(gone)
    monkeypatch.setenv("PWD", str(gone))
    (apart / "nbauth.toml").write_text(
        '[profiles.w]\nclient_id = "x"\ntenant = "a.example"\n[profiles.w.apis]\n"https://a.example" = ["s"]\n'
    )
    gone.rmdir()
    assert kernel.profile_names() == ["w"]
    monkeypatch.setattr(os, "readlink", _no_such_link)
    assert kernel.profile_names() == ["w"]
    monkeypatch.delenv("PWD")
    assert kernel.profile_names() == []
    assert kernel.logout() == ()


def _no_such_link(*_: object) -> str:
    raise FileNotFoundError


# Sign-out while the configuration is not what it was


def _half(file: Path) -> None:
    file.write_text(file.read_text()[:50])


def _renamed(file: Path) -> None:
    file.write_text(file.read_text().replace("[profiles.w", "[profiles.z"))


def _edited(file: Path) -> None:
    file.write_text(file.read_text().replace('client_id = "', 'client_id = "x-'))


def _binary(file: Path) -> None:
    file.write_bytes(b"\xff\xfe\x00")


def _without_bundle(file: Path) -> None:
    (file.parent / "ca.pem").unlink()


def _without_secret(file: Path) -> None:
    (file.parent / "secret").unlink()


@pytest.fixture
def own_file(demo: DemoServer, monkeypatch: pytest.MonkeyPatch) -> Callable[[str, str], Path]:
    """Return what writes the user's own nbauth.toml, with a profile w that has further keys."""
    monkeypatch.setenv("NBAUTH_ALLOW_PLAINTEXT_CACHE", "1")

    def write(keys: str, client_id: str) -> Path:
        apis = kernel.config().profiles["demo" if "kind" in keys or not keys else "nightly"].apis
        authority = kernel.config().profiles["demo"].authority_url
        monkeypatch.delenv("NBAUTH_CONFIG")
        file = user_file()
        file.parent.mkdir(parents=True)
        (file.parent / "ca.pem").write_bytes(demo.ca_file.read_bytes())
        (file.parent / "secret").write_text(demo.client_secret)
        tables = "".join(f'"{url}" = {json.dumps(scopes)}\n' for url, scopes in apis.items())
        file.write_text(
            f'[profiles.w]\nclient_id = "{client_id}"\nauthority = "{authority}"\nca_bundle = "ca.pem"\n{keys}'
            f"[profiles.w.apis]\n{tables}"
        )
        return file

    return write


@pytest.mark.parametrize(
    "change",
    [_half, Path.unlink, _renamed, _edited, _binary, _without_bundle, _without_secret],
    ids=lambda f: f.__name__,
)
@pytest.mark.parametrize(
    "keys", ["", 'client_secret = { file = "secret" }\nkind = "person"\n', 'client_secret = { file = "secret" }\n']
)
def test_sign_out_beside_a_file_that_changed(
    keys: str,
    change: Callable[[Path], None],
    demo: DemoServer,
    person: Callable[..., Any],
    own_file: Callable[..., Path],
) -> None:
    """Whatever became of the file, a sign-out by name ends what the kernel is signed in to, and forgets it."""
    file = own_file(keys, demo.confidential_client_id if keys else demo.client_id)
    is_person = "kind" in keys or not keys
    if is_person:
        account = nbauth.login("w", flow="paste", prompt=person(), remember=True, timeout_s=20)
    else:
        account = nbauth.login("w")
    cache = nbauth.client("w").token_cache
    change(file)
    assert nbauth.logout("w") == (account.username,)
    assert nbauth.accounts() == []
    for kind in ("AccessToken", "RefreshToken"):
        assert list(cache.search(kind)) == []
    assert list(location.directory().glob("*.bin")) == []


@pytest.mark.parametrize("change", [_half, Path.unlink])
def test_sign_out_of_what_nobody_knows(
    change: Callable[[Path], None], demo: DemoServer, person: Callable[..., Any], own_file: Callable[..., Path]
) -> None:
    """A name that nobody is signed in to says what is wrong with the file, and leaves the others signed in."""
    file = own_file("", demo.client_id)
    nbauth.login("w", flow="paste", prompt=person(), timeout_s=20)
    change(file)
    with pytest.raises(ConfigError, match=r"is not TOML|No profile is configured"):
        nbauth.logout("another")
    assert [account.profile for account in nbauth.accounts()] == ["w"]
