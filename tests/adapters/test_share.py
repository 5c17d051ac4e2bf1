"""share(): what the programs that a kernel starts get of its sign-ins, who else gets nothing, and when it ends."""

from __future__ import annotations

import contextlib
import json
import multiprocessing
import os
import socket
import subprocess
import sys
from pathlib import Path
from typing import TYPE_CHECKING, Any, Self

import pytest
import sharing_process
from forked_children import in_child

import nbauth
from nbauth import kernel
from nbauth.adapters.share import share
from nbauth.environment import SHARED_AT
from nbauth.errors import ConfigError, SignInRequired
from nbauth.process import descendants, visitors
from nbauth.signin.tokens import share_channel

if TYPE_CHECKING:
    from collections.abc import Callable

    from nbauth.demo.server import DemoServer

PROGRAM = [sys.executable, str(Path(sharing_process.__file__))]

pytestmark = pytest.mark.skipif(not descendants.are_known(), reason="who started which process is known on Linux")


@pytest.fixture
def alice(demo: DemoServer, person: Callable[..., Any]) -> DemoServer:
    """Alice, signed in here."""
    nbauth.login("demo", flow="paste", prompt=person(), timeout_s=20)
    demo.provider.requests.clear()
    return demo


def _run(work: str, demo: DemoServer, **options: Any) -> Any:
    done = subprocess.run([*PROGRAM, work, demo.api_url], capture_output=True, text=True, check=False, **options)
    assert done.returncode == 0, done.stderr
    return json.loads(done.stdout)


class _Waiting:
    """A program that does its work again whenever it is told."""

    def __init__(self, work: str, demo: DemoServer) -> None:
        command = [*PROGRAM, "wait", work, demo.api_url]
        self._process = subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True)

    def outcome(self) -> Any:
        """Return what came of it."""
        assert self._process.stdout is not None
        return json.loads(self._process.stdout.readline())

    def again(self) -> Any:
        """Let it do its work once more."""
        assert self._process.stdin is not None
        self._process.stdin.write("\n")
        self._process.stdin.flush()
        return self.outcome()

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self._process.communicate()


def _end_of_token() -> str:
    profile = kernel.config().profiles["demo"]
    return kernel.credential_of(profile, profile.login_scopes).token(profile.login_scopes)[-8:]


def test_a_program_that_is_started(alice: DemoServer) -> None:
    """It reads as the kernel does, with the kernel's token, and nothing of MSAL's is there."""
    share()
    assert _run("me", alice) == "Alice Adams"
    assert _run("rows", alice) == 10
    assert _run("token", alice) == [_end_of_token(), False]
    assert alice.provider.requests.count("*/token") == 0


def test_without_configuration(alice: DemoServer) -> None:
    """It needs no nbauth.toml of its own: what is shared tells it all."""
    share()
    environment = {name: value for name, value in os.environ.items() if name != "NBAUTH_CONFIG"}
    assert _run("me", alice, env=environment, cwd="/") == "Alice Adams"


def test_at_more_removes(alice: DemoServer) -> None:
    """A program that it starts in turn gets the same."""
    share()
    assert _run("child", alice) == "Alice Adams"


def test_spawn(alice: DemoServer) -> None:
    """What `spawn` and a forkserver start has the sign-in."""
    share()
    for method in ("spawn", "forkserver"):
        with multiprocessing.get_context(method).Pool(2) as pool:
            assert pool.map(sharing_process.me, [alice.api_url] * 4) == ["Alice Adams"] * 4
            pool.close()
            pool.join()


def test_one_renewal(alice: DemoServer) -> None:
    """However many programs have a token that the API refuses, the kernel renews it once."""
    share()
    with contextlib.ExitStack() as stack:
        programs = [stack.enter_context(_Waiting("another", alice)) for _ in range(3)]
        tokens = {program.outcome() for program in programs}
    assert tokens == {_end_of_token()}
    assert alice.provider.requests.count("*/token") == 1


def test_tokens_of_seconds(demo: DemoServer, person: Callable[..., Any]) -> None:
    """A program that works for longer than a token lives gets the next one, from one renewal for all."""
    demo.provider.settings.access_token_s = 2
    nbauth.login("demo", flow="paste", prompt=person(), timeout_s=20)
    share()
    with contextlib.ExitStack() as stack:
        programs = [stack.enter_context(_Waiting("for_a_while", demo)) for _ in range(2)]
        assert [program.outcome() for program in programs] == [[["Alice Adams"], 3]] * 2
    assert demo.provider.requests.count("*/token") >= 3


def test_adapters_in_a_program(alice: DemoServer) -> None:
    """A program lends on what it borrowed, to the tools that it uses, and knows of it."""
    share()
    assert _run("lent_on", alice) == [_end_of_token(), _end_of_token(), 0]


