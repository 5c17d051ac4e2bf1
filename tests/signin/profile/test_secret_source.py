from __future__ import annotations

import logging
import threading
from typing import TYPE_CHECKING

import keyring
import keyring.backend
import pytest

import nbauth
from nbauth.errors import ConfigError
from nbauth.process.patience import within
from nbauth.signin.client import log_filter
from nbauth.signin.profile.secret_source import SecretSource

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator
    from pathlib import Path


class Ring(keyring.backend.KeyringBackend):
    """A keyring in memory."""

    priority = 1  # type: ignore[assignment]

    def get_password(self, service: str, username: str) -> str | None:
        return {"nbauth/nightly": "from the ring"}.get(f"{service}/{username}")

    def set_password(self, service: str, username: str, password: str) -> None:
        raise NotImplementedError

    def delete_password(self, service: str, username: str) -> None:
        raise NotImplementedError


def _source(value: dict[str, str], base: Path) -> SecretSource:
    return SecretSource.parse(value, key="nbauth.toml: client_secret", base=base)


def test_from_each_place(tmp_path: Path) -> None:
    """A secret is read from the environment, from a file beside nbauth.toml, and from the keyring."""
    (tmp_path / "secret").write_text("from the file\r\n")
    before = keyring.get_keyring()
    keyring.set_keyring(Ring())
    try:
        assert _source({"env": "X"}, tmp_path).read({"X": "from the environment"}) == "from the environment"
        assert _source({"file": "secret"}, tmp_path).read() == "from the file"
        assert _source({"keyring": "nbauth/nightly"}, tmp_path).read() == "from the ring"
        with pytest.raises(ConfigError, match="Run in a shell: keyring set nbauth other"):
            _source({"keyring": "nbauth/other"}, tmp_path).read()
    finally:
        keyring.set_keyring(before)


@pytest.mark.parametrize("left", ["\n", "\r\n", "\ufeff", " ", "\t\n", "\u00a0", "\u200b", "\0", "\ufeff \n"])
def test_blanks_at_the_edges(left: str, tmp_path: Path) -> None:
    """What an editor, echo or a copied page leaves at a secret's edges is no part of it, wherever it is kept."""
    for encoding in ("utf-8", "utf-16"):
        (tmp_path / "secret").write_bytes(f"{left}s3 cret{left}".encode(encoding))
        assert _source({"file": "secret"}, tmp_path).read() == "s3 cret"
    assert _source({"env": "X"}, tmp_path).read({"X": f"{left}s3 cret{left}"}) == "s3 cret"
    with pytest.raises(ConfigError, match="is empty"):
        _source({"env": "X"}, tmp_path).read({"X": left})


def test_a_mistake_names_the_place_and_never_the_value(tmp_path: Path) -> None:
    """A secret that is missing, empty or unreadable names the key and the place, never the value."""
    (tmp_path / "empty").write_text("\n")
    (tmp_path / "large").write_bytes(b"x" * 70_000)
    (tmp_path / "binary").write_bytes(b"\xff\xfe\xfd")
    for value, message in (
        ({"env": "X"}, r"client_secret: the environment variable X is not set"),
        ({"file": "gone"}, r"cannot read the file .*gone: No such file"),
        ({"file": "empty"}, "is empty"),
        ({"file": "large"}, "larger than 64 KiB"),
        ({"file": "binary"}, "is not UTF-8"),
    ):
        with pytest.raises(ConfigError, match=message):
            _source(value, tmp_path).read({})


class OddRing(Ring):
    """A keyring that does what a test says."""

    def __init__(self, act: Callable[[], str | None]) -> None:
        super().__init__()
        self._act = act

    def get_password(self, service: str, username: str) -> str | None:
        return self._act()


@pytest.fixture
def use() -> Iterator[Callable[[keyring.backend.KeyringBackend], None]]:
    """Return what puts a keyring in the place of the platform's."""
    before = keyring.get_keyring()
    yield keyring.set_keyring
    keyring.set_keyring(before)


class DBusErrorResponse(Exception):
    """What a library of the platform raises, which is no error of keyring's."""


@pytest.mark.parametrize(
    ("error", "said"),
    [
        (DBusErrorResponse("org.freedesktop.DBus.Error.ServiceUnknown"), "raised DBusErrorResponse: org.freedesktop"),
        (OSError("no bus"), "raised OSError: no bus"),
        (KeyError(), r"raised KeyError\."),
        (RuntimeError("token=hunter2hunter2\nand more"), r"raised RuntimeError: token=\*\*\* and more"),
        (keyring.errors.KeyringLocked("Locked"), "the keyring answered: Locked"),
    ],
    ids=lambda value: type(value).__name__ if isinstance(value, Exception) else "",
)
def test_a_keyring_that_raises(error: Exception, said: str, tmp_path: Path, use: Callable[..., None]) -> None:
    """Whatever a keyring raises is one line that names the key and the error, with nothing in it that looks secret."""

    def fail() -> str:
        raise error

    use(OddRing(fail))
    with pytest.raises(ConfigError, match=rf"client_secret: .*{said}") as caught:
        _source({"keyring": "svc/user"}, tmp_path).read()
    assert "\n" not in str(caught.value)


def test_a_keyring_that_waits(tmp_path: Path, use: Callable[..., None]) -> None:
    """A keyring that waits to be unlocked holds up no sign-in beyond its timeout; the error says what it may be."""
    go_on = threading.Event()
    use(OddRing(lambda: "late" if go_on.wait(300) else None))
    nbauth.add_profile(
        nbauth.Profile(
            "job",
            client_id="job",
            tenant="contoso.onmicrosoft.com",
            client_secret={"keyring": "svc/user"},
            apis={"https://api.example": ["https://api.example/.default"]},
        )
    )
    try:
        with within(0.1), pytest.raises(ConfigError, match="client_secret: the keyring does not answer"):
            _source({"keyring": "svc/user"}, tmp_path).read()
        with pytest.raises(ConfigError, match=r"'job': client_secret: the keyring does not answer; it may be waiting"):
            nbauth.login("job", timeout_s=0.5)
    finally:
        go_on.set()


@pytest.mark.parametrize(
    ("text", "secret"),
    [
        ('event={"data": {"code": "SECRET-1", "x": 1}}', "SECRET-1"),
        ("{'code_verifier': 'SECRET-2', 'y': 2}", "SECRET-2"),
        ("GET /?code=SECRET-3&state=s HTTP/1.1", "SECRET-3"),
        ('{"access_token": "SECRET-4", "expires_in": 3', "SECRET-4"),
        ("token eyJhbGciOiJSUzI1NiJ9.eyJzdWIiOiIxIn0.SECRET-5", "SECRET-5"),
        ('{"device_code": "SEC\\"RET-6"}', "RET-6"),
    ],
)
def test_what_msal_logs_holds_no_secret(text: str, secret: str) -> None:
    """What MSAL logs at DEBUG holds no secret any more; the rest of the line stays."""
    record = logging.LogRecord("msal", logging.DEBUG, __file__, 1, "%s end", (text,), None)
    assert log_filter.RedactSecrets().filter(record)
    assert secret not in record.getMessage()
    assert record.getMessage().endswith(" end")
