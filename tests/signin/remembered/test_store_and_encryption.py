"""What lies under a remembered sign-in: the file, what protects it, and how several processes share it."""

from __future__ import annotations

import json
import os
import stat
import subprocess
import sys
import threading
import time
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest

import nbauth
from nbauth import kernel
from nbauth.signin.remembered import encryption as codecs
from nbauth.signin.remembered import location
from nbauth.signin.remembered.encryption import CorruptedData, KeyedCodec, PlainCodec, platform_codec
from nbauth.signin.remembered.store import Store

if TYPE_CHECKING:
    from collections.abc import Callable

    from nbauth.demo.server import DemoServer


class FakeKeeper:
    """A platform's store of secrets, in memory."""

    def __init__(self, text: str | None = None) -> None:
        self.text = text
        self.saved = 0

    def load(self) -> str | None:
        return self.text

    def save(self, text: str) -> None:
        self.saved += 1
        self.text = text


class NoKeeper:
    """A platform without a store of secrets."""

    def load(self) -> str | None:
        raise ImportError("no module named gi")

    def save(self, text: str) -> None:
        raise AssertionError(text)


def _store(directory: Path, name: str = "one") -> Store:
    return Store(directory / "kept", name, PlainCodec())


@pytest.fixture
def store(tmp_path: Path) -> Store:
    """Return a store with content."""
    made = _store(tmp_path)
    with made.lock():
        made.write(b"content")
    return made


# The file


def test_written_and_read(store: Store) -> None:
    """What was written is read, in a file and a directory that are their owner's alone; deleted, it is gone."""
    assert store.read() == b"content"
    assert stat.S_IMODE(store.path.stat().st_mode) == 0o600
    assert stat.S_IMODE(store.path.parent.stat().st_mode) == 0o700
    with store.lock():
        store.delete()
        store.delete()
    assert store.read() is None
    assert not store.path.exists()


def test_a_directory_in_its_place_is_closed(store: Store) -> None:
    """A directory where the file should be leaves no descriptor open."""
    _directory(store.path)
    before = _descriptors()
    assert store.read() is None
    assert before == _descriptors()


def test_nothing_is_made_by_reading(tmp_path: Path) -> None:
    """Reading where nothing is makes neither a directory nor a word in the log."""
    assert _store(tmp_path).read() is None
    assert list(tmp_path.iterdir()) == []


def _link(path: Path) -> None:
    path.rename(path.with_name("elsewhere"))
    path.symlink_to("elsewhere")


def _fifo(path: Path) -> None:
    path.unlink()
    os.mkfifo(path, 0o600)


def _directory(path: Path) -> None:
    path.unlink()
    path.mkdir()


def _descriptors() -> list[str]:
    return sorted(path.name for path in Path("/proc/self/fd").iterdir())


def _large(path: Path) -> None:
    path.write_bytes(path.read_bytes() + b"x" * 1024 * 1024)


def _device(path: Path) -> None:
    path.unlink()
    path.symlink_to("/dev/zero")


@pytest.mark.parametrize(
    ("spoil", "reason"),
    [
        (_link, "levels of symbolic links"),
        (_device, "levels of symbolic links"),
        (_fifo, "not a plain file"),
        (_directory, "not a plain file"),
        (_large, "too large"),
        (lambda path: path.chmod(0o640), "open to others"),
        (lambda path: path.chmod(0o602), "open to others"),
        (lambda path: path.parent.chmod(0o755), "directory is open to others"),
    ],
    ids=["link", "device", "fifo", "directory", "large", "read by group", "written by others", "open directory"],
)
def test_what_is_not_trusted(
    spoil: Callable[[Path], None], reason: str, store: Store, caplog: pytest.LogCaptureFixture
) -> None:
    """What somebody else could have put there, or read, is nothing; the log says why, and the thing stays."""
    spoil(store.path)
    assert store.read() is None
    assert [reason in record.getMessage() for record in caplog.records] == [True]
    assert store.path.exists()
    assert "content" not in caplog.text


def test_somebody_elses_file(store: Store, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture) -> None:
    """A file or directory of another user is nothing."""
    owner = os.getuid()
    monkeypatch.setattr(os, "getuid", lambda: owner + 1)
    assert store.read() is None
    assert "belongs to somebody else" in caplog.text


def test_a_linked_directory(store: Store, caplog: pytest.LogCaptureFixture) -> None:
    """A directory that is a link is neither read from nor written to."""
    store.path.parent.rename(store.path.parent.with_name("elsewhere"))
    store.path.parent.symlink_to("elsewhere")
    assert store.read() is None
    with pytest.raises(ValueError, match="not a plain directory"), store.lock():
        pass
    assert "not a plain directory" in caplog.text


