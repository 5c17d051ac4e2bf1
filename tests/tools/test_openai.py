"""openai's clients with `nbauth.token_provider`, against a server that checks each token."""

from __future__ import annotations

import asyncio
import logging
import ssl
import time
from typing import TYPE_CHECKING, Any

import pytest
from loopback_api import redirect, serving
from openai import (
    AsyncAzureOpenAI,
    AsyncOpenAI,
    AuthenticationError,
    AzureOpenAI,
    DefaultAsyncHttpxClient,
    DefaultHttpxClient,
    OpenAI,
)
from service_answers import OF_A_DEPLOYMENT, OF_VERSION_1, WORDS, as_openai
from token_checking_server import serving_those_with_a_token

import nbauth
from nbauth.errors import SignInRequired

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    from token_checking_server import TokenCheckingServer

    from nbauth.demo.server import DemoServer

MESSAGES: Any = [{"role": "user", "content": "What does the sun do?"}]
VERSION = "2024-10-21"


@pytest.fixture
def server(demo: DemoServer) -> Iterator[TokenCheckingServer]:
    """Azure OpenAI's stand-in, which a job's profile names."""
    with serving_those_with_a_token(demo, resource="https://cognitiveservices.azure.com") as server:
        as_openai(server)
        server.add_profile(like="nightly")
        yield server


@pytest.fixture
def tls(demo: DemoServer) -> ssl.SSLContext:
    """What trusts the server."""
    return ssl.create_default_context(cafile=demo.ca_file)


def _azure(server: TokenCheckingServer, tls: ssl.SSLContext, **options: Any) -> AzureOpenAI:
    return AzureOpenAI(
        azure_endpoint=server.origin,
        azure_ad_token_provider=nbauth.token_provider(server.origin),
        api_version=VERSION,
        http_client=DefaultHttpxClient(verify=tls, follow_redirects=True),
        max_retries=0,
        **options,
    )


def test_azure(server: TokenCheckingServer, tls: ssl.SSLContext) -> None:
    """An answer at once and one in parts: each request carries the row's token."""
    with _azure(server, tls) as client:
        answer = client.chat.completions.create(model="gpt", messages=MESSAGES)
        assert answer.choices[0].message.content == "The sun rises."
        stream = client.chat.completions.create(model="gpt", messages=MESSAGES, stream=True)
        assert [part.choices[0].delta.content for part in stream] == WORDS
    assert (len(server.accepted), server.refused) == (2, [])


def test_azure_async(server: TokenCheckingServer, tls: ssl.SSLContext) -> None:
    """So it is for the asynchronous client."""

    async def ask() -> tuple[str | None, list[str | None]]:
        async with AsyncAzureOpenAI(
            azure_endpoint=server.origin,
            azure_ad_token_provider=nbauth.token_provider(server.origin),
            api_version=VERSION,
            http_client=DefaultAsyncHttpxClient(verify=tls),
            max_retries=0,
        ) as client:
            answer = await client.chat.completions.create(model="gpt", messages=MESSAGES)
            stream = await client.chat.completions.create(model="gpt", messages=MESSAGES, stream=True)
            return answer.choices[0].message.content, [part.choices[0].delta.content async for part in stream]

    assert asyncio.run(ask()) == ("The sun rises.", WORDS)
    assert (len(server.accepted), server.refused) == (2, [])


def test_version_1(server: TokenCheckingServer, tls: ssl.SSLContext) -> None:
    """Azure's version 1 paths take the plain client, with the function as its key; the asynchronous one awaits it."""
    provide, url = nbauth.token_provider(server.origin), f"{server.origin}/openai/v1/"
    with OpenAI(base_url=url, api_key=provide, http_client=DefaultHttpxClient(verify=tls)) as client:
        answer = client.chat.completions.create(model="gpt", messages=MESSAGES)
        assert answer.choices[0].message.content == "The sun rises."

    async def ask() -> str | None:
        async def key() -> str:
            return await asyncio.to_thread(provide)

        http = DefaultAsyncHttpxClient(verify=tls)
        async with AsyncOpenAI(base_url=url, api_key=key, http_client=http) as client:
            answer = await client.chat.completions.create(model="gpt", messages=MESSAGES)
            return answer.choices[0].message.content

    assert asyncio.run(ask()) == "The sun rises."
    assert (len(server.accepted), server.refused) == (2, [])


def test_tokens_of_seconds(server: TokenCheckingServer, tls: ssl.SSLContext, demo: DemoServer) -> None:
    """A client that lives longer than its tokens sends none that has expired, though it does not try again."""
    demo.provider.settings.access_token_s = 3
    server.bearer.skew_s = 1.0  # `exp` is in whole seconds, and they are cut off
    until = time.monotonic() + 4
    with _azure(server, tls) as client:
        while time.monotonic() < until:
            client.chat.completions.create(model="gpt", messages=MESSAGES)
            time.sleep(0.02)
    assert server.refused == []
    assert len(server.tokens) >= 2


def test_a_person_who_signs_out(server: TokenCheckingServer, tls: ssl.SSLContext, person: Callable[..., Any]) -> None:
    """A client that a person lent their sign-in to sends nothing more after the sign-out, and says what to type."""
    server.add_profile(like="demo")
    with _azure(server, tls) as client:
        with pytest.raises(SignInRequired):
            client.chat.completions.create(model="gpt", messages=MESSAGES)
        nbauth.login("stub", flow="paste", prompt=person(), timeout_s=20)
        client.chat.completions.create(model="gpt", messages=MESSAGES)
        assert [claims["name"] for claims in server.accepted] == ["Alice Adams"]
        nbauth.logout("stub")
        with pytest.raises(SignInRequired, match=r"nbauth\.login"):
            client.chat.completions.create(model="gpt", messages=MESSAGES)
    assert len(server.seen) == 1


def test_a_redirect_to_a_stranger(server: TokenCheckingServer, tls: ssl.SSLContext) -> None:
    """Openai's HTTP client takes the token off a request that is sent on to another origin."""
    with serving() as stranger:
        server.routes[OF_A_DEPLOYMENT] = redirect(f"{stranger.origin}/stolen", status=307)
        stranger.routes["/stolen"] = server.routes[OF_VERSION_1]
        with _azure(server, tls) as client:
            client.chat.completions.create(model="gpt", messages=MESSAGES)
        assert [seen.token for seen in stranger.seen] == [None]


def test_logs_and_errors(
    server: TokenCheckingServer, tls: ssl.SSLContext, demo: DemoServer, caplog: pytest.LogCaptureFixture
) -> None:
    """Neither DEBUG logs nor an error of the service hold the token."""
    provide = nbauth.token_provider(server.origin)
    with _azure(server, tls) as client, caplog.at_level(logging.DEBUG):
        client.chat.completions.create(model="gpt", messages=MESSAGES)
        demo.provider.keys.rotate(forget_old=True)
        with pytest.raises(AuthenticationError) as caught:
            client.chat.completions.create(model="gpt", messages=MESSAGES)
    assert "unknown key" in str(caught.value)
    assert any("openai" in record.name for record in caplog.records)
    assert provide().reveal() not in caplog.text + str(caught.value)
