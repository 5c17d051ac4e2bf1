"""What lies beside the file of `to=` before the call: in a cloned folder, or in one that others may write to."""

from __future__ import annotations

import os
import stat
import time
from typing import TYPE_CHECKING, Any

import pandas as pd
import pytest
from loads import write
from loopback_api import Reply, as_json

from nbauth.errors import ApiError, ConfigError

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

    from loopback_api import Seen, Server

    from nbauth.data.fetch.session import Session

ROWS = [1, 2, 3]


@pytest.fixture(autouse=True)
def small(monkeypatch: pytest.MonkeyPatch) -> None:
    """Make a part of every row."""
    monkeypatch.setattr("nbauth.data.sinks.parquet._ROWS_AT_ONCE", 1)


@pytest.fixture
def url(api: Server) -> str:
    """Return the URL of three rows on three pages."""
    return _serve(api)


@pytest.fixture
def target(tmp_path: Path) -> Path:
    """Return where the rows are to go, in a folder beside which lies something precious."""
    victim = tmp_path / "victim"
    (victim / "deeper").mkdir(parents=True, mode=0o755)
    for name in ("thesis.docx", "deeper/data", "lock", "note.json", "00000.arrow"):
        (victim / name).write_text("precious")
    (tmp_path / "clone").mkdir()
    return tmp_path / "clone" / "orders.parquet"


def _serve(api: Server, rows: list[int] | None = None, *, broken: int | None = None, on_page: Any = None) -> str:
    values = rows or ROWS

    def answer(seen: Seen) -> Reply:
        number = int(seen.path.partition("n=")[2] or 0)
        if on_page is not None:
            on_page(number)
        if number == broken:
            return Reply(b"no", 500)
        more = {"nextLink": f"/x?n={number + 1}"} if number + 1 < len(values) else {}
        return as_json({"value": [{"id": values[number]}], **more})

    api.routes["/x"] = answer
    api.seen.clear()
    return f"{api.origin}/x"


def _folder(target: Path) -> Path:
    return target.with_name(f".{target.name}.nbauth-parts")


def _content(folder: Path) -> dict[str, Any]:
    """Return all that a folder holds: names, kinds, modes, content."""
    return {
        str(path.relative_to(folder)): (path.lstat().st_mode, path.read_bytes() if path.is_file() else None)
        for path in [folder, *sorted(folder.rglob("*"))]
    }


def _rows(target: Path) -> list[int]:
    return pd.read_parquet(target)["id"].tolist()


def _break(session: Session, api: Server, target: Path, rows: list[int] | None = None) -> None:
    """Leave what a load leaves that broke off at its last page."""
    with pytest.raises(ApiError):
        write(session, _serve(api, rows, broken=2), target)
    assert (_folder(target) / "note.json").is_file()


# The folder


def _open(folder: Path) -> None:
    folder.mkdir(0o755)
    (folder / "00000.arrow").touch()


@pytest.mark.parametrize(
    ("plant", "reason"),
    [
        (lambda folder: folder.symlink_to("../victim"), "not a plain directory"),
        (lambda folder: folder.symlink_to("nowhere"), "not a plain directory"),
        (lambda folder: folder.write_text("precious"), "not a plain directory"),
        (os.mkfifo, "not a plain directory"),
        (_open, "the directory is open to others"),
    ],
    ids=["link", "dangling link", "file", "fifo", "readable"],
)
def test_a_folder_that_is_not_ours(  # noqa: PLR0917
    session: Session, url: str, api: Server, target: Path, plant: Callable[[Path], None], reason: str
) -> None:
    """A link, or a directory that others may look into, is named in an error, and nothing is sent, changed or lost."""
    plant(_folder(target))
    before = _content(target.parent.parent)
    with pytest.raises(ConfigError, match=reason) as caught:
        write(session, url, target)
    assert str(_folder(target)) in str(caught.value)
    assert "delete it" in str(caught.value)
    assert _content(target.parent.parent) == before
    assert api.seen == []


