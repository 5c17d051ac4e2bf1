from __future__ import annotations

import logging
from typing import TYPE_CHECKING

import pytest

import nbauth
from nbauth import kernel
from nbauth.net.bundles import bundle_of
from nbauth.signin.client.log_filter import RedactSecrets
from nbauth.signin.client.token_cache import new_cache
from nbauth.signin.tokens.connection import connect

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

pytestmark = pytest.mark.usefixtures("demo")


def _loggers() -> list[logging.Logger]:
    named = logging.root.manager.loggerDict.items()
    return [each for name, each in named if f"{name}.".startswith("msal.") and isinstance(each, logging.Logger)]


def _filters() -> set[bool]:
    return {any(isinstance(each, RedactSecrets) for each in logger.filters) for logger in _loggers()}


@pytest.fixture(autouse=True)
def unfiltered() -> Iterator[None]:
    """Take the filter off, as in a kernel that has no client yet."""
    before = {logger: list(logger.filters) for logger in _loggers()}
    for logger in before:
        logger.filters.clear()
    yield
    for logger, filters in before.items():
        logger.filters[:] = filters


def test_a_factory_installs_nothing(tmp_path: Path) -> None:
    """Making a client application leaves MSAL's log as it is."""
    profile = kernel.config().profiles["demo"]
    bundle = bundle_of(profile.ca_bundle)
    connect(profile, bundle=bundle, token_cache=new_cache(), cache_file=None, notebook_directory=tmp_path)
    assert _filters() == {False}


def test_it_comes_with_the_first_client() -> None:
    """From a kernel's first client on, every logger of MSAL's has the filter."""
    nbauth.client("demo")
    assert _filters() == {True}
