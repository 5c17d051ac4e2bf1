"""Whatever happens to the persisted http cache: nothing foreign is accepted, nothing raises, no load waits."""

from __future__ import annotations

import json
import os
import random
import statistics
import subprocess
import sys
import tempfile
import time
from hashlib import sha256
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest

from nbauth.signin.http.http_cache import ENDPOINT_KEYS, HttpCache
from nbauth.signin.http.http_cache_file import HttpCacheFile
from nbauth.signin.http.stored_answer import LONGEST_S, StoredAnswer

if TYPE_CHECKING:
    from collections.abc import Callable

HOST = "login.example.com"
ALLOWED = frozenset({f"{HOST}:443"})
DOCUMENT = {
    "issuer": f"https://{HOST}/t/v2.0",
    "authorization_endpoint": f"https://{HOST}/t/authorize",
    "token_endpoint": f"https://{HOST}/t/token",
    "jwks_uri": f"https://{HOST}/t/keys",
}
_QUICK_S = 0.5  # guards against waiting; a load takes well below a millisecond
_NOBODY = 12345


def _key(tenant: str = "t") -> str:
    return f"GET https://{HOST}/{tenant}/v2.0/.well-known/openid-configuration hash={sha256(b'').hexdigest()} 2xx"


def _answer(document: Any = DOCUMENT, *, age_s: int = 0, life_s: int = 3600) -> StoredAnswer:
    now = int(time.time()) - age_s
    return StoredAnswer(json.dumps(document), now, now + life_s)


class _Notebook:
    """A notebook's directory with a good cache, and how long its loads took."""

    def __init__(self, root: Path) -> None:
        self.directory = root / "notebooks"
        self.state = root / "state"
        self.directory.mkdir()
        self.folder = self.directory / ".nbauth"
        self.path = self.folder / "http_cache"
        self.key = self.state / "http_cache.key"
        self.file().store(_key(), _answer())
        self.good = self.path.read_bytes()
        self.took: list[float] = []
        assert self.accepted() == {_key()}

    def file(self) -> HttpCacheFile:
        """Return what a kernel that starts now has."""
        return HttpCacheFile(self.directory, self.state, {})

    def accepted(self) -> set[str]:
        """Return the keys that such a kernel takes over."""
        started = time.perf_counter()
        cache = HttpCache(self.file(), ALLOWED)
        self.took.append(time.perf_counter() - started)
        return set(cache) - {"_index_"}

    def sign(self, body: bytes) -> None:
        """Write a body as this user's own kernels do, with the MAC that it needs."""
        mac = self.file()._mac(body)
        self.path.write_bytes(b"\n".join((b"nbauth-http-cache", b"1", mac, body)))

    def sign_entries(self, **changes: Any) -> None:
        """Write one entry with other values than its own."""
        self.sign(json.dumps({_key(): vars(_answer()) | changes}).encode())

    def restore(self) -> None:
        """Make it good again."""
        self.path.write_bytes(self.good)
        assert self.accepted() == {_key()}


@pytest.fixture
def notebook(tmp_path: Path) -> _Notebook:
    """A notebook's directory with a good cache."""
    return _Notebook(tmp_path)


def _quick(notebook: _Notebook, what: str) -> None:
    print(f"{what}: {len(notebook.took)} loads, median {statistics.median(notebook.took) * 1e6:.0f} µs")
    assert statistics.median(notebook.took) < _QUICK_S


def test_changed_bytes(notebook: _Notebook) -> None:
    """Every byte of the file matters: 2,500 changed ones are all found, without a word but in the log."""
    choice = random.Random(20)  # noqa: S311 - the same bytes each time
    positions = [*range(len(notebook.good)), *(choice.randrange(len(notebook.good)) for _ in range(2500))]
    positions = positions[:2500]
    assert len(positions) == 2500
    for at in positions:
        changed = bytearray(notebook.good)
        changed[at] ^= choice.randrange(1, 256)
        notebook.path.write_bytes(changed)
        assert notebook.accepted() == set(), at
    _quick(notebook, "changed bytes")
    notebook.restore()


def test_a_file_that_was_cut_off(notebook: _Notebook) -> None:
    """A file cut off anywhere is nothing."""
    for length in range(len(notebook.good)):
        notebook.path.write_bytes(notebook.good[:length])
        assert notebook.accepted() == set(), length
    _quick(notebook, "truncated")
    notebook.restore()


def _group_writable(notebook: _Notebook) -> None:
    notebook.path.chmod(0o620)


def _group_writable_folder(notebook: _Notebook) -> None:
    notebook.folder.chmod(0o770)


def _world_writable_folder(notebook: _Notebook) -> None:
    notebook.folder.chmod(0o777)


