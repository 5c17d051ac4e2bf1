"""The contract against nbauth's own demo: its plain OpenID realm."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest
from openid_contract import Contract
from openid_servers import DemoUnderContract

if TYPE_CHECKING:
    from nbauth.demo.server import DemoServer


@pytest.fixture
def running(demo: DemoServer, monkeypatch: pytest.MonkeyPatch) -> DemoUnderContract:
    """The demo without its own configuration."""
    monkeypatch.delenv("NBAUTH_CONFIG")
    return DemoUnderContract(demo)


class TestDemo(Contract):
    """The embedded demo provider."""

    test_user_info = None  # it has none
