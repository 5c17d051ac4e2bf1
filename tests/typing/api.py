"""The public API as a caller's type checker sees it; checked by mypy and pyright, never run.

`assert_type` says what a caller gets. A line with two ignore comments is a mistake that both checkers refuse. A checker
that no longer refuses it reports its comment as unused.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from datetime import datetime
from pathlib import Path
from typing import Any, BinaryIO, Literal, assert_type

import aiohttp
import httpx
import msal
import pandas as pd
import pyarrow as pa
import requests
from azure.core.credentials import SupportsTokenInfo, TokenCredential

import nbauth
from nbauth.data.paging import Answer, Cursor, NextUrl, Offset, PageNumber, PageResponse, Paging, Request

URL = "https://api.example.com/rows"


# Profiles


def profiles(apis: Mapping[str, Sequence[str]], certificate: Path) -> None:
    """Every key takes what nbauth.toml takes."""
    made = nbauth.Profile("work", client_id="1", tenant="t", apis={"https://api.example.com": ["scope"]})
    assert_type(made, nbauth.Profile)
    assert_type(made.name, str)
    assert_type(made.apis, Mapping[str, tuple[str, ...]])
    assert_type(made.scopes_for(URL), tuple[str, ...] | None)
    assert_type(made.kind, Literal["person", "application"] | None)
    assert_type(nbauth.add_profile(made), None)
    nbauth.Profile("a", client_id="1", apis={"https://api.example.com": ("scope", "other")})
    nbauth.Profile("a", client_id="1", apis=apis, endpoint_hosts=["keys.example.com"], exclude_scopes=["x"])
    nbauth.Profile("a", client_id="1", apis={}, ca_bundle=certificate, proxies={"https": "http://proxy.example.com"})
    nbauth.Profile("a", client_id="1", apis={}, client_secret={"env": "SECRET"}, client_capabilities=["CP1"])
    nbauth.Profile("a", client_id="1", apis={}, authorization_parameters={"audience": "https://api.example.com"})
    nbauth.Profile("a", client_id="1", apis={}, authorization_parameters={"a": 1})  # type: ignore[dict-item]  # pyright: ignore[reportArgumentType]
    nbauth.Profile("a", client_id="1", apis={}, client_certificate={"path": certificate, "send_chain": True})
    nbauth.Profile("a", client_id="1", apis={}, client_assertion={"file": "token"}, kind="person")
    nbauth.Profile("a", client_id="1", apis={}, client_assertion=lambda: "token", audience="organizations")
    nbauth.Profile("a", client_id="1", apis={}, client_secret={"env": "S"}, user_assertion=lambda: "token")
    nbauth.Profile("a", apis={}, managed_identity=True)
    nbauth.Profile("a", apis={}, managed_identity={"client_id": "1"})
    nbauth.Profile("a", apis={}, source="az")
    nbauth.Profile("a", apis={}, source=["hub", "az"], tenant="t")
    nbauth.Profile("a", apis={}, source="aws")  # type: ignore[arg-type]  # pyright: ignore[reportArgumentType]
    nbauth.Profile("a", client_id="1", apis={"https://api.example.com": 1})  # type: ignore[dict-item]  # pyright: ignore[reportArgumentType]
    nbauth.Profile("a", client_id="1", apis={}, client_secret="secret")  # type: ignore[arg-type]  # pyright: ignore[reportArgumentType]
    nbauth.Profile("a", client_id="1", apis={}, audience="orgs")  # type: ignore[arg-type]  # pyright: ignore[reportArgumentType]
    nbauth.Profile("a", client_id="1", apis={}, kind="persona")  # type: ignore[arg-type]  # pyright: ignore[reportArgumentType]
    nbauth.Profile("a", clientid="1", apis={})  # type: ignore[call-arg]  # pyright: ignore[reportCallIssue]
    nbauth.Profile("a", client_id="1")  # type: ignore[call-arg]  # pyright: ignore[reportCallIssue]
    made.name = "b"  # type: ignore[misc]  # pyright: ignore[reportAttributeAccessIssue]


# Sign-in


async def sign_in() -> None:
    """Who is signed in is an account; a flow has a name that is known."""
    account = nbauth.login()
    assert_type(account, nbauth.Account)
    assert_type(account.username, str)
    assert_type(account.expires_at, datetime)
    assert_type(account.kind, Literal["person", "application"])
    nbauth.login("work", flow="device_code", scopes=["a"], account="ada", tenant="t", remember=True, timeout_s=60)
    nbauth.login("work", flow="loopback", select_account=True)
    assert_type(await nbauth.login_async("work", flow="paste"), nbauth.Account)
    assert_type(nbauth.logout(everywhere=True), tuple[str, ...])
    assert_type(nbauth.accounts(), list[nbauth.Account])
    assert_type(nbauth.client("work"), msal.ClientApplication)
    nbauth.login("work", flow="devicecode")  # type: ignore[arg-type]  # pyright: ignore[reportArgumentType]
    await nbauth.login_async("work", flow="lopback")  # type: ignore[arg-type]  # pyright: ignore[reportArgumentType]
    nbauth.login(remeber=True)  # type: ignore[call-arg]  # pyright: ignore[reportCallIssue]
    nbauth.logout(all=True)  # type: ignore[call-arg]  # pyright: ignore[reportCallIssue]


def panel(changed: Callable[[Any], None]) -> None:
    """The panel is a class that can be called, and what it tells has types."""
    made = nbauth.SignInPanel("work", flow="callback_page", scopes=["a"], account="ada", tenant="t", timeout_s=60)
    assert_type(made, nbauth.SignInPanel)
    assert_type(made.signed_in, bool)
    assert_type(made.account, nbauth.Account | None)
    assert_type(made.profile, nbauth.Profile)
    made.observe(changed, "signed_in")
    nbauth.SignInPanel("work", flow="popup")  # type: ignore[arg-type]  # pyright: ignore[reportArgumentType]
    nbauth.SignInPanel("work", remeber=True)  # type: ignore[call-arg]  # pyright: ignore[reportCallIssue]


# Data


def read(path: Path, somewhere: str | None, paging: Paging) -> None:
    """Without `to` it is a frame, with it a path."""
    assert_type(nbauth.read(URL), pd.DataFrame)
    assert_type(nbauth.read([URL, URL], nested="json", dtype_backend="pyarrow"), pd.DataFrame)
    assert_type(nbauth.read(URL, to=path), Path)
    assert_type(nbauth.read(URL, to="rows.parquet"), Path)
    assert_type(nbauth.read(URL, to=None), pd.DataFrame)
    assert_type(nbauth.read(URL, to=somewhere), pd.DataFrame | Path)
    nbauth.read(URL, profile="work", params={"top": 5}, headers={"Prefer": "x"}, json={"query": 1}, records="data")
    nbauth.read(URL, paging=paging, nested="flatten", concurrency=4, retry_post=True, max_bytes=1_000_000)
    nbauth.pages(URL, concurrency=4)
    nbauth.dask.read([URL, URL], profile="work", paging=paging, npartitions=8, meta=pd.DataFrame({"a": [1]}))
    nbauth.read(URL, nested="jsn")  # type: ignore[call-overload]  # pyright: ignore[reportArgumentType]
    nbauth.read(URL, dtype_backend="arrow")  # type: ignore[call-overload]  # pyright: ignore[reportArgumentType]
    nbauth.read([URL], to=path)  # type: ignore[call-overload]  # pyright: ignore[reportArgumentType, reportCallIssue]
    nbauth.read(URL, recods="data")  # type: ignore[call-overload]  # pyright: ignore[reportCallIssue]


def pages(form: Literal["pandas", "arrow"]) -> None:
    """A page is a frame, or a table of Arrow's, and never something unknown."""
    assert_type(nbauth.pages(URL), Iterator[pd.DataFrame])
    assert_type(nbauth.pages(URL, as_="pandas", nested="json"), Iterator[pd.DataFrame])
    assert_type(nbauth.pages(URL, as_="arrow"), Iterator[pa.Table])
    for frame in nbauth.pages(URL, profile="work", params={}, headers={}, records="data", max_bytes=1):
        assert_type(frame, pd.DataFrame)
    for page in nbauth.pages(URL, as_=form):
        assert_type(page, pd.DataFrame | pa.Table)
    nbauth.pages(URL, as_="polars")  # type: ignore[call-overload]  # pyright: ignore[reportArgumentType, reportCallIssue]
    nbauth.pages(URL, nested="flat")  # type: ignore[call-overload]  # pyright: ignore[reportArgumentType]
    nbauth.pages(URL, paging="nxt")  # type: ignore[call-overload]  # pyright: ignore[reportArgumentType]