def _cut(data: bytes) -> bytes:
    return data[:-3]


def _flip(data: bytes) -> bytes:
    return data[:-1] + bytes([data[-1] ^ 1])


@pytest.mark.parametrize("codec", [PlainCodec(), KeyedCodec("fake", FakeKeeper())], ids=["plain", "keyed"])
@pytest.mark.parametrize(
    "damage", [_cut, _flip, lambda _: b"x", lambda data: data[25:]], ids=["cut", "flipped", "garbage", "headless"]
)
def test_damaged_content_is_set_aside(
    damage: Callable[[bytes], bytes], codec: codecs.Codec, tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    """Content that was damaged means nothing, and lies aside; what is written next is read."""
    store = Store(tmp_path / "kept", "one", codec)
    with store.lock():
        store.write(b"content")
    store.path.write_bytes(damage(store.path.read_bytes()))
    assert store.read() is None
    assert "set aside" in caplog.text
    assert not store.path.exists()
    assert store.path.with_suffix(".damaged").exists()
    with store.lock():
        store.write(b"again")
    assert store.read() == b"again"


@pytest.mark.parametrize("codec", [PlainCodec(), KeyedCodec("fake", FakeKeeper())], ids=["plain", "keyed"])
def test_content_belongs_to_its_place(codec: codecs.Codec, tmp_path: Path) -> None:
    """The file of one profile is not taken for another one's."""
    one, other = (Store(tmp_path / "kept", name, codec) for name in ("one", "other"))
    with one.lock():
        one.write(b"content")
    one.path.rename(other.path)
    assert other.read() is None


def test_no_weaker_codec_is_taken(store: Store) -> None:
    """A plain file is not taken where the platform encrypts, and stays."""
    assert Store(store.path.parent, "one", KeyedCodec("fake", FakeKeeper())).read() is None
    assert store.path.exists()
    assert store.read() == b"content"


def test_old_temporaries_are_swept(store: Store) -> None:
    """What killed writers left is removed by a later one; what may still be written to is left alone."""
    old, new = (store.path.with_name(f"one.{name}.tmp") for name in ("old", "new"))
    for path in (old, new):
        path.touch()
    os.utime(old, (time.time() - 3600,) * 2)
    with store.lock():
        store.write(b"again")
    assert not old.exists()
    assert new.exists()


def test_too_much_is_not_written(store: Store) -> None:
    """What could not be read back is not written; what was there stays."""
    with store.lock(), pytest.raises(ValueError, match="too large"):
        store.write(b"x" * 1024 * 1024)
    assert store.read() == b"content"


# What protects it


def test_a_key_is_made_once() -> None:
    """The key is made when there is none, and kept in the platform's store; the content is not to be seen."""
    keeper = FakeKeeper()
    first, second = KeyedCodec("fake", keeper), KeyedCodec("fake", keeper)
    sealed = first.seal(b"content", "place")
    assert b"content" not in sealed
    assert second.open(sealed, "place") == b"content"
    assert keeper.saved == 1
    assert sealed != first.seal(b"content", "place")


def test_another_key_opens_nothing() -> None:
    """A store of secrets that lost the key has another one, and what was sealed is damaged."""
    sealed = KeyedCodec("fake", FakeKeeper()).seal(b"content", "place")
    with pytest.raises(CorruptedData, match="another key"):
        KeyedCodec("fake", FakeKeeper()).open(sealed, "place")


@pytest.mark.parametrize("text", ["", "no base64!", "c2hvcnQ="])
def test_a_damaged_key(text: str) -> None:
    """A key that is none is not used and not replaced: the message says where it lies."""
    keeper = FakeKeeper(text)
    with pytest.raises(OSError, match="the key 'remembered sign-ins' of 'nbauth' in fake is damaged; delete it"):
        KeyedCodec("fake", keeper).key()
    assert keeper.text == text


def test_the_platform_comes_first() -> None:
    """Where the platform encrypts, the variable for plain files changes nothing."""
    codec = platform_codec({"NBAUTH_ALLOW_PLAINTEXT_CACHE": "1"}, platform="linux", keeper=FakeKeeper())
    assert codec is not None
    assert codec.name == "libsecret"


@pytest.mark.parametrize(("value", "name"), [("1", "plain"), ("0", None), ("true", None), ("", None)])
def test_without_a_platform(value: str, name: str | None) -> None:
    """Where the platform encrypts nothing there is no codec, unless the variable is exactly 1."""
    codec = platform_codec({"NBAUTH_ALLOW_PLAINTEXT_CACHE": value}, platform="linux", keeper=NoKeeper())
    assert (codec and codec.name) == name


def test_a_keyring_that_never_answers(monkeypatch: pytest.MonkeyPatch) -> None:
    """A keyring that waits for somebody who is not there is given up."""
    asked = threading.Event()

    class Waiting(FakeKeeper):
        def load(self) -> str | None:
            asked.wait(30)
            return None

    monkeypatch.setattr(codecs, "_PATIENCE_S", 0.1)
    assert platform_codec({}, platform="linux", keeper=Waiting()) is None
    asked.set()


def test_no_keyring_is_asked_in_vain(
    demo: DemoServer, person: Callable[..., Any], monkeypatch: pytest.MonkeyPatch
) -> None:
    """A sign-in and a sign-out where nothing is remembered ask no keyring, which could ask the person to unlock it."""
    asked: list[str] = []
    monkeypatch.setattr(location, "platform_codec", lambda: asked.append("asked"))
    nbauth.login("demo", flow="paste", prompt=person(), timeout_s=20)
    kernel.logout("demo")
    assert asked == []


# Several processes and the file

_PREAMBLE = """
import json, os, random, signal, sys, time
from pathlib import Path
from nbauth.signin.remembered.encryption import PlainCodec
from nbauth.signin.remembered.store import Store
store = Store(Path(sys.argv[1]), "one", PlainCodec())
def content(number):
    return json.dumps({"number": number, "filling": "x" * (number * 9_973 % 60_000), "again": number}).encode()
"""
_KILLED = """
random.seed(1)
bad = locked = 0
rounds = []
for round in range(150):
    has_written, tells = os.pipe()
    child = os.fork()
    if child == 0:
        for number in range(round * 1_000_000, (round + 1) * 1_000_000):
            with store.lock():
                store.write(content(number))
            os.write(tells, b"1")
    os.read(has_written, 1)  # on a busy machine a child may take long to begin
    time.sleep(random.uniform(0, 0.05))
    os.kill(child, signal.SIGKILL)
    os.waitpid(child, 0)
    os.close(has_written)
    os.close(tells)
    written = json.loads(store.read() or "{}")
    rounds.append(written.get("number", -1) // 1_000_000)
    bad += written.get("number", -1) != written.get("again", -2)
    try:
        with store.lock(2.0):
            pass
    except TimeoutError:
        locked += 1
damaged = len(list(store.path.parent.glob("*.damaged")))
print(json.dumps({"bad": bad, "locked": locked, "damaged": damaged, "rounds": rounds}))
"""


def _run(code: str, *arguments: object) -> dict[str, Any]:
    ran = subprocess.run(
        [sys.executable, "-c", code, *map(str, arguments)], capture_output=True, text=True, check=False, timeout=100
    )
    assert ran.returncode == 0, ran.stderr
    answer: dict[str, Any] = json.loads(ran.stdout)
    return answer


def test_killed_in_the_middle_of_a_write(tmp_path: Path) -> None:
    """A writer is killed 150 times: each time all of one of its contents is there, and no lock stays behind."""
    seen = _run(_PREAMBLE + _KILLED, tmp_path / "kept")
    assert (seen["bad"], seen["locked"], seen["damaged"]) == (0, 0, 0)
    assert seen["rounds"] == list(range(150))


def test_reads_beside_a_writer(tmp_path: Path) -> None:
    """Of 2,000 reads and more while another process writes 50 times, none finds nothing, or half."""
    code = """
print("ready", flush=True)
number = 0
while True:
    number += 1
    with store.lock():
        store.write(content(number))
"""
    store = Store(tmp_path / "kept", "one", PlainCodec())
    with store.lock():
        store.write(b'{"number": 0, "again": 0}')
    writer = subprocess.Popen([sys.executable, "-c", _PREAMBLE + code, store.path.parent], stdout=subprocess.PIPE)
    try:
        assert writer.stdout is not None
        assert writer.stdout.readline() == b"ready\n"
        numbers: set[int] = set()
        reads = 0
        while reads < 2_000 or len(numbers) < 50:
            reads += 1
            found = json.loads(store.read() or b"{}")
            assert found["number"] == found["again"]
            numbers.add(found["number"])
    finally:
        writer.kill()
        writer.wait()
        assert writer.stdout is not None
        writer.stdout.close()
