"""What every test gets: a kernel signed in to nothing, in a directory and an environment of its own."""

from __future__ import annotations

import dataclasses
import os
import signal
import sys
from pathlib import Path
from typing import TYPE_CHECKING

import certifi
import pytest
from fake_front_end import FakeFrontEnd
from fake_widget_page import wait_for_persons
from hypothesis import HealthCheck, settings
from jupyter_client.manager import KernelManager

from nbauth import kernel
from nbauth.demo.check import PersonPrompt
from nbauth.demo.person import Person
from nbauth.demo.server import DemoServer
from nbauth.next_step import shown_in

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

# A shell starts what runs in its background with interrupts ignored, and the tests interrupt.
if signal.getsignal(signal.SIGINT) is signal.SIG_IGN:
    signal.signal(signal.SIGINT, signal.default_int_handler)

# A slow machine is no fault of the code.
settings.register_profile("suite", deadline=None, suppress_health_check=[HealthCheck.too_slow])
settings.load_profile("suite")

# A shell of IPython puts a module of its own in its place, and `%reset` empties that one.
_MAIN = sys.modules["__main__"]

_OURS = ("NBAUTH_", "AZURE_", "JPY_", "JUPYTERHUB_", "BINDER_", "VOILA_", "SSH_", "BROWSER", "DISPLAY", "WAYLAND_")


@pytest.fixture(scope="session", autouse=True)
def certifi_bundle(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Path]:
    """Put one authority in the place of certifi's, and return the file of those.

    Reading them takes a third of a sign-in's time, and no server here is vouched for by one.
    """
    bundle = Path(certifi.where())
    one = tmp_path_factory.mktemp("certifi") / "one.pem"
    end = "-----END CERTIFICATE-----\n"
    one.write_text(bundle.read_text(encoding="utf-8").partition(end)[0] + end, encoding="utf-8")
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(certifi, "where", lambda: str(one))
        yield bundle


@pytest.fixture(autouse=True)
def apart(tmp_path_factory: pytest.TempPathFactory, monkeypatch: pytest.MonkeyPatch) -> Iterator[Path]:
    """Keep a test away from the machine's own configuration, and later tests away from its sign-ins."""
    home = tmp_path_factory.mktemp("home")
    for name in list(os.environ):
        if name.startswith(_OURS):
            monkeypatch.delenv(name)
    monkeypatch.setenv("HOME", str(home))
    monkeypatch.setenv("XDG_CONFIG_HOME", str(home / "config"))
    monkeypatch.setenv("XDG_STATE_HOME", str(home / "state"))
    monkeypatch.setenv("IPYTHONDIR", str(home / "ipython"))
    monkeypatch.setenv("JUPYTER_CONFIG_DIR", str(home / "jupyter"))
    directory = home / "work"
    directory.mkdir()
    monkeypatch.chdir(directory)
    monkeypatch.setitem(sys.modules, "__main__", _MAIN)  # a process that a test starts looks for its file there
    kernel.reset()
    with shown_in("python"):
        yield directory
    kernel.reset()


@pytest.fixture(scope="session")
def running_demo() -> Iterator[DemoServer]:
    """The demo provider and API, once for all tests of a process."""
    with DemoServer(rows=5_000) as running:
        yield running


@pytest.fixture
def demo(running_demo: DemoServer, monkeypatch: pytest.MonkeyPatch) -> Iterator[DemoServer]:
    """The demo with nothing broken, and its profiles in force."""
    monkeypatch.setenv("NBAUTH_CONFIG", str(running_demo.config_path))
    settings = running_demo.provider.settings
    before = dataclasses.replace(settings)
    settings.interval_s = 1
    running_demo.provider.forget_issued_secrets()  # a test looks for its own; a worker's are thousands
    for server in (running_demo.provider, running_demo.api):
        server.faults.clear()
        server.requests.clear()
    yield running_demo
    for server in (running_demo.provider, running_demo.api):
        server.faults.clear()
    wait_for_persons()
    for field in dataclasses.fields(before):
        setattr(settings, field.name, getattr(before, field.name))
    running_demo.provider.clock.reset()


@pytest.fixture
def person(demo: DemoServer) -> Callable[..., PersonPrompt]:
    """Return what makes a prompt behind which a person acts: `person("alice")`, `person("cancel")`."""

    def make(choose: str = "alice") -> PersonPrompt:
        return PersonPrompt(Person(choose, ca_file=demo.ca_file), choose)

    return make


@pytest.fixture
def front_end(apart: Path) -> Iterator[FakeFrontEnd]:
    """Return a front end with a fresh kernel in the test's directory and environment."""
    playing = FakeFrontEnd(_kernel(apart))
    yield playing
    playing.close()


@pytest.fixture(scope="module")
def shared_front_ends() -> Iterator[dict[str, FakeFrontEnd]]:
    """What `keep_front_end` keeps."""
    made: dict[str, FakeFrontEnd] = {}
    yield made
    for playing in made.values():
        playing.close()


@pytest.fixture
def keep_front_end(
    apart: Path, shared_front_ends: dict[str, FakeFrontEnd], request: pytest.FixtureRequest
) -> Iterator[Callable[[str, Callable[[], KernelManager]], FakeFrontEnd]]:
    """Return what gives a front end whose kernel the tests of a file share, as good as new; a failure ends it."""
    used: set[str] = set()

    def keep(name: str, start: Callable[[], KernelManager]) -> FakeFrontEnd:
        used.add(name)
        if name in shared_front_ends:
            shared_front_ends[name].start_anew(apart, os.environ)
            if "demo" in request.fixturenames:  # what the kernel still asked of it was for the test before
                request.getfixturevalue("demo").provider.requests.clear()
        else:
            shared_front_ends[name] = FakeFrontEnd(start())
        return shared_front_ends[name]

    failed = request.session.testsfailed
    yield keep
    if request.session.testsfailed > failed:
        for name in used & set(shared_front_ends):
            shared_front_ends.pop(name).close()


@pytest.fixture
def shared_front_end(
    apart: Path, keep_front_end: Callable[[str, Callable[[], KernelManager]], FakeFrontEnd]
) -> FakeFrontEnd:
    """Return a front end whose kernel the tests of a file share, as good as new for each."""
    return keep_front_end("newest", lambda: _kernel(apart))


def _kernel(directory: Path) -> KernelManager:
    manager = KernelManager(kernel_name="python3")
    manager.kernel_spec.argv[0] = sys.executable
    manager.start_kernel(cwd=str(directory), env=dict(os.environ))
    return manager
