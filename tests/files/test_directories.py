from __future__ import annotations

import errno
import os
import stat
from typing import TYPE_CHECKING

import pytest

from nbauth.errors import ConfigError
from nbauth.files.directories import Directory
from nbauth.files.private_files import NotPrivate
from nbauth.frontend.callback import install_callback_page
from nbauth.signin.http.http_cache_file import HttpCacheFile
from nbauth.signin.http.stored_answer import StoredAnswer

if TYPE_CHECKING:
    from pathlib import Path


@pytest.fixture
def victim(tmp_path: Path) -> Path:
    """Return a directory with something precious in it."""
    folder = tmp_path / "victim"
    folder.mkdir(0o700)
    (folder / "precious").write_text("precious")
    return folder


def _written(directory: Directory, name: str) -> None:
    with directory.new_file(name) as file:
        file.write(b"new")


def test_swapped_for_a_link(tmp_path: Path, victim: Path) -> None:
    """Once it is open, a directory whose path comes to lead elsewhere is still the one that was checked."""
    with Directory(tmp_path / "ours", make=True) as directory:
        _written(directory, "kept")
        (tmp_path / "ours").rename(tmp_path / "aside")
        (tmp_path / "ours").symlink_to(victim)
        _written(directory, "precious")
        directory.rename("kept", "other")
        directory.create("created", b"")
        with directory.locked("lock"):
            assert directory.names() == ["created", "lock", "other", "precious"]
        directory.remove("precious")
        assert directory.read("other", 10) == b"new"
    assert [path.name for path in victim.iterdir()] == ["precious"]
    assert (victim / "precious").read_text() == "precious"
    with pytest.raises(ValueError, match="is closed"):
        directory.remove("precious")
    with pytest.raises(NotPrivate, match="not a plain directory"):
        Directory(tmp_path / "ours", make=True)


@pytest.mark.parametrize("leads", ["victim/precious", "victim/new"])
def test_links_are_not_followed(tmp_path: Path, victim: Path, leads: str) -> None:
    """What is done to a link's name replaces, deletes or leaves the link; what it leads to is not touched."""
    with Directory(tmp_path / "ours", make=True) as directory:
        for name in ("replaced", "read", "created", "lock", "emptied", "removed"):
            (tmp_path / "ours" / name).symlink_to(tmp_path / leads)
        _written(directory, "replaced")
        directory.create("created", b"new")
        directory.remove("removed")
        with pytest.raises(OSError, match="symbolic links"):
            directory.read("read", 10)
        with pytest.raises(OSError, match="symbolic links"):
            directory.empty("emptied")
        with pytest.raises(OSError, match="symbolic links"), directory.locked("lock"):
            pass
        assert directory.read("replaced", 10) == b"new"
    assert [path.name for path in victim.iterdir()] == ["precious"]
    assert (victim / "precious").read_text() == "precious"


def test_pipes_are_not_waited_for(tmp_path: Path) -> None:
    """A pipe in a file's place is an error at once."""
    with Directory(tmp_path / "ours", make=True) as directory:
        os.mkfifo(tmp_path / "ours" / "pipe", 0o600)
        with pytest.raises(NotPrivate, match="not a plain file"):
            directory.read("pipe", 10)
        with pytest.raises(NotPrivate, match="not a plain file"), directory.locked("pipe"):
            pass
        with pytest.raises(OSError, match="No such device"):
            directory.empty("pipe")


def test_a_write_that_fails(tmp_path: Path) -> None:
    """What was there stays when a new file is not finished, and nothing half written is left."""
    with Directory(tmp_path / "ours", make=True) as directory:
        _written(directory, "file")
        with pytest.raises(TypeError), directory.new_file("file") as file:
            file.writelines([b"half", None])  # type: ignore[list-item]
        assert directory.names() == ["file"]
        assert directory.read("file", 10) == b"new"
        with directory.new_file("file", keeps=True) as file:
            file.write(b"late")
        assert directory.read("file", 10) == b"new"
        assert stat.S_IMODE(directory.status("file").st_mode) == 0o600


def test_a_lock_that_was_deleted(tmp_path: Path) -> None:
    """Who waited for a lock file that its holder deleted does not share the lock with who made a new one."""
    path = tmp_path / "ours"
    with Directory(path, make=True) as first, Directory(path) as second:
        with first.locked("lock"):
            with pytest.raises(TimeoutError), second.locked("lock"):
                pass
            first.remove("lock")
            with second.locked("lock"), pytest.raises(TimeoutError), first.locked("lock"):
                pass
        with first.locked("lock"):
            first.remove("lock")
            path.rmdir()
        with pytest.raises(FileNotFoundError), second.locked("lock"):
            pass


def test_locks_without_flock(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Where the file system has no flock(2), one excludes the others all the same."""

    def flock(*_: object) -> None:
        raise OSError(errno.ENOSYS, "Function not implemented")

    monkeypatch.setattr("fcntl.flock", flock)
    with Directory(tmp_path / "ours", make=True) as directory:
        for _ in range(2):
            with directory.locked("lock"), pytest.raises(TimeoutError), directory.locked("lock"):
                pass


def test_the_http_cache_s_folder(tmp_path: Path, victim: Path) -> None:
    """A `.nbauth` that is a link is not followed, and neither is a `.gitignore` in it."""
    answer = StoredAnswer("{}", 0, 1)
    (tmp_path / ".nbauth").symlink_to(victim)
    HttpCacheFile(tmp_path, tmp_path / "state", {}).store("key", answer)
    assert [path.name for path in victim.iterdir()] == ["precious"]
    (tmp_path / ".nbauth").unlink()
    (tmp_path / ".nbauth").mkdir()
    (tmp_path / ".nbauth" / ".gitignore").symlink_to(victim / "new")
    HttpCacheFile(tmp_path, tmp_path / "state", {}).store("key", answer)
    assert [path.name for path in victim.iterdir()] == ["precious"]
    assert (tmp_path / ".nbauth" / "http_cache").is_file()


@pytest.mark.parametrize("leads", ["precious", "new"])
def test_the_callback_page(tmp_path: Path, victim: Path, leads: str) -> None:
    """A link in the place of the callback page is replaced by the page, and not written through."""
    (tmp_path / "callback.html").symlink_to(victim / leads)
    assert install_callback_page(tmp_path).read_text().startswith("<!doctype html>")
    assert [path.name for path in victim.iterdir()] == ["precious"]
    assert (victim / "precious").read_text() == "precious"


def test_the_callback_page_in_a_file_s_place(tmp_path: Path) -> None:
    """A directory in its place is an error that names the folder, and nothing is left beside it."""
    (tmp_path / "callback.html").mkdir()
    with pytest.raises(ConfigError, match="cannot be written"):
        install_callback_page(tmp_path)
    assert [path.name for path in tmp_path.iterdir()] == ["callback.html"]
