from __future__ import annotations

from importlib.metadata import version
from types import SimpleNamespace
from typing import Any

import pytest
from ipykernel.kernelbase import Kernel
from kernel_versions import VERSIONS

from nbauth.process import ipykernel_internals
from nbauth.process.tried_versions import version_of


def test_the_installed_release_was_tried() -> None:
    """Every test passed with the installed ipykernel. With a newer one: read the module, then raise `last`."""
    assert ipykernel_internals.TRIED.has(version("ipykernel"))


def test_the_panel_is_tried_from_the_first_release() -> None:
    """The panel's own tests begin with the first release that was tried, and end with the newest."""
    assert version_of(VERSIONS[0])[:2] == version_of(ipykernel_internals.TRIED.first)
    assert VERSIONS[-1] == ""


def test_input() -> None:
    """A kernel says by the request that it runs whether it may ask for input; one that never does may not."""
    assert hasattr(Kernel, "_allow_stdin")
    assert ipykernel_internals.allows_input(SimpleNamespace(_allow_stdin=True))
    assert not ipykernel_internals.allows_input(SimpleNamespace())


@pytest.mark.parametrize(
    ("parent", "expected"),
    [
        ({"header": {"msg_type": "execute_request"}}, True),
        ({"header": {"msg_type": "comm_msg"}}, False),
        ({}, False),
        (None, False),
    ],
)
def test_cells(parent: Any, *, expected: bool) -> None:
    """A cell runs where the message that is handled asks for one."""
    assert callable(Kernel.get_parent)
    assert ipykernel_internals.is_in_a_cell(SimpleNamespace(get_parent=lambda channel: parent)) is expected