def _linked(notebook: _Notebook) -> None:
    notebook.path.rename(notebook.directory / "elsewhere")
    notebook.path.symlink_to(notebook.directory / "elsewhere")


def _linked_folder(notebook: _Notebook) -> None:
    notebook.folder.rename(notebook.directory / "elsewhere")
    notebook.folder.symlink_to(notebook.directory / "elsewhere")


def _hard_linked(notebook: _Notebook) -> None:
    (notebook.directory / "elsewhere").hardlink_to(notebook.path)


def _dangling(notebook: _Notebook) -> None:
    notebook.path.unlink()
    notebook.path.symlink_to(notebook.directory / "nowhere")


def _directory(notebook: _Notebook) -> None:
    notebook.path.unlink()
    notebook.path.mkdir()


def _fifo(notebook: _Notebook) -> None:
    notebook.path.unlink()
    os.mkfifo(notebook.path)


def _device(notebook: _Notebook) -> None:
    notebook.path.unlink()
    notebook.path.symlink_to("/dev/zero")


def _oversized(notebook: _Notebook) -> None:
    notebook.path.write_bytes(notebook.good + b" " * 200_000)


def _sparse(notebook: _Notebook) -> None:
    os.truncate(notebook.path, 1 << 40)


def _without_key(notebook: _Notebook) -> None:
    notebook.key.unlink()


def _changed_key(notebook: _Notebook) -> None:
    notebook.key.write_bytes(os.urandom(32))


def _short_key(notebook: _Notebook) -> None:
    notebook.key.write_bytes(b"short")


def _empty_key(notebook: _Notebook) -> None:
    notebook.key.write_bytes(b"")


def _linked_key(notebook: _Notebook) -> None:
    notebook.key.rename(notebook.state / "elsewhere")
    notebook.key.symlink_to(notebook.state / "elsewhere")


def _public_key(notebook: _Notebook) -> None:
    notebook.key.chmod(0o666)


def _readable_key(notebook: _Notebook) -> None:
    notebook.key.chmod(0o644)


def _fifo_key(notebook: _Notebook) -> None:
    notebook.key.unlink()
    os.mkfifo(notebook.key)


@pytest.mark.parametrize(
    "spoil",
    [
        _group_writable,
        _group_writable_folder,
        _world_writable_folder,
        _linked,
        _linked_folder,
        _hard_linked,
        _dangling,
        _directory,
        _fifo,
        _device,
        _oversized,
        _sparse,
        _without_key,
        _changed_key,
        _short_key,
        _empty_key,
        _linked_key,
        _public_key,
        _readable_key,
        _fifo_key,
    ],
    ids=lambda spoil: spoil.__name__.strip("_"),
)
def test_not_the_user_s_own_plain_file(spoil: Callable[[_Notebook], None], notebook: _Notebook) -> None:
    """What another may have written or read, or what is no plain file, is nothing; to store there raises nothing."""
    spoil(notebook)
    notebook.took.clear()
    for _ in range(20):
        assert notebook.accepted() == set()
    _quick(notebook, spoil.__name__)
    notebook.file().store(_key("other"), _answer())
    assert notebook.accepted() <= {_key("other")}


@pytest.mark.parametrize("which", ["path", "folder", "key"])
def test_foreign_owner(which: str, notebook: _Notebook, monkeypatch: pytest.MonkeyPatch) -> None:
    """A file, folder or key of another user is nothing."""
    if os.getuid() == 0:
        os.chown(getattr(notebook, which), _NOBODY, _NOBODY)
    else:  # all three are then another's; what follows tells no difference
        own = os.getuid()
        monkeypatch.setattr(os, "getuid", lambda: own + 1)
    assert notebook.accepted() == set()
    notebook.file().store(_key("other"), _answer())
    assert notebook.accepted() <= {_key("other")}


_NOW = int(time.time())
_TIMES: dict[str, dict[str, Any]] = {
    "ended": {"created_at": _NOW - 7200, "expires_at": _NOW - 3600},
    "of 1970": {"created_at": 0, "expires_at": 3600},
    "before 1970": {"created_at": -(10**12), "expires_at": _NOW + 60},
    "from the future": {"created_at": _NOW + 3600, "expires_at": _NOW + 7200},
    "for years": {"expires_at": _NOW + 10**9},
    "a second too long": {"created_at": _NOW, "expires_at": _NOW + LONGEST_S + 1},
    "for ever": {"expires_at": 10**4000},
    "ends before it begins": {"expires_at": _NOW - 86400},
    "NaN": {"expires_at": float("nan")},
    "infinite": {"expires_at": float("inf")},
    "a fraction": {"expires_at": _NOW + 60.5},
    "text": {"expires_at": str(_NOW + 60)},
    "null": {"expires_at": None},
}