def by_function(answer: PageResponse) -> str | Mapping[str, Any] | None:
    """A function that says how to go on gets an answer."""
    assert_type(answer.url, str)
    assert_type(answer.status, int)
    assert_type(answer.headers, Mapping[str, str])
    return {"after": answer.get("meta", "after")} if answer.json() else None


def by_request(answer: PageResponse) -> Request | None:
    """A function may return a whole request."""
    if answer.request.body is None:
        return None
    return Request(
        url="/next", params={"n": 2}, json={**answer.request.body, "from": 5}, headers={"x": "y"}, method="POST"
    )


def by_number(answer: Answer) -> int:
    """A function of another kind."""
    return answer.status


def paging() -> None:
    """A style is a name, a class with its parameters, or a function."""
    styles: list[Paging] = ["auto", "none", "odata", "link", "next", "cursor", "offset", "page"]
    styles += [
        NextUrl(path="links.next"),
        Cursor(send="header"),
        Offset(size=10),
        PageNumber(first=0),
        by_function,
        by_request,
    ]
    for style in styles:
        nbauth.read(URL, paging=style)
        nbauth.pages(URL, paging=style)
    nbauth.read(URL, paging=nbauth.data.paging.Offset(total="total"))
    nbauth.read(URL, paging="offsett")  # type: ignore[call-overload]  # pyright: ignore[reportArgumentType]
    nbauth.read(URL, paging=by_number)  # type: ignore[arg-type]  # pyright: ignore[reportArgumentType]
    Cursor(send="cookie")  # type: ignore[arg-type]  # pyright: ignore[reportArgumentType]
    Offset(send="header")  # type: ignore[arg-type]  # pyright: ignore[reportArgumentType]
    Request(method="PUT")  # type: ignore[arg-type]  # pyright: ignore[reportArgumentType]
    PageNumber(start=1)  # type: ignore[call-arg]  # pyright: ignore[reportCallIssue]


