from __future__ import annotations

import grp
import os
import pwd
from typing import TYPE_CHECKING

import pytest

from nbauth.files.private_files import why_not_private, why_not_trusted_owner

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path


@pytest.fixture
def file(tmp_path: Path) -> Path:
    """Return a file that is this user's alone."""
    path = tmp_path / "file"
    path.touch(0o600)
    return path


def _link(path: Path) -> None:
    path.rename(path.with_name("elsewhere"))
    path.symlink_to("elsewhere")


def _fifo(path: Path) -> None:
    path.unlink()
    os.mkfifo(path, 0o600)


@pytest.mark.parametrize(
    ("spoil", "private", "trusted"),
    [
        (lambda _: None, None, None),
        (_link, "it is not a plain file", None),
        (_fifo, "it is not a plain file", "it is not a plain file"),
        (lambda path: path.chmod(0o644), "the file is open to others", None),
        (
            lambda path: path.chmod(0o602),
            "the file is open to others, who may write to it",
            "everybody may write to it",
        ),
    ],
    ids=["private", "link", "fifo", "readable", "writable"],
)
def test_kind_and_mode(file: Path, spoil: Callable[[Path], None], private: str | None, trusted: str | None) -> None:
    """What is nbauth's own is a private file and no link; what a person wrote may be a link, and be read by others."""
    spoil(file)
    assert (why_not_private(file), why_not_trusted_owner(file)) == (private, trusted)


def test_private_directories(tmp_path: Path) -> None:
    """A directory is private as a file is; a link to one is none."""
    (tmp_path / "folder").mkdir(0o700)
    (tmp_path / "link").symlink_to("folder")
    assert why_not_private(tmp_path / "folder", directory=True) is None
    assert why_not_private(tmp_path / "link", directory=True) == "it is not a plain directory"


def test_files_of_other_users(file: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Another user's file is trusted in neither way; root's may be a configuration, and is nobody else's own file."""
    owner = os.getuid()
    monkeypatch.setattr("os.getuid", lambda: owner + 1)
    assert why_not_private(file) == "the file belongs to somebody else"
    reason = why_not_trusted_owner(file)
    assert reason == (None if owner == 0 else f"it belongs to another user, {pwd.getpwuid(owner).pw_name!r}")


def test_files_that_a_group_may_write_to(file: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """A group may write to a configuration where it is the owner's private group, and not where it has others."""
    file.chmod(0o660)
    own = pwd.struct_passwd(("alice", "x", os.getuid(), file.stat().st_gid, "", "", ""))
    monkeypatch.setattr("pwd.getpwuid", lambda _: own)
    reasons = []
    for name, members in (("alice", []), ("alice", ["alice"]), ("alice", ["bob"]), ("users", [])):
        group = grp.struct_group((name, "x", file.stat().st_gid, members))
        monkeypatch.setattr("grp.getgrgid", lambda _, group=group: group)
        reasons.append(why_not_trusted_owner(file))
    assert reasons == [None, None, "a group may write to it", "a group may write to it"]


def test_another_user_s_link(file: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Another user's link to a file of this user's is not followed: it could lead elsewhere tomorrow."""
    link, owner = file.with_name("link"), os.getuid()
    link.symlink_to(file)
    if owner == 0:
        os.chown(link, 12345, 12345, follow_symlinks=False)
    else:
        monkeypatch.setattr("os.getuid", lambda: owner + 1)
    reason = why_not_trusted_owner(link)
    assert reason is not None
    assert reason.startswith(f"the link {link} belongs to another user")


def test_links_that_lead_nowhere(file: Path) -> None:
    """A link that leads nowhere, or to itself, is an error of the system, as for any file."""
    (file.parent / "nowhere").symlink_to("nothing")
    (file.parent / "circle").symlink_to("circle")
    with pytest.raises(FileNotFoundError):
        why_not_trusted_owner(file.parent / "nowhere")
    with pytest.raises(OSError, match="symbolic links"):
        why_not_trusted_owner(file.parent / "circle")
