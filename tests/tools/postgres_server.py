"""PostgreSQL as Debian has it, over TLS, whose passwords are tokens of the demo provider.

PostgreSQL 15 hands a password on by LDAP, among other ways. What answers there is no directory: it checks the password
as an API checks a bearer token. A RADIUS server would not do, since PostgreSQL cuts passwords at 128 bytes for it.
"""

from __future__ import annotations

import os
import pwd
import shutil
import signal
import socket
import socketserver
import subprocess
import tempfile
import threading
import time
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Any

import jwt
from debian_packages import install

from nbauth.demo.certificates import make_server_tls

if TYPE_CHECKING:
    from collections.abc import Iterator

    from nbauth.demo.provider.provider import Provider

RESOURCE = "https://ossrdbms-aad.database.windows.net"  # as Azure's PostgreSQL has it

_PATIENCE_S = 60
_SQL = """
    CREATE ROLE "alice@contoso.example" LOGIN;
    CREATE ROLE "bob@contoso.example" LOGIN;
    CREATE ROLE "0000bbbb-0000-4000-8000-00000000d002" LOGIN; -- the demo's application
    CREATE DATABASE sales;
    \\connect sales
    CREATE TABLE cities AS SELECT n AS id, 'city ' || n AS name FROM generate_series(1, 1000) AS n;
    GRANT SELECT ON cities TO PUBLIC;
"""
_INVALID_CREDENTIALS = 49  # RFC 4511 appendix A


@dataclass
class TokenCheck:
    """What PostgreSQL asks about each password.

    Attributes:
        provider: whose tokens count.
        resource: the audience that they must have.
        seen: the passwords that came, in their order.
        refused: what was wrong with those that do not count.
    """

    provider: Provider
    resource: str
    seen: list[str] = field(default_factory=list, repr=False)
    refused: list[str] = field(default_factory=list)

    def __call__(self, user: str, password: str) -> bool:
        """Tell whether a password is a good token of a user."""
        self.seen.append(password)
        try:
            key = self.provider.public_key(str(jwt.get_unverified_header(password).get("kid")))
            claims = jwt.decode(
                password, key, algorithms=["RS256"], audience=self.resource, options={"verify_exp": False}
            )
        except jwt.PyJWTError as error:
            self.refused.append(str(error))
            return False
        if claims["exp"] <= self.provider.clock():
            self.refused.append("expired")
        elif claims.get("preferred_username", claims.get("azp")) != user:  # a person's, or an application's
            self.refused.append("somebody else's")
        else:
            return True
        return False


@dataclass
class Postgres:
    """A server that runs.

    Attributes:
        port: where it listens, at localhost.
        ca_file: the authority of its certificate; nobody else's.
        check: what it asks about tokens.
        log: its log.
    """

    port: int
    ca_file: Path
    check: TokenCheck
    log: Path

    @property
    def origin(self) -> str:
        """The row of `apis` that names it."""
        return f"postgresql://localhost:{self.port}"

    @property
    def connections(self) -> int:
        """How many connections have come, refused ones included."""
        return self.log.read_text().count("connection received")


