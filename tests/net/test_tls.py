"""Whom connections trust."""

from __future__ import annotations

from pathlib import Path

import certifi
import pytest

from nbauth.errors import ConfigError
from nbauth.net.tls import EnvironmentTrust, trust_context


def test_usual_authorities_are_certifis(certifi_bundle: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Without a bundle of a profile's the authorities are all of certifi's, and no others."""
    monkeypatch.setattr(certifi, "where", lambda: str(certifi_bundle))
    count = certifi_bundle.read_text(encoding="utf-8").count("BEGIN CERTIFICATE")
    assert trust_context().cert_store_stats()["x509"] == count > 100


def test_contexts_are_kept(apart: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """A context is made once, until the environment names another file, or the file holds something else."""
    contents = Path(certifi.where()).read_text(encoding="utf-8")
    files = [tmp_path / "a.pem", tmp_path / "b.pem"]
    for file in files:
        file.write_text(contents, encoding="utf-8")
    kept = EnvironmentTrust()
    made = []

    def see(bundle: Path | None) -> None:
        monkeypatch.setenv("REQUESTS_CA_BUNDLE", str(bundle or ""))
        made.extend(kept.now(untrusted=apart).context(()) for _ in range(2))

    for bundle in (None, files[0], files[1]):
        see(bundle)
    files[1].write_text(contents + "\n", encoding="utf-8")
    see(files[1])
    assert [first is second for first, second in zip(made[::2], made[1::2], strict=True)] == [True] * 4
    assert len({id(context) for context in made}) == 4


def test_a_bundle_of_the_clone_is_refused_at_each_time(apart: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """What the environment names in the notebook's tree is refused, also after something else was trusted."""
    kept = EnvironmentTrust()
    kept.now(untrusted=apart)
    bundle = apart / "ca.pem"
    bundle.write_bytes(Path(certifi.where()).read_bytes())
    monkeypatch.setenv("REQUESTS_CA_BUNDLE", str(bundle))
    for _ in range(2):
        with pytest.raises(ConfigError, match="lies in the notebook's own directory"):
            kept.now(untrusted=apart)
