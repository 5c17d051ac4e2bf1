"""Several kernels with one remembered sign-in, and what happens when its file cannot be written."""

from __future__ import annotations

import contextlib
import dataclasses
import json
import os
import subprocess
import sys
import time
from concurrent.futures import ThreadPoolExecutor
from itertools import cycle
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest

import nbauth
from nbauth import kernel
from nbauth.errors import ProviderUnavailable, SignInCancelled, SignInRequired
from nbauth.signin.flows.prompt import NullPrompt
from nbauth.signin.remembered import document_file, location, shared_grant
from nbauth.signin.remembered.document import application_name
from nbauth.signin.remembered.encryption import PlainCodec
from nbauth.signin.remembered.store import Store

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    from nbauth.demo.server import DemoServer
    from nbauth.signin.tokens.credential import Credential

# A line that comes in begins a test, with its directory, environment and profile, or is a round: renew the
# token that it names, in some threads at once, and answer with what came.
_KERNEL = """
import json, os, sys, threading
from concurrent.futures import ThreadPoolExecutor
import nbauth
from nbauth import kernel
from nbauth.errors import NbauthError
from nbauth.signin.flows.prompt import NullPrompt
for line in sys.stdin:
    asked = json.loads(line)
    if "environ" in asked:
        os.environ.clear()
        os.environ.update(asked["environ"])
        os.chdir(asked["directory"])
        kernel.reset()
        name = asked["profile"]
        print("here", flush=True)
        continue
    try:
        nbauth.login(name, flow="paste", prompt=NullPrompt(), timeout_s=20)
        profile = kernel.config().profiles[name]
        credential = kernel.credential_of(profile, ())
        credential._memo.clear()  # a token that has just taken a refused one's place would not be renewed
        with ThreadPoolExecutor(asked["threads"]) as pool:
            renew = lambda _: credential.token(profile.login_scopes, rejected=asked["rejected"])
            answer = sorted(set(pool.map(renew, range(asked["threads"]))))
    except NbauthError as error:
        answer = [f"{type(error).__name__}: {error}"]
    print(json.dumps(answer), flush=True)
"""


class Kernels:
    """Eight kernels in processes of their own."""

    def __init__(self) -> None:
        self._processes = [
            subprocess.Popen([sys.executable, "-c", _KERNEL], stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True)
            for _ in range(8)
        ]

    def start_anew(self, *profiles: str) -> None:
        """Make them as good as new, in the test's directory and environment; they sign in to these profiles in turn."""
        for profile, process in zip(cycle(profiles), self._processes, strict=False):
            assert process.stdin is not None
            told = {"environ": dict(os.environ), "directory": str(Path.cwd()), "profile": profile}
            process.stdin.write(json.dumps(told) + "\n")
            process.stdin.flush()
        for process in self._processes:
            assert process.stdout is not None
            assert process.stdout.readline() == "here\n"

    def renew(self, *, rejected: str | None, threads: int = 1) -> list[str]:
        """Let all of them renew at once, and return each token or error that came, once."""
        for process in self._processes:
            assert process.stdin is not None
            process.stdin.write(json.dumps({"rejected": rejected, "threads": threads}) + "\n")
            process.stdin.flush()
        answers: set[str] = set()
        for process in self._processes:
            assert process.stdout is not None
            answers.update(json.loads(process.stdout.readline()))
        return sorted(answers)

    def close(self) -> None:
        """End them."""
        for process in self._processes:
            process.communicate(timeout=20)


@pytest.fixture(scope="module")
def shared_kernels() -> Iterator[list[Kernels]]:
    """Keep the kernels that the tests of this file share: eight take longer to start than most tests need."""
    started: list[Kernels] = []
    yield started
    for kernels in started:
        kernels.close()


@pytest.fixture
def kernels(shared_kernels: list[Kernels], request: pytest.FixtureRequest) -> Iterator[Kernels]:
    """Eight kernels, which a test has to make as good as new; a failure ends them."""
    if not shared_kernels:
        shared_kernels.append(Kernels())
    failed = request.session.testsfailed
    yield shared_kernels[0]
    if request.session.testsfailed > failed:
        shared_kernels.pop().close()


