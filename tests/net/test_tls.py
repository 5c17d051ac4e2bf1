"""Whom connections trust."""

from __future__ import annotations

from typing import TYPE_CHECKING

import certifi

from nbauth.net.tls import trust_context

if TYPE_CHECKING:
    from pathlib import Path

    import pytest


def test_usual_authorities_are_certifis(certifi_bundle: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Without a bundle of a profile's the authorities are all of certifi's, and no others."""
    monkeypatch.setattr(certifi, "where", lambda: str(certifi_bundle))
    count = certifi_bundle.read_text(encoding="utf-8").count("BEGIN CERTIFICATE")
    assert trust_context().cert_store_stats()["x509"] == count > 100