def test_another_system(alice: DemoServer, monkeypatch: pytest.MonkeyPatch) -> None:
    """Where the system does not tell who started a process, nothing is shared."""
    monkeypatch.setattr(sys, "platform", "darwin")
    with pytest.raises(ConfigError, match="it works on Linux"):
        share()
    assert kernel.loans() == []
    with pytest.raises(OSError, match="does not tell who is at the other end"):
        next(share_channel.SocketLender("/named/by/a/variable").messages())


def test_what_is_said(alice: DemoServer) -> None:
    """It says in one line what it opens, and `%whoami`'s list knows it until it ends."""
    shared = share()
    assert repr(shared) == (
        "<nbauth.share: programs that this kernel starts may ask it for tokens of demo as alice@contoso.example for "
        f"{alice.api_origin}>"
    )
    (loan,) = kernel.loans()
    assert (loan.profile, loan.tool, loan.place) == ("demo", "processes started here", alice.api_origin)
    shared.end()
    assert (repr(shared), kernel.loans()) == ("<nbauth.share: nothing is shared any more>", [])


def test_nothing_is_opened(demo: DemoServer) -> None:
    """Without `share`, and where nobody is signed in, a program gets nothing and there is no socket."""
    with pytest.raises(SignInRequired, match="Nobody is signed in to profile 'demo'"):
        share()
    with pytest.raises(ConfigError, match="no profile 'nope'"):
        share(profile="nope")
    assert SHARED_AT not in os.environ
    assert "SignInRequired: Nobody is signed in to profile 'demo'" in _run("me", demo)


def test_another_profile(alice: DemoServer) -> None:
    """A profile that is not shared is not lent: the program is as it would be without."""
    nbauth.login("nightly")
    share(profile="nightly")
    assert "Nobody is signed in to profile 'demo'" in _run("token", alice)
    request = {"profile": "demo", "account": "a", "scopes": [], "rejected_digest": None, "claims": None, "life_s": 0}
    assert "shares no sign-in" in kernel.share("nightly").reply_to(request)["message"]  # type: ignore[attr-defined]


def test_a_sign_out(alice: DemoServer) -> None:
    """A sign-out ends it at once for a program with a good token; after a new sign-in it is to be shared anew."""
    share()
    with _Waiting("me", alice) as program:
        assert program.outcome() == "Alice Adams"
        nbauth.logout("demo")
        outcomes = [program.again() for _ in range(50)]
        assert "no longer shares this sign-in" in outcomes[-1]
        assert alice.provider.requests.count("*/token") == 0


def test_shared_again(alice: DemoServer, person: Callable[..., Any]) -> None:
    """A program that is still there after a sign-out borrows again, as who is signed in when it is shared again."""
    share()
    with _Waiting("me", alice) as program:
        assert program.outcome() == "Alice Adams"
        nbauth.logout("demo")
        nbauth.login("demo", flow="paste", prompt=person("bob"), account="bob@contoso.example", timeout_s=20)
        assert "SignInRequired" in [program.again() for _ in range(50)][-1]
        share()
        outcome = program.again()
        while outcome != "Bob Büchner":
            outcome = program.again()


def test_the_end_of_a_share(alice: DemoServer) -> None:
    """When a share ends, so do its loans, and no other's."""
    with share(), _Waiting("me", alice) as program:
        assert program.outcome() == "Alice Adams"
    with share():
        assert _run("me", alice) == "Alice Adams"
    assert "SignInRequired" in _run("me", alice)


# A program that nothing here has started any more, as far as the system knows: what started it has ended.
ORPHAN = """
import os, subprocess, sys, time
starter = os.getpid()
if os.fork():
    os._exit(0)
while os.getppid() == starter:
    time.sleep(0.01)
subprocess.call(sys.argv[1:])
"""
KERNEL = """
import os, subprocess, sys, time
import nbauth
from nbauth.adapters.share import share
nbauth.login("nightly")
share()
subprocess.Popen(sys.argv[1:], env={**os.environ, "NBAUTH_CONFIG": ""})
time.sleep(600)
"""
ASKS = """
import socket, sys
channel = socket.socket(socket.AF_UNIX)
try:
    channel.connect(sys.argv[1])
    channel.sendall(sys.stdin.buffer.read())
    channel.shutdown(socket.SHUT_WR)
    print(repr(channel.recv(65536)))
except OSError as error:
    print(type(error).__name__)
"""
NOTHING = ("b''\n", "ConnectionResetError\n", "BrokenPipeError\n")


def _ask(*, asks: bytes = b'{"borrow": true}\n', orphan: bool = False) -> str:
    """Return what the socket answers to a program."""
    command = [sys.executable, "-c", ASKS, os.environ[SHARED_AT]]
    command = [sys.executable, "-c", ORPHAN, *command] if orphan else command
    return subprocess.run(command, input=asks, stdout=subprocess.PIPE, check=True).stdout.decode()