def sessions() -> None:
    """A session is one of requests'; a file is one that gives bytes."""
    session = nbauth.session("work")
    assert_type(session, nbauth.Session)
    as_usual: requests.Session = session
    assert_type(as_usual.get(URL), requests.Response)
    assert_type(session.get(URL, timeout=5), requests.Response)
    assert_type(session.allows(URL), bool)
    with session as same:
        assert_type(same, nbauth.Session)
    with nbauth.open(URL, profile="work", headers={"Accept": "text/csv"}) as file:
        assert_type(file, BinaryIO)
        assert_type(file.read(5), bytes)
        assert_type(pd.read_csv(file), pd.DataFrame)


# Other tools


def http_clients() -> None:
    """Each client takes the same object."""
    httpx.AsyncClient(auth=nbauth.auth(profile="work"))
    aiohttp.ClientSession(middlewares=(nbauth.auth(),))
    nbauth.auth(URL, "work")  # type: ignore[call-arg]  # pyright: ignore[reportCallIssue]


def other_tools() -> None:
    """A credential is one of azure-core's; a token provider is a function that returns a text; a share ends."""
    takes_tokens: TokenCredential = nbauth.credential(URL, profile="work")
    asks_for_more: SupportsTokenInfo = nbauth.credential(URL)
    del takes_tokens, asks_for_more
    provider: Callable[[], str] = nbauth.token_provider(URL, profile="work")
    token: str = provider()
    token = nbauth.token_provider(URL)()
    del token
    assert_type(requests.get(URL, auth=nbauth.auth("work")), requests.Response)
    assert_type(httpx.get(URL, auth=nbauth.auth()), httpx.Response)
    with nbauth.share(profile="work") as shared:
        assert_type(shared.profiles, tuple[str, ...])
        assert_type(shared.processes, int)
        assert_type(shared.end(), None)
    nbauth.share(profiles="work")  # type: ignore[call-overload]  # pyright: ignore[reportCallIssue]
    nbauth.credential()  # type: ignore[call-arg]  # pyright: ignore[reportCallIssue]


# Errors


def errors() -> None:
    """An error is caught by its class, and says what it knows."""
    try:
        nbauth.read(URL)
    except nbauth.errors.SignInRequired as error:
        assert_type(error.profile, str | None)
        assert_type(error.scopes, tuple[str, ...])
    except nbauth.errors.ApiError as error:
        assert_type(error.status, int)
        assert_type(error.url, str | None)
    except nbauth.errors.NbauthError as error:
        assert_type(str(error), str)


def misspelled() -> None:
    """A name that nbauth does not have is refused."""
    nbauth.sesion()  # type: ignore[attr-defined]  # pyright: ignore[reportAttributeAccessIssue, reportUnknownMemberType]
    nbauth.errors.ApiEror("")  # type: ignore[attr-defined]  # pyright: ignore[reportAttributeAccessIssue, reportUnknownMemberType]
