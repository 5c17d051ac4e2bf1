"""huggingface_hub with `nbauth.token_provider`, against a server that checks each token: a company's own hub."""

from __future__ import annotations

import time
from pathlib import Path
from typing import TYPE_CHECKING

import pytest
from huggingface_hub import HfApi
from loopback_api import redirect, serving
from service_answers import HUB_FILE, as_hub
from token_checking_server import serving_those_with_a_token

import nbauth

if TYPE_CHECKING:
    from collections.abc import Iterator

    from loopback_api import Reply
    from token_checking_server import TokenCheckingServer

    from nbauth.demo.server import DemoServer

FILE = "/contoso/sun/resolve/main/config.json"


@pytest.fixture
def server(demo: DemoServer, monkeypatch: pytest.MonkeyPatch) -> Iterator[TokenCheckingServer]:
    """A hub's stand-in, which a job's profile names."""
    monkeypatch.setenv("SSL_CERT_FILE", str(demo.ca_file))
    with serving_those_with_a_token(demo, resource="api://hub") as server:
        as_hub(server)
        server.add_profile(like="nightly")
        yield server


def test_a_file(server: TokenCheckingServer, tmp_path: Path) -> None:
    """What is known of a model and its file come with the row's token, which no file in the cache holds."""
    api = HfApi(endpoint=server.origin, token=nbauth.token_provider(server.origin)())
    assert api.model_info("contoso/sun").id == "contoso/sun"
    assert Path(api.hf_hub_download("contoso/sun", "config.json", cache_dir=tmp_path)).read_bytes() == HUB_FILE
    (token,) = server.tokens
    assert server.refused == []
    assert [file for file in tmp_path.rglob("*") if file.is_file() and token.encode() in file.read_bytes()] == []
    assert token not in repr(vars(api))


def test_a_token_for_each_call(server: TokenCheckingServer, demo: DemoServer) -> None:
    """A token that a call is given is good just then; that of the client is fixed."""
    demo.provider.settings.access_token_s = 3
    server.bearer.skew_s = 1.0  # `exp` is in whole seconds, and they are cut off
    provide, api = nbauth.token_provider(server.origin), HfApi(endpoint=server.origin)
    for _ in range(2):
        api.model_info("contoso/sun", token=provide())
        time.sleep(2)
    assert (len(server.tokens), server.refused) == (2, [])


def test_a_file_elsewhere(server: TokenCheckingServer, tmp_path: Path) -> None:
    """A file that lies at another origin, as large ones do, is fetched there without the token."""
    with serving() as stranger:
        file: Reply = server.routes[FILE]  # type: ignore[assignment]  # it is no function
        stranger.routes["/blob"] = file
        server.routes[FILE] = redirect(f"{stranger.origin}/blob")
        server.routes[FILE].headers |= {"X-Linked-Size": str(len(HUB_FILE)), "X-Linked-ETag": '"1"', **file.headers}
        api = HfApi(endpoint=server.origin, token=nbauth.token_provider(server.origin)())
        assert Path(api.hf_hub_download("contoso/sun", "config.json", cache_dir=tmp_path)).read_bytes() == HUB_FILE
        assert {seen.token for seen in stranger.seen} == {None}
