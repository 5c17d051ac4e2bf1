"""Which of several profiles a load takes: by name, by who is signed in, by whether somebody can be asked."""

from __future__ import annotations

import logging
from typing import TYPE_CHECKING, Any

import pytest

import nbauth
from nbauth import kernel
from nbauth.__main__ import main
from nbauth.authorizer import KernelAuthorizer
from nbauth.errors import ConfigError, SignInRequired

if TYPE_CHECKING:
    from collections.abc import Callable

    from nbauth.demo.server import DemoServer

ALICE = "alice@contoso.example"
APPLICATION = "99999999-aaaa-4bbb-8ccc-dddddddddddd"


def _taken(demo: DemoServer) -> str:
    return KernelAuthorizer(None).chain(demo.api_url).profile


def test_a_job_that_is_signed_in(demo: DemoServer) -> None:
    """Beside a job that is signed in, nobody has to sign in to the default profile."""
    with pytest.raises(SignInRequired, match="Nobody is signed in to profile 'demo'"):
        nbauth.read(f"{demo.api_url}/cities")
    nbauth.login("nightly")
    assert len(nbauth.read(f"{demo.api_url}/cities")) > 0
    assert _taken(demo) == "nightly"


def test_a_person_who_is_signed_in(
    demo: DemoServer, person: Callable[..., Any], monkeypatch: pytest.MonkeyPatch
) -> None:
    """The profile that a person is signed in to comes before the default one, which nobody is."""
    monkeypatch.setenv("NBAUTH_PROFILE", "")  # is as none
    nbauth.login("demo", prompt=person(), timeout_s=20)
    nbauth.add_profile(nbauth.Profile("default", client_id="c", tenant="contoso.com", apis={demo.api_origin: ["s"]}))
    assert _taken(demo) == "demo"


def test_the_same_notebook_at_night(demo: DemoServer, monkeypatch: pytest.MonkeyPatch) -> None:
    """Where nobody can be asked, a load takes the job's profile and not the default one of a person."""
    monkeypatch.setenv("NBAUTH_NONINTERACTIVE", "1")
    assert len(nbauth.read(f"{demo.api_url}/cities")) > 0
    assert _taken(demo) == "nightly"


def test_a_name_in_the_environment(
    demo: DemoServer, person: Callable[..., Any], monkeypatch: pytest.MonkeyPatch
) -> None:
    """`NBAUTH_PROFILE` names the profile of loads and of `login`, whoever else is signed in."""
    nbauth.login("demo", prompt=person(), timeout_s=20)
    assert _taken(demo) == "demo"
    monkeypatch.setenv("NBAUTH_PROFILE", "nightly")
    assert _taken(demo) == "nightly"
    assert nbauth.login().kind == "application"


def test_a_name_that_is_none(demo: DemoServer, monkeypatch: pytest.MonkeyPatch) -> None:
    """A name that no profile has is an error, for loads and for `login`; a profile that is named works."""
    monkeypatch.setenv("NBAUTH_PROFILE", "nightyl")
    for act in (lambda: nbauth.read(demo.api_url), nbauth.login):
        with pytest.raises(ConfigError, match="NBAUTH_PROFILE names 'nightyl', and there is no such profile"):
            act()
    assert nbauth.login("nightly").profile == "nightly"


def test_azure_variables_beside_a_file(
    demo: DemoServer,
    monkeypatch: pytest.MonkeyPatch,
    caplog: pytest.LogCaptureFixture,
    capsys: pytest.CaptureFixture[str],
) -> None:
    """Where a file holds and the environment names another application, that is said, once, and by the command line."""
    monkeypatch.setenv("AZURE_CLIENT_ID", APPLICATION)
    monkeypatch.setenv("AZURE_TENANT_ID", "contoso.onmicrosoft.com")
    with caplog.at_level(logging.WARNING, "nbauth"):
        kernel.config()
        kernel.config()
    (record,) = caplog.records
    assert f"AZURE_CLIENT_ID names {APPLICATION}, which no profile of {demo.config_path} has" in record.getMessage()
    assert main(["profiles"]) == 0
    assert f"AZURE_CLIENT_ID names {APPLICATION}" in capsys.readouterr().out


def test_azure_variables_that_a_profile_has(
    demo: DemoServer, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    """Nothing is said of an application that a profile of the file is of."""
    monkeypatch.setenv("AZURE_CLIENT_ID", demo.confidential_client_id)
    monkeypatch.setenv("AZURE_TENANT_ID", "contoso.onmicrosoft.com")
    with caplog.at_level(logging.WARNING, "nbauth"):
        kernel.config()
    assert caplog.records == []
