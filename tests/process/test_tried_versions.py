from __future__ import annotations

import logging

import pytest

from nbauth.process.tried_versions import TriedVersions, version_of

TRIED = TriedVersions("msal", "1.35", "1.39")


@pytest.mark.parametrize("version", ["1.35", "1.35.0", "1.36.2", "1.39.0", "1.39.7rc1"])
def test_tried(version: str) -> None:
    """A release between the first and the last is tried, whatever its further numbers."""
    assert TRIED.has(version)


@pytest.mark.parametrize("version", ["1.34.9", "1.40.0", "1.40.0b1", "2.0", "0", ""])
def test_untried(version: str) -> None:
    """A release before the first or after the last is not."""
    assert not TRIED.has(version)


def test_version() -> None:
    """A release is the numbers before the first sign that is none."""
    assert version_of("1.36.0rc1") == (1, 36, 0)


def test_what_is_missing() -> None:
    """Where a release lacks a name, the error says which releases have it."""
    error = TRIED.missing("TokenCache.key_makers", "1.40.0")
    assert "msal 1.40.0 has no TokenCache.key_makers" in str(error)
    assert str(error).endswith('Run: pip install "msal~=1.39.0", and restart the kernel.')


@pytest.mark.parametrize(
    ("version", "said"),
    [("1.39.2", []), ("1.40.0", ["msal 1.40.0 was not tried: 1.35 to 1.39 were."])],
)
def test_it_is_noted(version: str, said: list[str], caplog: pytest.LogCaptureFixture) -> None:
    """A release that was not tried is named in the log, and no other."""
    caplog.set_level(logging.INFO)
    TRIED.note(version, logging.getLogger("nbauth"))
    assert caplog.messages == said