@contextmanager
def running(provider: Provider) -> Iterator[Postgres]:
    """Run a server with the database `sales`; its users sign in with tokens of theirs."""
    programs = _programs()
    directory = Path(tempfile.mkdtemp(prefix="nbauth-postgres-"))
    data, log, port = directory / "data", directory / "log", _free_port()
    there = ["-h", directory, "-p", str(port), "-U", "postgres"]
    check = TokenCheck(provider, RESOURCE)
    options: dict[str, Any] = {"cwd": directory, "env": {"PATH": os.environ["PATH"], "LC_ALL": "C.UTF-8"}}
    options["env"]["LDAPNOINIT"] = "1"  # nothing of this machine's own LDAP
    tls = make_server_tls(directory)
    if os.getuid() == 0:  # it refuses to run as root; Debian's package has made a user for it
        owner = pwd.getpwnam("postgres")
        options |= {"user": owner.pw_uid, "group": owner.pw_gid, "extra_groups": []}
        for path in (directory, *directory.iterdir()):
            os.chown(path, owner.pw_uid, owner.pw_gid)
    process = None
    try:
        with _answering(check) as ldap_port, log.open("wb") as output:
            init = ["--no-sync", "--encoding=UTF8", "--auth=trust", "--username=postgres"]
            subprocess.run([programs / "initdb", "-D", data, *init], check=True, capture_output=True, **options)
            asks = f'ldap ldapserver=127.0.0.1 ldapport={ldap_port} ldapprefix="cn=" ldapsuffix=""'
            rules = f"local all postgres trust\nhostssl all all 127.0.0.1/32 {asks}\n"
            (data / "pg_hba.conf").write_text(rules)
            settings = {
                "listen_addresses": "127.0.0.1",
                "port": port,
                "unix_socket_directories": directory,
                "ssl": "on",
                "ssl_cert_file": directory / "server.pem",
                "ssl_key_file": directory / "server.pem",
                "fsync": "off",
                "shared_buffers": "16MB",
                "log_connections": "on",
                "log_statement": "all",
                "log_min_messages": "debug1",  # as somebody has it who looks for what is wrong
            }
            given = [part for name, value in settings.items() for part in ("-c", f"{name}={value}")]
            process = subprocess.Popen(
                [programs / "postgres", "-D", data, *given],
                stdin=subprocess.DEVNULL,
                stdout=output,
                stderr=output,
                **options,
            )
            deadline = time.monotonic() + _PATIENCE_S
            while subprocess.run([programs / "pg_isready", "-q", *there], check=False, **options).returncode:
                assert process.poll() is None, f"PostgreSQL did not start:\n{log.read_text()}"
                assert time.monotonic() < deadline, f"PostgreSQL did not start in time:\n{log.read_text()}"
                time.sleep(0.02)
            psql = [programs / "psql", *there, "--no-psqlrc", "--quiet", "--set=ON_ERROR_STOP=1", "postgres"]
            subprocess.run(psql, input=_SQL, text=True, check=True, capture_output=True, **options)
            yield Postgres(port, tls.ca_file, check, log)
    finally:
        if process is not None:
            process.send_signal(signal.SIGINT)  # it ends its sessions
            process.wait(_PATIENCE_S)
        shutil.rmtree(directory, ignore_errors=True)


def _programs() -> Path:
    """Return where the programs are, the newest version's; they are installed where there are none."""
    if not _found():
        install("postgresql")
    return _found()[-1]


def _found() -> list[Path]:
    return sorted((path.parent for path in Path("/usr/lib/postgresql").glob("*/bin/postgres")), key=_version)


def _version(programs: Path) -> int:
    return int(programs.parent.name)


def _free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])


# LDAP: simple binds alone (RFC 4511 §4.2), in BER


@contextmanager
def _answering(check: TokenCheck) -> Iterator[int]:
    class Handler(socketserver.StreamRequestHandler):
        def handle(self) -> None:
            while message := _element(self.rfile):
                number, rest = _split(message)
                operation, content = rest[0], _split(rest)[0]
                if operation != 0x60:  # no bind: it takes its leave
                    return
                name, rest = _split(_split(content)[1])  # what stands before is the version
                user = name.decode().removeprefix("cn=")
                result = 0 if check(user, _split(rest)[0].decode()) else _INVALID_CREDENTIALS
                answer = _ber(0x61, _ber(0x0A, bytes([result])) + _ber(0x04, b"") + _ber(0x04, b""))
                self.wfile.write(_ber(0x30, _ber(0x02, number) + answer))

    class Server(socketserver.ThreadingTCPServer):
        daemon_threads = True

    with Server(("127.0.0.1", 0), Handler) as server:
        threading.Thread(target=server.serve_forever, args=(0.02,), daemon=True).start()
        yield server.server_address[1]
        server.shutdown()


def _element(stream) -> bytes:
    """Read one element, and return what is in it; nothing at the end."""
    head = stream.read(2)
    if len(head) < 2:
        return b""
    size = head[1]
    if size & 0x80:
        size = int.from_bytes(stream.read(size & 0x7F), "big")
    return bytes(stream.read(size))


def _split(elements: bytes) -> tuple[bytes, bytes]:
    """Return what is in the first of several elements, and the others."""
    size, start = elements[1], 2
    if size & 0x80:
        start += size & 0x7F
        size = int.from_bytes(elements[2:start], "big")
    return elements[start : start + size], elements[start + size :]


def _ber(tag: int, content: bytes) -> bytes:
    assert len(content) < 0x80
    return bytes([tag, len(content)]) + content