def test_another_user_s_folder(session: Session, url: str, target: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """A directory of another user is named in an error, and nothing of it is lost."""
    _folder(target).mkdir(0o700)
    (_folder(target) / "00000.arrow").write_text("precious")
    before, own = _content(target.parent), os.getuid()
    monkeypatch.setattr("os.getuid", lambda: own + 1)
    with pytest.raises(ConfigError, match="belongs to somebody else"):
        write(session, url, target)
    assert _content(target.parent) == before


def test_foreign_names_stay(session: Session, url: str, target: Path) -> None:
    """In a folder of ours only files with names of ours are deleted; what else lies there stays, a link too."""
    folder = _folder(target)
    folder.mkdir(0o700)
    names = ("thesis.docx", "note.json.bak", "0.parquet", "00000.arrow.old", "new.txt", "x00000.arrow")
    for name in names:
        (folder / name).write_text("precious")
    (folder / "link").symlink_to("../../victim")
    (folder / "deeper").mkdir()
    (folder / "deeper" / "00000.arrow").write_text("precious")
    (folder / "00007.arrow").write_text("left by a load that was killed")
    before = _content(target.parent.parent / "victim")
    assert _rows(write(session, url, target)) == ROWS
    assert sorted(path.name for path in folder.iterdir()) == sorted([*names, "link", "deeper"])
    assert (folder / "deeper" / "00000.arrow").read_text() == "precious"
    assert _content(target.parent.parent / "victim") == before


@pytest.mark.parametrize("name", ["lock", "note.json", "00000.arrow", "00007.arrow"])
@pytest.mark.parametrize(
    "plant",
    [
        lambda path: path.symlink_to("../../victim/thesis.docx"),
        lambda path: path.symlink_to("../../victim/new"),
        os.mkfifo,
        lambda path: (path.mkdir(), (path / "precious").touch()),
    ],
    ids=["link", "dangling link", "fifo", "directory"],
)
def test_our_names_that_are_no_files(
    session: Session, url: str, target: Path, name: str, plant: Callable[[Path], None]
) -> None:
    """What has a name of ours and is no plain file is named in an error; nothing is followed, waited for or lost."""
    folder = _folder(target)
    folder.mkdir(0o700)
    plant(folder / name)
    before = _content(target.parent.parent / "victim")
    with pytest.raises(ConfigError, match=name):
        write(session, url, target)
    assert _content(target.parent.parent / "victim") == before
    assert os.path.lexists(folder / name)


def test_hard_links(session: Session, url: str, target: Path) -> None:
    """A hard link to a file loses its name in the folder, and the file keeps what it holds."""
    folder, victim = _folder(target), target.parent.parent / "victim"
    folder.mkdir(0o700)
    for name in ("lock", "note.json", "00000.arrow"):
        (folder / name).hardlink_to(victim / "thesis.docx")
    before = _content(victim)
    assert _rows(write(session, url, target)) == ROWS
    assert _content(victim) == before


def test_swapped_on_the_way(session: Session, api: Server, target: Path) -> None:
    """A folder that is swapped for a link while a load is at it does not lead the load elsewhere."""
    victim = target.parent.parent / "victim"

    def swap(number: int) -> None:
        if number == 1:
            _folder(target).rename(target.with_name("aside"))
            _folder(target).symlink_to(victim)

    url, before = _serve(api, on_page=swap), _content(victim)
    assert _rows(write(session, url, target)) == ROWS
    assert _content(victim) == before


# What a break left


def _planted(session: Session, api: Server, target: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Another user of the same request made it, with a key of their own."""
    with monkeypatch.context() as patch:
        patch.setenv("XDG_STATE_HOME", str(target.parent.parent / "theirs"))
        _break(session, api, target, [666, 667, 668])


def _a_part(session: Session, api: Server, target: Path, _: Any) -> None:
    _break(session, api, target)
    pd.DataFrame({"id": [666]}).to_parquet(_folder(target) / "00000.arrow")


def _two_parts(session: Session, api: Server, target: Path, _: Any) -> None:
    _break(session, api, target)
    first, second = _folder(target) / "00000.arrow", _folder(target) / "00001.arrow"
    first.rename(target)
    second.rename(first)
    target.rename(second)


def _moved(session: Session, api: Server, target: Path, _: Any) -> None:
    other = target.with_name("other.parquet")
    _break(session, api, other, [666, 667, 668])
    _folder(other).rename(_folder(target))


def _old(session: Session, api: Server, target: Path, _: Any) -> None:
    _break(session, api, target, [666, 667, 668])
    note = _folder(target) / "note.json"
    os.utime(note, (time.time() - 90_000,) * 2)


def _linked(session: Session, api: Server, target: Path, _: Any) -> None:
    _break(session, api, target, [666, 667, 668])
    target.with_name("elsewhere").hardlink_to(_folder(target) / "00000.arrow")


@pytest.mark.parametrize("plant", [_planted, _a_part, _two_parts, _moved, _old, _linked])
def test_what_this_user_did_not_leave_here(
    session: Session, api: Server, target: Path, plant: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A note or a part that this user's own call did not leave here, just so, brings no row: the load starts over."""
    plant(session, api, target, monkeypatch)
    url = _serve(api)
    assert _rows(write(session, url, target)) == ROWS
    assert len(api.seen) == 3
    assert not _folder(target).exists()


def test_an_old_note_that_looks_new(
    session: Session, api: Server, target: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The note itself says when it was written: a file that was only touched is not a new one."""
    _break(session, api, target, [666, 667, 668])
    now = time.time()
    os.utime(_folder(target) / "note.json", (now + 90_000,) * 2)
    monkeypatch.setattr("time.time", lambda: now + 90_001)
    assert _rows(write(session, _serve(api), target)) == ROWS


def test_without_a_key(
    session: Session, api: Server, target: Path, apart: Path, caplog: pytest.LogCaptureFixture
) -> None:
    """Where there is no key of the user's alone, nothing is kept after a break, and the log says so once."""
    (apart.parent / ".git").mkdir()
    with pytest.raises(ApiError):
        write(session, _serve(api, broken=2), target)
    assert not _folder(target).exists()
    (said,) = [record.getMessage() for record in caplog.records]
    assert "orders.parquet" in said
    assert "starts over" in said
    assert "version-controlled" in said
    assert _rows(write(session, _serve(api), target)) == ROWS
    assert len(api.seen) == 3


def test_a_key_that_others_may_read(session: Session, api: Server, target: Path, apart: Path) -> None:
    """A note under a key that others may read is not gone on with."""
    _break(session, api, target, [666, 667, 668])
    (key,) = (apart.parent / "state").rglob("checkpoint.key")
    key.chmod(0o644)
    assert _rows(write(session, _serve(api), target)) == ROWS


def test_a_file_system_without_private_directories(
    session: Session, api: Server, target: Path, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    """Where all directories are open to others, as on some mounts, parts lie elsewhere and are gone after a break."""
    mkdir = os.mkdir

    def opened(path: Any, mode: int = 0o777, **others: Any) -> None:
        mkdir(path, 0o777 if "nbauth-parts" in str(path) else mode, **others)

    monkeypatch.setattr("os.mkdir", opened)
    temporary = target.parent.parent / "tmp"
    temporary.mkdir()
    monkeypatch.setattr("tempfile.tempdir", str(temporary))
    with pytest.raises(ApiError):
        write(session, _serve(api, broken=2), target)
    assert "closed to others" in caplog.text
    assert (list(target.parent.iterdir()), list(temporary.iterdir())) == ([], [])
    assert _rows(write(session, _serve(api), target)) == ROWS
    assert ([path.name for path in target.parent.iterdir()], list(temporary.iterdir())) == ([target.name], [])


# The file


def test_a_link_to_a_parquet_file(session: Session, url: str, target: Path, tmp_path: Path) -> None:
    """A person's own link leads to the file that is written, as to a larger disk; also the first time."""
    (tmp_path / "disk").mkdir()
    target.symlink_to("../disk/orders.parquet")
    for _ in range(2):
        assert write(session, url, target) == target
        assert _rows(tmp_path / "disk" / "orders.parquet") == ROWS
    assert target.is_symlink()
    assert [path.name for path in target.parent.iterdir()] == [target.name]
    assert [path.name for path in (tmp_path / "disk").iterdir()] == ["orders.parquet"]


@pytest.mark.parametrize("leads", ["../victim/thesis.docx", "../victim/new.txt", "../victim", "orders.parquet"])
def test_a_link_to_something_else(session: Session, url: str, api: Server, target: Path, leads: str) -> None:
    """A link to what is no Parquet file, as one that came with a clone, is named in an error; nothing is changed."""
    target.symlink_to(leads)
    before = _content(target.parent.parent / "victim")
    with pytest.raises(ConfigError, match=r"orders\.parquet"):
        write(session, url, target)
    assert _content(target.parent.parent / "victim") == before
    assert api.seen == []


def test_no_plain_file(session: Session, url: str, api: Server, target: Path) -> None:
    """A pipe in the file's place is named in an error, and stays."""
    os.mkfifo(target)
    with pytest.raises(ConfigError, match="no plain file"):
        write(session, url, target)
    assert stat.S_ISFIFO(target.lstat().st_mode)
    assert api.seen == []


def test_the_mode(session: Session, url: str, target: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """The file has the mode of any new file, or that of the file before it; the process's umask is never changed."""
    reference = target.with_name("reference")
    reference.touch()
    monkeypatch.delattr("os.umask")
    write(session, url, target)
    assert stat.S_IMODE(target.stat().st_mode) == stat.S_IMODE(reference.stat().st_mode)
    target.chmod(0o600)
    write(session, url, target)
    assert stat.S_IMODE(target.stat().st_mode) == 0o600