@pytest.mark.parametrize("changes", _TIMES.values(), ids=list(_TIMES))
def test_times_that_cannot_be(changes: dict[str, Any], notebook: _Notebook) -> None:
    """Times that no kernel of ours writes make an entry nothing, even under a good MAC."""
    notebook.sign_entries(**changes)
    assert notebook.accepted() == set()


_ELSEWHERE = (
    "https://evil.example/x",
    f"http://{HOST}/x",
    f"https://{HOST}:444/x",
    f"https://{HOST}@evil.example/x",
    f"https://evil.example\\@{HOST}/x",
    f"//{HOST}/x",
    "javascript:alert(1)",
    "https://127.0.0.1/x",
    "",
    5,
    [f"https://{HOST}/x"],
)


@pytest.mark.parametrize("name", ENDPOINT_KEYS)
@pytest.mark.parametrize("url", _ELSEWHERE, ids=str)
def test_endpoints_elsewhere(name: str, url: Any, notebook: _Notebook) -> None:
    """A document that leads any of its endpoints elsewhere is nothing, even under a good MAC."""
    notebook.sign_entries(text=json.dumps(DOCUMENT | {name: url}))
    assert notebook.accepted() == set()


_TEXT = json.dumps(DOCUMENT)
_DEEP = "[" * 20_000 + "]" * 20_000
_BODIES: dict[str, bytes] = {
    "no JSON": b"nonsense",
    "NUL bytes": b"\0" * 1000,
    "not UTF-8": b'{"\xff": 1}',
    "a list": b"[]",
    "a number": b"5",
    "NaN": b"NaN",
    "deep": _DEEP.encode(),
    "a million entries": json.dumps({f"{number}": 0 for number in range(1_000_000)}).encode(),
    "ten thousand entries": json.dumps({f"{number}": 0 for number in range(10_000)}).encode(),
    "an entry of another type": json.dumps({_key(): [_TEXT, _NOW, _NOW + 60]}).encode(),
    "text of another type": json.dumps({_key(): vars(_answer()) | {"text": 5}}).encode(),
    "text that is no JSON": json.dumps({_key(): vars(_answer()) | {"text": "{"}}).encode(),
    "text that is a number": json.dumps({_key(): vars(_answer(5))}).encode(),
    "text that is deep": json.dumps({_key(): vars(_answer()) | {"text": _DEEP}}).encode(),
    "text that is NaN": json.dumps({_key(): vars(_answer(float("nan")))}).encode(),
    "a key twice": (
        f"{{{json.dumps(_key())}: {json.dumps(vars(_answer()))}, "
        f"{json.dumps(_key())}: {json.dumps(vars(_answer(DOCUMENT | {'token_endpoint': 'https://evil.example'})))}}}"
    ).encode(),
    "an endpoint twice": json.dumps(
        {_key(): vars(_answer()) | {"text": _TEXT[:-1] + ', "token_endpoint": "https://evil.example/token"}'}}
    ).encode(),
    "instance discovery that is a number": json.dumps(
        {_key().replace("/t/v2.0/.well-known/openid-configuration", "/common/discovery/instance"): vars(_answer(5))}
    ).encode(),
    "the key of a token request": json.dumps({f"POST https://{HOST}/t/token hash=0 400": vars(_answer())}).encode(),
    "MSAL's index": json.dumps({"_index_": vars(_answer())}).encode(),
}


@pytest.mark.parametrize("body", _BODIES.values(), ids=list(_BODIES))
def test_bodies_that_cannot_be(body: bytes, notebook: _Notebook) -> None:
    """Whatever stands under a good MAC and is not what a kernel of ours writes is nothing, and found out quickly."""
    notebook.sign(body)
    notebook.took.clear()
    for _ in range(5):
        assert notebook.accepted() == set()
    _quick(notebook, "body")


def test_a_link_in_a_cloned_folder(tmp_path: Path) -> None:
    """A link in a folder that came with a clone is not followed: nothing is written to where it leads."""
    folder = tmp_path / "notebooks/.nbauth"
    folder.mkdir(parents=True)
    names = (".gitignore", "http_cache", "http_cache.lock")
    for name in names:
        (folder / name).symlink_to(tmp_path / f"target-{name}")
    HttpCacheFile(tmp_path / "notebooks", tmp_path / "state", {}).store(_key(), _answer())
    assert [path.name for path in tmp_path.glob("target-*")] == []