def test_the_end_of_the_kernel(demo: DemoServer) -> None:
    """When the kernel ends, its programs forget their tokens at once, however it ended."""
    command = [sys.executable, "-c", KERNEL, *PROGRAM, "wait", "rows", demo.api_url]
    with subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True, bufsize=1) as started:
        assert started.stdin is not None
        assert started.stdout is not None
        outcome: Any = json.loads(started.stdout.readline())
        started.kill()
        assert outcome == 10
        while outcome == 10:
            started.stdin.write("\n")
            outcome = json.loads(started.stdout.readline())
    assert outcome.startswith("SignInRequired: Profile 'nightly': the kernel that shared this sign-in has ended.")


def test_an_orphan(alice: DemoServer) -> None:
    """A program whose starter has ended is nobody's, and gets nothing."""
    share()
    command = [sys.executable, "-c", ORPHAN, *PROGRAM, "me", alice.api_url]
    done = subprocess.run(command, capture_output=True, text=True, check=True)
    assert "SignInRequired: Nobody is signed in" in done.stdout


def test_a_process_that_is_no_descendant(alice: DemoServer, caplog: pytest.LogCaptureFixture) -> None:
    """The socket answers a process of the same user with nothing, if the kernel did not start it."""
    share()
    assert _ask().startswith('b\'{"profiles"')
    assert _ask(orphan=True) in NOTHING
    assert "was not started from here" in caplog.text


def test_another_user(alice: DemoServer) -> None:
    """Another user's process cannot reach the socket, and were the folder open to it, it would get nothing."""
    share()
    path = Path(os.environ[SHARED_AT])
    assert path.parent.stat().st_mode & 0o077 == 0
    own = os.getuid()

    def ask() -> str:
        if own == 0:  # who may become somebody else
            os.setuid(12345)
        with socket.socket(socket.AF_UNIX) as channel:
            try:
                channel.connect(str(path))
                channel.sendall(b'{"borrow": true}\n')
                return f"{channel.recv(65536)!r}\n"
            except OSError as error:
                return f"{type(error).__name__}\n"

    if own == 0:
        assert in_child(ask) == "PermissionError\n"
        path.parent.chmod(0o777)
        path.chmod(0o777)
    else:
        kernel._state.share._server._uid = own + 1  # type: ignore[union-attr]  # as if the kernel were another user's
    assert in_child(ask) in NOTHING


def test_a_variable_that_somebody_set(alice: DemoServer, apart: Path) -> None:
    """A socket of a process that did not start the program is not believed, whatever it offers."""
    with socket.socket(socket.AF_UNIX) as listener:
        listener.bind(str(apart / "s"))
        listener.listen()
        command = [sys.executable, "-c", ORPHAN, *PROGRAM, "me", alice.api_url]
        environment = {**os.environ, SHARED_AT: str(apart / "s")}
        done = subprocess.run(command, env=environment, capture_output=True, text=True, check=True)
        assert "SignInRequired: Nobody is signed in" in done.stdout
        channel, _ = listener.accept()
        with channel:
            assert channel.recv(1024) == b""  # it connected, looked who listens, and said nothing


@pytest.mark.parametrize(
    "asks",
    [
        b"", b"\n", b"{", b"[]\n", b"5\n", b'{"profile": 1}\n', b"\xff\n",
        pytest.param(b"{}" * 40_000, id="long"),
        pytest.param(b"[" * 200_000 + b"\n", id="deep"),
    ],
)  # fmt: skip
def test_no_request(alice: DemoServer, asks: bytes, monkeypatch: pytest.MonkeyPatch) -> None:
    """What is no request breaks nothing, and gets no token."""
    monkeypatch.setattr(share_channel, "_LARGEST", 4096)
    share()
    assert _ask(asks=asks) in (*NOTHING, "b'{}\\n'\n")
    assert _ask().startswith('b\'{"profiles"')


def test_forked_children(alice: DemoServer) -> None:
    """Forked children go on as without it, and the kernel's end is seen although they have its handles."""
    share()
    assert in_child(lambda: [_end_of_token(), sharing_process.me(alice.api_url)]) == [_end_of_token(), "Alice Adams"]
    server = kernel._state.share._server  # type: ignore[union-attr]
    assert in_child(server._listener.fileno) == -1
    assert in_child(lambda: [share().profiles, _run("me", alice)]) == [("demo",), "Alice Adams"]
    assert _run("me", alice) == "Alice Adams"


def test_a_server_with_several_visitors(alice: DemoServer, monkeypatch: pytest.MonkeyPatch) -> None:
    """In a server with several visitors nothing is shared: a process that it starts is nobody's in particular."""
    with visitors.visiting(visitors.Unnamed("Streamlit", "Do it otherwise.")), pytest.raises(SignInRequired) as caught:
        share()
    assert "serves several visitors" in str(caught.value)


def test_who_is_who() -> None:
    """The system tells who started a process; one that is gone was started by nobody."""
    assert next(iter(descendants.ancestors(os.getpid()))) == os.getppid()
    assert not descendants.is_descendant(os.getpid(), os.getpid())
    assert list(descendants.ancestors(2**30)) == []
