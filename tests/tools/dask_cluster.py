"""A Dask scheduler and its workers over TLS: processes, as `dask scheduler` and `dask worker` start them."""

from __future__ import annotations

import contextlib
import os
import re
import signal
import subprocess
import sys
import time
from pathlib import Path
from typing import TYPE_CHECKING, Self

import distributed
from distributed.security import Security

if TYPE_CHECKING:
    from types import TracebackType

_PATIENCE_S = 90.0
_KEPT = ("PATH", "LANG", "LC_ALL", "LD_LIBRARY_PATH", "COVERAGE_PROCESS_CONFIG", "COVERAGE_PROCESS_START")


class DaskCluster:
    """One scheduler, and the workers that are asked for; all end with it.

    Args:
        directory: a directory of its own; every process writes its log there.

    Attributes:
        address: the scheduler's, ``tls://…``.
        security: what a client connects with.
        scheduler: the scheduler's process.
        workers: the workers' processes, or their nannies', by name.
    """

    def __init__(self, directory: Path) -> None:
        self.directory = directory
        self.workers: dict[str, subprocess.Popen[bytes]] = {}
        made = Security.temporary()  # one certificate for all of them, which it keeps in memory; processes need a file
        self._certificate, self._key = directory / "cluster.pem", directory / "cluster.key"
        self._certificate.write_text(made.tls_ca_file, encoding="ascii")
        self._key.touch(0o600)
        self._key.write_text(made.tls_client_key, encoding="ascii")
        certificate, key = str(self._certificate), str(self._key)
        self.security = Security(
            tls_ca_file=certificate, tls_client_cert=certificate, tls_client_key=key, require_encryption=True
        )

    def __enter__(self) -> Self:
        self.scheduler = self._start("scheduler", "--protocol", "tls", "--port", "0")
        self.address = self._said("scheduler", rb"Scheduler at: +(tls://\S+)")
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        processes = [*self.workers.values(), self.scheduler]
        for process in processes[:-1]:
            process.terminate()
        for process in processes:
            with contextlib.suppress(subprocess.TimeoutExpired):
                process.wait(10 if process is not self.scheduler else 0)
            with contextlib.suppress(ProcessLookupError):
                os.killpg(process.pid, signal.SIGKILL)  # what a nanny left behind, too
            process.wait()

    def start_worker(self, name: str, *, nanny: bool = False) -> subprocess.Popen[bytes]:
        """Start a worker; it may not have registered yet.

        Args:
            name: what it is called.
            nanny: whether a nanny starts it anew when it dies.
        """
        options = ("--name", name, "--nthreads", "2", "--memory-limit", "0", "--nanny" if nanny else "--no-nanny")
        process = self.workers[name] = self._start(f"worker-{name}", self.address, *options)
        return process

    def end_worker(self, name: str) -> None:
        """End a worker in peace."""
        process = self.workers.pop(name)
        process.terminate()
        process.wait(_PATIENCE_S)

    def connect(self) -> distributed.Client:
        """Return a client; who asked for it closes it."""
        return distributed.Client(self.address, security=self.security, timeout=_PATIENCE_S, set_as_default=True)

    def logs(self) -> bytes:
        """Return what all processes have logged."""
        return b"".join(path.read_bytes() for path in sorted(self.directory.glob("*.log")))

    def _start(self, name: str, *options: str) -> subprocess.Popen[bytes]:
        command = name.partition("-")[0]
        home = self.directory / f"home-{name}"
        home.mkdir(exist_ok=True)
        tls = ("--tls-ca-file", self._certificate, "--tls-cert", self._certificate, "--tls-key", self._key)
        environment = {key: os.environ[key] for key in _KEPT if key in os.environ}
        with (self.directory / f"{name}.log").open("ab") as log:
            return subprocess.Popen(
                [sys.executable, "-m", "dask", command, *options, *tls, "--host", "127.0.0.1", "--no-dashboard"],
                cwd=home,
                env={
                    **environment,
                    "HOME": str(home),
                    "PYTHONPATH": str(Path(__file__).parent),  # for dask_tasks
                    "ARROW_DEFAULT_MEMORY_POOL": "system",  # its own takes a GB of addresses, which `in_memory` reads
                },
                stdout=log,
                stderr=subprocess.STDOUT,
                start_new_session=True,
            )

    def _said(self, name: str, pattern: bytes) -> str:
        deadline = time.monotonic() + _PATIENCE_S
        while time.monotonic() < deadline:
            said = (self.directory / f"{name}.log").read_bytes()
            if found := re.search(pattern, said):
                return found[1].decode()
            time.sleep(0.05)
        raise TimeoutError(f"dask {name} did not say {pattern!r}: {said!r}")


def in_memory(pid: int, wanted: list[bytes]) -> list[bytes]:
    """Return which of some texts stand in the memory of a process of ours."""
    found = set()
    with Path(f"/proc/{pid}/maps").open(encoding="utf-8") as maps, Path(f"/proc/{pid}/mem").open("rb", 0) as memory:
        for line in maps:
            span, rights, *_ = line.split()
            if not rights.startswith("rw"):  # what it wrote, it could write there
                continue
            start, end = (int(part, 16) for part in span.split("-"))
            with contextlib.suppress(OSError, ValueError):  # a part that cannot be read, such as a device's
                memory.seek(start)
                part = memory.read(end - start)
                found.update(text for text in wanted if text in part)
    return sorted(found)