@pytest.fixture
def alice(demo: DemoServer, person: Callable[..., Any], monkeypatch: pytest.MonkeyPatch) -> Credential:
    """Alice, signed in and remembered."""
    monkeypatch.setenv("NBAUTH_ALLOW_PLAINTEXT_CACHE", "1")
    return _remember(demo, person)


def _remember(demo: DemoServer, person: Callable[..., Any]) -> Credential:
    nbauth.login("demo", flow="paste", prompt=person(), remember=True, timeout_s=20)
    demo.provider.requests.clear()
    return kernel.credential_of(kernel.config().profiles["demo"], ())


def _store() -> Store:
    return Store(location.directory(), application_name(kernel.config().profiles["demo"]), PlainCodec())


def _renew(credential: Credential) -> str:
    scopes = credential.profile.login_scopes
    return credential.token(scopes, rejected=credential.token(scopes))


@contextlib.contextmanager
def _another_thread(act: Callable[[], None]) -> Iterator[None]:
    with ThreadPoolExecutor(1) as pool:
        done = pool.submit(act)
        yield
        done.result()


def _write_when(store: Store, data: bytes, is_time: Callable[[], bool]) -> None:
    deadline = time.monotonic() + 30
    while not is_time():
        assert time.monotonic() < deadline
        time.sleep(0.01)
    with store.lock():
        store.write(data)


@pytest.mark.parametrize("life_s", [3600, 120], ids=["an hour", "two minutes"])
def test_eight_kernels_and_one_request(
    life_s: int,
    alice: Credential,
    demo: DemoServer,
    kernels: Kernels,
) -> None:
    """Eight kernels with four threads each renew at once, 20 times: one request each time, and the family lives.

    Tokens that live for less than five minutes are shared as well, though MSAL would renew them each time.
    """
    demo.provider.settings.access_token_s = life_s
    kernels.start_anew("demo")
    token = alice.token(alice.profile.login_scopes)
    for _ in range(20):
        demo.provider.requests.clear()
        answers = kernels.renew(rejected=token, threads=4)
        assert len(answers) == 1, answers
        assert answers != [token]
        assert demo.provider.requests.count("*/token") == 1
        (token,) = answers
        assert token.count(".") == 2
    demo.provider.requests.clear()
    kernel.reset()
    nbauth.login("demo", flow="paste", prompt=NullPrompt(), timeout_s=20)
    assert _renew(kernel.credential_of(alice.profile, ())).count(".") == 2  # the family was never revoked


def test_eight_kernels_with_two_profiles(
    demo: DemoServer,
    person: Callable[..., Any],
    kernels: Kernels,
    monkeypatch: pytest.MonkeyPatch,
    tmp_path: Path,
) -> None:
    """Kernels with one profile of an application or another one share its refresh token: one request each time."""
    monkeypatch.setenv("NBAUTH_ALLOW_PLAINTEXT_CACHE", "1")
    profile = kernel.config().profiles["demo"]
    lines = [
        line
        for name, api in (("demo", demo.api_origin), ("other", "https://b.example"))
        for line in (
            f"[profiles.{name}]",
            f'client_id = "{profile.client_id}"',
            f'authority = "{demo.authority}"',
            f'ca_bundle = "{demo.ca_file}"',
            f"[profiles.{name}.apis]",
            f'"{api}" = {json.dumps(profile.login_scopes)}',
        )
    ]
    (tmp_path / "two.toml").write_text("\n".join(lines))
    monkeypatch.setenv("NBAUTH_CONFIG", str(tmp_path / "two.toml"))
    nbauth.login("other", flow="paste", prompt=person(), remember=True, timeout_s=20)
    alice = _remember(demo, person)
    kernels.start_anew("demo", "other")
    token = alice.token(alice.profile.login_scopes)
    for _ in range(5):
        demo.provider.requests.clear()
        answers = kernels.renew(rejected=token, threads=2)
        assert len(answers) == 1, answers
        assert answers != [token]
        assert [record.status for record in demo.provider.requests.matching("*/token")] == [200]
        (token,) = answers
    assert token.count(".") == 2


