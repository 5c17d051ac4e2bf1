"""A process that a test drives, and may interrupt, fork and end."""

from __future__ import annotations

import json
import os
import subprocess
import sys
import time
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    from nbauth.demo.server import DemoServer


class KernelProcess:
    """The process of `kernel_process.py`."""

    ca_file = ""

    def __init__(self) -> None:
        environment = {**os.environ, "PYTHONPATH": str(Path(__file__).parent)}
        self.process = subprocess.Popen(
            [sys.executable, "-m", "kernel_process"],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            env=environment,
            text=True,
        )

    def start_anew(self, directory: Path, demo: DemoServer) -> None:
        """Make it as good as new, in a directory and this environment, and sign Alice in."""
        environ = {**os.environ, "PYTHONPATH": str(Path(__file__).parent)}
        self.do("start_anew", directory=str(directory), environ=environ)
        self.ca_file = str(demo.ca_file)
        assert self.do("sign_in", ca_file=self.ca_file) == "alice@contoso.example"
        demo.provider.requests.clear()

    def do(self, name: str, **options: Any) -> Any:
        """Do something and return what came of it."""
        answer = self.answer(name, **options)
        assert "error" not in answer, answer
        return answer["value"]

    def answer(
        self,
        name: str,
        *,
        meanwhile: Callable[[int], None] | None = None,
        interrupt: dict[str, Any] | None = None,
        **options: Any,
    ) -> dict[str, Any]:
        """Do something and return how it ended; `meanwhile` gets the process id as soon as it began."""
        assert self.process.stdin is not None
        self.process.stdin.write(json.dumps({"do": name, "with": options, "interrupt": interrupt}) + "\n")
        self.process.stdin.flush()
        assert self._line() == {"started": name}
        if meanwhile is not None:
            meanwhile(self.process.pid)
        return self._line()

    def _line(self) -> dict[str, Any]:
        assert self.process.stdout is not None
        line = self.process.stdout.readline()
        if not line:
            assert self.process.stderr is not None
            pytest.fail(self.process.stderr.read())
        answer: dict[str, Any] = json.loads(line)
        return answer

    def close(self) -> None:
        """End the process."""
        self.process.kill()
        self.process.wait()
        for pipe in (self.process.stdin, self.process.stdout, self.process.stderr):
            if pipe is not None:
                pipe.close()


@pytest.fixture(scope="module")
def kernel_processes() -> Iterator[list[KernelProcess]]:
    """Keep the process that the tests of a file share: one takes longer to start than most of them need."""
    started: list[KernelProcess] = []
    yield started
    for process in started:
        process.close()


@pytest.fixture
def kernel_process(
    apart: Path, demo: DemoServer, kernel_processes: list[KernelProcess], request: pytest.FixtureRequest
) -> Iterator[KernelProcess]:
    """A process with Alice signed in, as good as new; a failure ends it, and so may a test."""
    if kernel_processes and kernel_processes[0].process.poll() is not None:
        kernel_processes.pop().close()
    if not kernel_processes:
        kernel_processes.append(KernelProcess())
    kernel_processes[0].start_anew(apart, demo)
    failed = request.session.testsfailed
    yield kernel_processes[0]
    if request.session.testsfailed > failed:
        kernel_processes.pop().close()


@pytest.fixture
def eventually() -> Callable[[Callable[[], bool]], None]:
    """Return what waits until something holds."""

    def wait(holds: Callable[[], bool]) -> None:
        deadline = time.monotonic() + 10
        while not holds():
            assert time.monotonic() < deadline, "it never held"
            time.sleep(0.01)

    return wait
