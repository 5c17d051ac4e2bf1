from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from nbauth.files.state_key import StateKey

if TYPE_CHECKING:
    from pathlib import Path


def test_each_purpose_has_its_own(tmp_path: Path) -> None:
    """A purpose's key is made once, for its owner only, and another purpose or user has another one."""
    state = tmp_path / "deeper" / "state"
    mac = StateKey("one", state, {}).mac(b"a", b"b")
    assert StateKey("one", state, {}).is_right(mac.encode(), b"a", b"b")
    assert not StateKey("other", state, {}).is_right(mac.encode(), b"a", b"b")
    assert not StateKey("one", tmp_path / "other", {}).is_right(mac.encode(), b"a", b"b")
    assert sorted(path.name for path in state.iterdir()) == ["one.key", "other.key"]
    assert (state / "one.key").stat().st_mode & 0o777 == 0o600


def _cloned(state: Path) -> None:
    (state.parent / ".git").mkdir()


def _led_into_a_clone(state: Path) -> None:
    state.rmdir()
    (state.parent / "clone" / ".git").mkdir(parents=True)
    state.symlink_to("clone")


def _led_out_of_a_clone(state: Path) -> None:
    state.rmdir()
    (state.parent / ".git").mkdir()
    state.symlink_to("/tmp")


@pytest.mark.parametrize(
    ("spoil", "reason"),
    [
        (_cloned, "version-controlled"),
        (_led_into_a_clone, "version-controlled"),
        (_led_out_of_a_clone, "version-controlled"),
        (lambda state: state.chmod(0o777), "everybody may write"),
        (lambda state: (state / "one.key").symlink_to("other"), "symbolic links"),
        (lambda state: (state / "one.key").write_bytes(b"x" * 32), "open to others; delete it"),
        (lambda state: (state / "one.key").touch(0o600), "damaged; delete it"),
    ],
)
def test_no_key(tmp_path: Path, spoil: object, reason: str) -> None:
    """There is no key where somebody else may have put or read it, and the reason is said."""
    (tmp_path / "state").mkdir(0o700)
    assert callable(spoil)
    spoil(tmp_path / "state")
    with pytest.raises((OSError, ValueError), match=reason):
        StateKey("one", tmp_path / "state", {}).mac(b"")


def test_no_key_on_binder(tmp_path: Path) -> None:
    """On Binder the home directory is the repository's, and nothing is made in it."""
    with pytest.raises(ValueError, match="Binder"):
        StateKey("one", tmp_path, {"BINDER_SERVICE_HOST": "x"}).mac(b"")
    assert list(tmp_path.iterdir()) == []