def test_eight_kernels_start_on_an_expired_token(
    demo: DemoServer,
    person: Callable[..., Any],
    kernels: Kernels,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """Eight kernels whose `%login` meets an access token that has ended make one token request, and no error."""
    monkeypatch.setenv("NBAUTH_ALLOW_PLAINTEXT_CACHE", "1")
    demo.provider.settings.access_token_s = 1
    _remember(demo, person)
    kernels.start_anew("demo")
    time.sleep(1)  # the token's life
    demo.provider.settings.access_token_s = 3600
    answers = kernels.renew(rejected=None)
    assert len(answers) == 1, answers
    assert demo.provider.requests.count("*/token") == 1
    assert demo.provider.requests.count("*/token", status=200) == 1


def test_a_renewal_in_spite_of_the_lock(alice: Credential, demo: DemoServer) -> None:
    """When the refresh token was used in spite of the lock, the file is read once more before anybody is asked."""
    store, before = _store(), _store().read()
    assert before is not None
    first = alice.token(alice.profile.login_scopes)
    second = _renew(alice)  # another kernel's renewal, so to speak
    after = store.read()
    assert after is not None
    with store.lock():
        store.write(before)  # what this kernel reads first

    fault = demo.provider.faults.add("*/token", delay_s=1.0, status=400, body='{"error": "invalid_grant"}')
    alice._memo.clear()
    demo.provider.requests.clear()
    with _another_thread(lambda: _write_when(store, after, lambda: fault.hits == 1)):
        assert second == alice.token(alice.profile.login_scopes, rejected=first)
    assert demo.provider.requests.count("*/token") == 1


def test_a_renewal_in_spite_of_the_lock_that_is_of_no_use(alice: Credential, demo: DemoServer) -> None:
    """When what was written meanwhile has a newer refresh token but no token that is wanted, that one is used, once."""
    store, before = _store(), _store().read()
    assert before is not None
    _renew(alice)
    after = store.read()
    assert after is not None
    with store.lock():
        store.write(before)
    claims = '{"access_token": {"nbf": {"essential": true, "value": "1"}}}'
    fault = demo.provider.faults.add("*/token", delay_s=1.0, status=400, body='{"error": "invalid_grant"}')
    alice._memo.clear()
    demo.provider.requests.clear()
    with _another_thread(lambda: _write_when(store, after, lambda: fault.hits == 1)):
        # No token that is there is known to meet claims.
        assert alice.token(alice.profile.login_scopes, claims=claims).count(".") == 2
    assert [record.status for record in demo.provider.requests.matching("*/token")] == [400, 200]


def test_a_file_without_the_account(alice: Credential, demo: DemoServer) -> None:
    """A file whose tokens belong to no account that MSAL knows is of no use: the person is asked, and nothing sent."""
    store = _store()
    document = document_file.read_document(store)
    assert document is not None
    ((who, grant),) = document.grants.items()
    entries = {kind: found for kind, found in json.loads(grant.cache).items() if kind != "Account"}
    with store.lock():
        store.write(document.with_grant(who, dataclasses.replace(grant, cache=json.dumps(entries))).dump())
    name = alice.profile.name
    kernel.reset()
    demo.provider.requests.clear()
    with pytest.raises(SignInCancelled):
        nbauth.login(name, flow="paste", prompt=NullPrompt(), timeout_s=20)
    assert demo.provider.requests.count("*/token") == 0


def test_a_sign_in_that_has_ended(alice: Credential, demo: DemoServer) -> None:
    """A refresh token that the provider refuses, and that nobody has replaced, is tried once; the person is asked."""
    fault = demo.provider.faults.add("*/token", status=400, body='{"error": "invalid_grant"}', times=None)
    with pytest.raises(SignInRequired):
        _renew(alice)
    assert fault.hits == 1


def test_waiting_for_another_kernel_is_bounded(
    alice: Credential, demo: DemoServer, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A kernel that renews for ever holds up the others for a while; they use no refresh token meanwhile."""
    monkeypatch.setattr(shared_grant, "_RENEWAL_S", 0.2)
    rejected = alice.token(alice.profile.login_scopes)
    with _store().renewal(1.0):
        with pytest.raises(ProviderUnavailable, match="another kernel has been renewing"):
            alice.token(alice.profile.login_scopes, rejected=rejected)
        alice._memo.clear()
        assert rejected == alice.token(alice.profile.login_scopes)  # what is still good is used
    assert demo.provider.requests.count("*/token") == 0
    assert rejected != alice.token(alice.profile.login_scopes, rejected=rejected)


# When the file cannot be written

_NO_SPACE = """
import resource, signal
signal.signal(signal.SIGXFSZ, signal.SIG_IGN)
resource.setrlimit(resource.RLIMIT_FSIZE, (512, resource.RLIM_INFINITY))
"""
_READ_ONLY = """
import ctypes, os
from nbauth.signin.remembered import location
location.directory().chmod(0o500)
if os.geteuid() == 0:  # root may write anywhere until it gives its capabilities up (capset(2))
    header, none = (ctypes.c_uint32 * 2)(0x20080522, 0), (ctypes.c_uint32 * 6)()
    assert ctypes.CDLL(None, use_errno=True).capset(header, none) == 0
"""
_RENEW = """
import json, logging, sys
logging.basicConfig(filename=sys.argv[1], level=logging.WARNING)
import nbauth
from nbauth import kernel
from nbauth.signin.flows.prompt import NullPrompt
nbauth.login("demo", flow="paste", prompt=NullPrompt(), timeout_s=20)
profile = kernel.config().profiles["demo"]
credential = kernel.credential_of(profile, ())
tokens = [credential.token(profile.login_scopes)]
exec(sys.argv[2])
for _ in range(3):
    tokens.append(credential.token(profile.login_scopes, rejected=tokens[-1]))
    credential._memo.clear()  # a person's API would not refuse so often
print(len(set(tokens)))
"""


@pytest.mark.parametrize(
    ("trouble", "reason"),
    [(_NO_SPACE, "File too large"), (_READ_ONLY, "Permission denied")],
    ids=["disk full", "read-only directory"],
)
def test_a_renewal_that_cannot_be_written(
    trouble: str, reason: str, alice: Credential, demo: DemoServer, tmp_path: Path
) -> None:
    """The kernel goes on renewing in memory and says so once; the spent refresh token is not left for others to use."""
    log = tmp_path / "log"
    ran = subprocess.run(
        [sys.executable, "-c", _RENEW, log, trouble], capture_output=True, text=True, check=False, timeout=60
    )
    location.directory().chmod(0o700)
    assert ran.returncode == 0, ran.stderr
    assert int(ran.stdout) == 4
    said = [line for line in log.read_text().splitlines() if "remembered" in line]
    assert len(said) == 1, said
    assert f"cannot be kept: {reason}. This kernel stays signed in; later ones will ask." in said[0]
    assert demo.provider.requests.count("*/token") == 3
    assert _store().read() is None
    demo.provider.requests.clear()
    with pytest.raises(SignInRequired):  # and not with a refresh token that would revoke the other kernel's
        _renew(alice)
    assert demo.provider.requests.count("*/token") == 0


def test_a_first_save_on_a_full_disk(
    demo: DemoServer, person: Callable[..., Any], monkeypatch: pytest.MonkeyPatch
) -> None:
    """A sign-in succeeds where its first save fails, and keeps its tokens in memory."""
    monkeypatch.setenv("NBAUTH_ALLOW_PLAINTEXT_CACHE", "1")

    def full(*_: object) -> None:
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(os, "fsync", full)
    with pytest.warns(UserWarning, match="not remembered, because .*No space left on device"):
        alice = _remember(demo, person)
    assert list(location.directory().glob("*.tmp")) == []
    assert not _store().path.exists()
    assert _renew(alice).count(".") == 2
