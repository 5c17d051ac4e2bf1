"""What the loads are measured against: the data, lines with a delay to it, and a provider to sign in at."""

import contextlib
import json
import os
import subprocess
import sys
import tempfile
from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

from nbauth.demo.api.api import API_IDENTIFIER
from nbauth.demo.server import DemoServer

HERE = Path(__file__).parent
ROUND_TRIPS_MS = (20, 80)
# What is this machine's, and not the benchmark's; modules are compiled once, and not in each process.
OF_THIS_MACHINE = ("NBAUTH_", "AZURE_", "CURL_", "HTTP_PROXY", "HTTPS_PROXY", "ALL_PROXY", "PYTHONDONTWRITEBYTECODE")


@dataclass(frozen=True)
class Servers:
    """Where everything is.

    Attributes:
        origins: by scheme and round trip.
        environment: of the processes that load.
    """

    origins: dict[tuple[bool, int], str]
    environment: dict[str, str]

    def url(self, path: str, *, tls: bool, rtt_ms: int) -> str:
        return self.origins[tls, rtt_ms] + path


@contextmanager
def process(*command: object) -> Iterator[str]:
    """Start a server, and give its first line."""
    one = subprocess.Popen([sys.executable, *map(str, command)], stdout=subprocess.PIPE, text=True)
    try:
        yield one.stdout.readline()
    finally:
        one.kill()
        one.wait()
        one.stdout.close()


def configuration(demo: DemoServer, origins: Iterable[str], *, of_job: bool) -> str:
    """Return the one profile of a job, or of a person."""
    scope, client = (".default", demo.confidential_client_id) if of_job else ("Data.Read", demo.client_id)
    secret = f'client_secret = {{ file = "{demo.directory / "nightly.secret"}" }}' if of_job else ""
    apis = "\n".join(f'"{origin}" = ["{API_IDENTIFIER}/{scope}"]' for origin in origins)
    return f"""\
[profiles.{"job" if of_job else "person"}]
client_id = "{client}"
authority = "{demo.authority}"
ca_bundle = "ca.pem"
{secret}

[profiles.{"job" if of_job else "person"}.apis]
{apis}
"""


@contextmanager
def serving() -> Iterator[Servers]:
    """Start them all."""
    with contextlib.ExitStack() as stack:
        directory = Path(stack.enter_context(tempfile.TemporaryDirectory(prefix="nbauth-benchmark-")))
        demo = stack.enter_context(DemoServer())
        ports = json.loads(stack.enter_context(process(HERE / "data_server.py", directory)))
        origins = {}
        for scheme, port in ports.items():
            tls = scheme == "https"
            origins[tls, 0] = f"{scheme}://127.0.0.1:{port}"
            for rtt_ms in ROUND_TRIPS_MS:
                proxy = int(stack.enter_context(process(HERE / "delay_proxy.py", port, rtt_ms)))
                origins[tls, rtt_ms] = f"{scheme}://127.0.0.1:{proxy}"
        bundle = directory / "ca.pem"
        bundle.write_text(bundle.read_text() + demo.ca_file.read_text())
        job, person = directory / "job.toml", directory / "person.toml"
        for file in (job, person):
            file.write_text(configuration(demo, origins.values(), of_job=file == job))
        kept = {name: value for name, value in os.environ.items() if not name.upper().startswith(OF_THIS_MACHINE)}
        yield Servers(
            origins,
            {
                **kept,
                "NBAUTH_CONFIG": str(job),
                "NBAUTH_NOTEBOOK_DIR": str(directory),
                "XDG_STATE_HOME": str(directory),
                "HOME": str(directory),
                "TMPDIR": str(directory),
                "REQUESTS_CA_BUNDLE": str(bundle),
                "SSL_CERT_FILE": str(bundle),
                "BENCHMARK_SERVER": origins[False, 0],
                "BENCHMARK_PERSON": str(person),
                "BENCHMARK_CA": str(bundle),
                "BENCHMARK_AUTHORITY": demo.authority,
                "BENCHMARK_CLIENT": demo.confidential_client_id,
                "BENCHMARK_SECRET": demo.client_secret,
                "BENCHMARK_SCOPE": f"{API_IDENTIFIER}/.default",
            },
        )
