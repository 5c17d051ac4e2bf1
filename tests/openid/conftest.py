"""How pytest treats the contract: its assertions tell what they compared, and each flow of a server is a test."""

from __future__ import annotations

import pytest


def pytest_generate_tests(metafunc: pytest.Metafunc) -> None:
    """Run a test that takes a flow once for each that the server supports."""
    if "flow" in metafunc.fixturenames and not any(
        "flow" in mark.args[0] for mark in metafunc.definition.iter_markers("parametrize")
    ):
        metafunc.parametrize("flow", metafunc.cls.flows)


pytest.register_assert_rewrite("openid_contract")
