from __future__ import annotations

import asyncio
import os
import signal
import subprocess
import sys
import threading
from typing import TYPE_CHECKING

import pytest

from nbauth.process.ahead import ImportsAhead, ImportsInLoop

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator
    from pathlib import Path

    from nbauth.demo.server import DemoServer

# A module that is imported until somebody lets it end.
_SLOW = "import builtins; builtins._ahead_begun.set(); assert builtins._ahead_may_end.wait(20)"

_SIGN_IN = """
import sys
from pathlib import Path

import nbauth
from nbauth.demo.check import PersonPrompt
from nbauth.demo.person import Person

def loaded():
    wanted = ("pandas", "pyarrow", "nbauth.data.sinks.frame")
    return " ".join(name for name in wanted if name in sys.modules) or "nothing"

profile, choose, ca_file, url = sys.argv[1:]
try:
    nbauth.login(profile, flow="auto" if profile == "nightly" else "paste", timeout_s=60,
                 prompt=PersonPrompt(Person("alice", ca_file=Path(ca_file)), choose))
    print("signed in,", loaded())
    before = set(sys.modules)
    if profile == "demo":
        nbauth.read(url, params={"$top": 5})
    print("imported later:", [name for name in sys.modules if name.startswith("nbauth.data") and name not in before])
except nbauth.errors.SignInRefused:
    print("refused,", loaded())
import threading
print(threading.active_count())
"""


@pytest.fixture
def module(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Callable[[str, str], str]]:
    """Write a module with this source, which can be imported until the test ends."""
    made: list[str] = []

    def write(name: str, source: str) -> str:
        (tmp_path / f"{name}.py").write_text(source)
        made.append(name)
        return name

    monkeypatch.syspath_prepend(tmp_path)
    yield write
    for name in made:
        sys.modules.pop(name, None)


@pytest.fixture
def slow(module: Callable[[str, str], str], monkeypatch: pytest.MonkeyPatch) -> Iterator[threading.Event]:
    """What lets the import of the module `ahead_slow` end."""
    begun, may_end = threading.Event(), threading.Event()
    monkeypatch.setattr("builtins._ahead_begun", begun, raising=False)
    monkeypatch.setattr("builtins._ahead_may_end", may_end, raising=False)
    module("ahead_slow", _SLOW)
    yield may_end
    may_end.set()


def test_modules_are_there_at_the_end(slow: threading.Event, module: Callable[[str, str], str]) -> None:
    """`begin` waits for no import, `end` for all of them, and the thread ends."""
    imports = ImportsAhead("ahead_slow", module("ahead_after", ""))
    imports.begin()
    imports.begin()
    assert [thread.name for thread in threading.enumerate()].count("nbauth-imports") == 1
    assert "ahead_after" not in sys.modules
    slow.set()
    imports.end()
    assert {"ahead_slow", "ahead_after"} <= set(sys.modules)


def test_nothing_to_import(module: Callable[[str, str], str]) -> None:
    """Where everything is there, or nobody began, nothing is started and nothing is waited for."""
    imports = ImportsAhead("sys", "os")
    imports.end()
    before = threading.active_count()
    imports.begin()
    assert threading.active_count() == before
    ImportsAhead(module("ahead_never", "")).end()
    assert "ahead_never" not in sys.modules


def test_another_thread_imports_nothing(module: Callable[[str, str], str]) -> None:
    """Where the main thread does not wait for it, nothing is imported beside it."""
    imports = ImportsAhead(module("ahead_elsewhere", ""))
    thread = threading.Thread(target=imports.begin)
    thread.start()
    thread.join()
    imports.end()
    assert "ahead_elsewhere" not in sys.modules


@pytest.mark.parametrize(
    "source", ["import no_such_module_at_all", "raise SystemExit(3)", "raise KeyboardInterrupt", "1 / 0", "("]
)
def test_what_fails_is_not_shown(
    source: str, module: Callable[[str, str], str], capfd: pytest.CaptureFixture[str]
) -> None:
    """A module that cannot be imported says nothing and keeps none of the others away."""
    imports = ImportsAhead(module("ahead_broken", source), "no_such_module_either", module("ahead_whole", ""))
    imports.begin()
    imports.end()
    assert "ahead_whole" in sys.modules
    assert "ahead_broken" not in sys.modules
    assert capfd.readouterr() == ("", "")