_CHILD = """
import json, os, sys, resource, logging
from pathlib import Path
from nbauth.signin.http.http_cache import HttpCache
from nbauth.signin.http.stored_answer import StoredAnswer
from nbauth.signin.http.http_cache_file import HttpCacheFile

said = []

class Said(logging.Handler):
    def emit(self, record):
        said.append(record.getMessage())

logging.getLogger("nbauth").addHandler(Said())
directory, state, key, answer, how = sys.argv[1:]
if how == "full":
    resource.setrlimit(resource.RLIMIT_FSIZE, (100, 100))
elif os.getuid() == 0:  # whom no mode keeps from writing
    os.setgroups([]), os.setgid(12345), os.setuid(12345)
file = HttpCacheFile(Path(directory), Path(state), {})
before = sorted(file.load())
for number in range(3):
    file.store(f"{key}{number}", StoredAnswer(**json.loads(answer)))
after = sorted(HttpCacheFile(Path(directory), Path(state), {}).load())
print(json.dumps({"before": before, "after": after, "said": said}))
"""


def _in_a_child(directory: Path, state: Path, how: str) -> dict[str, Any]:
    done = subprocess.run(
        [sys.executable, "-c", _CHILD, directory, state, _key(), json.dumps(vars(_answer())), how],
        capture_output=True,
        text=True,
        check=False,
        timeout=60,
    )
    assert done.returncode == 0, done.stderr
    outcome: dict[str, Any] = json.loads(done.stdout)
    return outcome


def test_disk_full(notebook: _Notebook) -> None:
    """Where the disk is full, what is there stays, nothing half written is left, and the log says it once."""
    outcome = _in_a_child(notebook.directory, notebook.state, "full")
    assert outcome["before"] == outcome["after"] == [_key()]
    assert [text.endswith("File too large. Sign-in goes on without it.") for text in outcome["said"]] == [True]
    assert notebook.path.read_bytes() == notebook.good
    assert not list(notebook.folder.glob("*.tmp"))


def test_read_only_directory() -> None:
    """In a directory that is read-only nothing is written, and the log says it once."""
    with tempfile.TemporaryDirectory() as name:  # not tmp_path, which another user may not enter
        Path(name).chmod(0o755)
        directory, state = Path(name) / "notebooks", Path(name) / "state"
        for path in (directory, state):
            path.mkdir()
            if os.getuid() == 0:
                os.chown(path, _NOBODY, _NOBODY)
        directory.chmod(0o555)
        outcome = _in_a_child(directory, state, "read-only")
        directory.chmod(0o755)
        assert outcome["before"] == outcome["after"] == []
        assert [text.endswith("Permission denied. Sign-in goes on without it.") for text in outcome["said"]] == [True]
        assert list(directory.iterdir()) == []


_ROUNDS, _WRITERS = 150, 3
_KILLED = """
import json, os, random, signal, sys, time
from pathlib import Path
from nbauth.signin.http.stored_answer import StoredAnswer
from nbauth.signin.http.http_cache_file import HttpCacheFile

directory, state, key, answer, rounds, writers = sys.argv[1:]
choice = random.Random(3)
seen = {"readable": 0, "killed": 0, "written": 0, "problems": []}

def file():
    return HttpCacheFile(Path(directory), Path(state), {})

def write(writer):
    number = 0
    while True:
        number += 1
        file().store(f"{key}{writer}-{number % 5}", StoredAnswer(**json.loads(answer)))

for _ in range(int(rounds)):
    children = []
    for writer in range(int(writers)):
        child = os.fork()
        if not child:
            write(writer)
        children.append(child)
    time.sleep(choice.uniform(0, 0.03))
    for child in children:
        os.kill(child, signal.SIGKILL)
    for child in children:
        seen["killed"] += os.waitstatus_to_exitcode(os.waitpid(child, 0)[1]) == -signal.SIGKILL
    fresh = file()
    entries = fresh.load()
    if key in entries and not fresh._said:
        seen["readable"] += 1
    else:
        seen["problems"].append(fresh._said)
    seen["written"] = max(seen["written"], len(entries))
print(json.dumps(seen))
"""


def test_killed_while_writing(notebook: _Notebook) -> None:
    """Writers that are killed at any moment leave a file that can be read, and no lock; their litter is swept."""
    outcome = subprocess.run(
        [
            *(sys.executable, "-c", _KILLED, notebook.directory, notebook.state, _key()),
            *(json.dumps(vars(_answer())), str(_ROUNDS), str(_WRITERS)),
        ],
        capture_output=True,
        text=True,
        check=False,
        timeout=120,
    )
    assert outcome.returncode == 0, outcome.stderr
    seen = json.loads(outcome.stdout)
    litter = list(notebook.folder.glob("*.tmp"))
    print(f"{seen}, {len(litter)} temporary files left")
    assert seen["problems"] == []
    assert (seen["readable"], seen["killed"]) == (_ROUNDS, _ROUNDS * _WRITERS)
    assert seen["written"] > 1
    for path in litter:
        os.utime(path, (0, 0))
    notebook.file().store(_key("last"), _answer())
    assert {_key(), _key("last")} <= notebook.accepted()
    assert not list(notebook.folder.glob("*.tmp"))