@pytest.mark.skipif(sys.platform == "win32", reason="Windows sends no signal to itself alone")
def test_an_interrupt_ends_the_wait(slow: threading.Event, monkeypatch: pytest.MonkeyPatch) -> None:
    """An interrupt ends the wait for the imports, and they go on."""
    before = signal.signal(signal.SIGINT, signal.default_int_handler)
    imports = ImportsAhead("ahead_slow")
    imports.begin()
    threading.Timer(0.2, lambda: os.kill(os.getpid(), signal.SIGINT)).start()
    with pytest.raises(KeyboardInterrupt):
        imports.end()
    signal.signal(signal.SIGINT, before)
    slow.set()
    imports.end()
    assert "ahead_slow" in sys.modules


@pytest.mark.skipif(not hasattr(os, "fork"), reason="there is no fork on this platform")
@pytest.mark.filterwarnings("ignore:.*fork:DeprecationWarning")  # that this process has threads, from 3.12 on
def test_a_fork_waits(slow: threading.Event) -> None:
    """A process that is forked meanwhile can import the same module: the fork waited for its end."""
    imports = ImportsAhead("ahead_slow")
    imports.begin()
    threading.Timer(0.3, slow.set).start()
    child = os.fork()
    if child == 0:
        signal.alarm(20)
        import ahead_slow  # type: ignore[import-not-found]

        os._exit(0 if ahead_slow is sys.modules["ahead_slow"] else 3)
    assert os.waitstatus_to_exitcode(os.waitpid(child, 0)[1]) == 0
    imports.end()


@pytest.mark.skipif(not hasattr(os, "fork"), reason="there is no fork on this platform")
@pytest.mark.filterwarnings("ignore:.*fork:DeprecationWarning")
def test_an_import_that_forks(module: Callable[[str, str], str]) -> None:
    """A module that forks while it is imported does not wait for itself."""
    source = "import os\nchild = os.fork()\nif not child: os._exit(0)\nstatus = os.waitpid(child, 0)[1]"
    imports = ImportsAhead(module("ahead_forks", source))
    imports.begin()
    imports.end()
    assert sys.modules["ahead_forks"].status == 0


@pytest.mark.parametrize(
    ("profile", "choose", "outcome"),
    [
        ("demo", "alice", ["signed in, pandas pyarrow nbauth.data.sinks.frame", "imported later: []"]),
        ("demo", "cancel", ["refused, pandas pyarrow nbauth.data.sinks.frame"]),
        ("nightly", "alice", ["signed in, nothing", "imported later: []"]),
    ],
)
def test_the_first_read_after_a_sign_in(profile: str, choose: str, outcome: list[str], demo: DemoServer) -> None:
    """Whatever a read needs is there once a person has signed in, or did not; where nobody is asked, nothing is."""
    environment = {**os.environ, "NBAUTH_CONFIG": str(demo.config_path)}
    ended = subprocess.run(
        [sys.executable, "-c", _SIGN_IN, profile, choose, str(demo.ca_file), f"{demo.api_url}/sunlight"],
        env=environment,
        capture_output=True,
        text=True,
        timeout=100,
        check=False,
    )
    assert (ended.stdout.splitlines(), ended.stderr) == ([*outcome, "1"], "")


def test_in_turns_of_a_loop(module: Callable[[str, str], str]) -> None:
    """A loop imports one module after the other and does its own work between; one that is broken stops none."""
    names = [module("ahead_first", ""), module("ahead_wrong", "1 / 0"), module("ahead_last", "")]
    turns: list[bool] = []

    async def go_on() -> None:
        imports = ImportsInLoop(asyncio.get_running_loop(), *names)
        for _ in range(2):
            await asyncio.to_thread(imports.begin)
        while "ahead_last" not in sys.modules:
            turns.append("ahead_first" in sys.modules)
            await asyncio.sleep(0.001)

    asyncio.run(go_on())
    assert True in turns
    ImportsInLoop(None, "ahead_never").begin()
    assert "ahead_never" not in sys.modules
