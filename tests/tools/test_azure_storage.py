"""Azure Storage's SDKs with `nbauth.credential`, and without a credential on nbauth's own session, against Azurite."""

from __future__ import annotations

import asyncio
import logging
import time
import uuid
from concurrent.futures import ThreadPoolExecutor
from typing import TYPE_CHECKING, Any

import aiohttp.connector
import pytest
from adlfs import AzureBlobFileSystem
from azure.core.exceptions import ServiceResponseError
from azure.core.pipeline.transport import RequestsTransport
from azure.data.tables import TableServiceClient
from azure.storage.blob import BlobServiceClient
from azure.storage.blob.aio import BlobServiceClient as AsyncBlobServiceClient
from azure.storage.filedatalake import DataLakeServiceClient
from loopback_api import Reply
from token_checking_server import serving_those_with_a_token
from tracebacks.rendered_exceptions import leaks

import nbauth
from nbauth import kernel
from nbauth.adapters.azure import credential
from nbauth.errors import OriginNotAllowed, SignInRequired

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    from conftest import Azurite
    from loopback_api import Seen
    from token_checking_server import TokenCheckingServer

    from nbauth.demo.server import DemoServer

    SignIn = Callable[..., nbauth.Account]

STORAGE = "https://storage.azure.com"


def _blobs(azurite: Azurite, **options: Any) -> BlobServiceClient:
    options = {"credential": credential(azurite.blob_url, profile="storage"), **options}
    return BlobServiceClient(azurite.blob_url, connection_verify=str(azurite.ca_file), **options)


def _name() -> str:
    return f"c{uuid.uuid4().hex}"


def test_blobs(azurite: Azurite, sign_in: SignIn, caplog: pytest.LogCaptureFixture, demo: DemoServer):
    """A container is made, written and read; with everything logged no token is."""
    sign_in("storage")
    caplog.set_level(logging.DEBUG)
    with _blobs(azurite, logging_enable=True) as client:
        blob = client.create_container(_name()).upload_blob("a.csv", b"a,b\n1,2\n" * 1000)
        assert blob.download_blob().readall() == b"a,b\n1,2\n" * 1000
    said = "\n".join([caplog.text, *(str(vars(record)) for record in caplog.records)])
    assert "Authorization" in said
    assert not [secret for secret in demo.provider.issued_secrets if secret in said]


def test_an_applications_blobs(azurite: Azurite):
    """A job's profile does so without a sign-in."""
    with _blobs(azurite, credential=credential(azurite.blob_url, profile="storage-job")) as client:
        name = _name()
        client.create_container(name)
        assert [each.name for each in client.list_containers(name_starts_with=name)] == [name]


def test_blobs_without_a_credential(azurite: Azurite, sign_in: SignIn):
    """Without a credential, but on nbauth's own session, the same client is signed in by the row, and trusts its CA."""
    sign_in("storage")
    name = _name()
    with nbauth.session("storage") as session:
        transport = RequestsTransport(session=session, session_owner=False)
        client = BlobServiceClient(azurite.blob_url, transport=transport)
        client.create_container(name).upload_blob("a", b"1")
        assert client.get_blob_client(name, "a").download_blob().readall() == b"1"


def test_blobs_on_an_event_loop(azurite: Azurite, sign_in: SignIn):
    """The same credential serves the asynchronous client, whose transport is aiohttp."""
    sign_in("storage")
    lent = credential(azurite.blob_url, profile="storage")

    async def go() -> bytes:
        trusted = str(azurite.ca_file)
        async with lent, AsyncBlobServiceClient(azurite.blob_url, credential=lent, connection_verify=trusted) as client:
            container = await client.create_container(_name())
            blob = await container.upload_blob("a", b"async")
            return await (await blob.download_blob()).readall()

    assert asyncio.run(go()) == b"async"


def test_tables(azurite: Azurite, sign_in: SignIn):
    """So do tables, whose service is another row."""
    sign_in("storage")
    lent = credential(azurite.table_url, profile="storage")
    with TableServiceClient(azurite.table_url, credential=lent, connection_verify=str(azurite.ca_file)) as client:
        table = client.create_table(_name())
        table.create_entity({"PartitionKey": "p", "RowKey": "1", "city": "Ålesund"})
        assert [row["city"] for row in table.list_entities()] == ["Ålesund"]


def test_data_lake(azurite: Azurite, sign_in: SignIn):
    """So does the data lake's client, as far as Azurite knows it: file systems, which are containers."""
    sign_in("storage")
    lent = credential(azurite.blob_url, profile="storage")
    with DataLakeServiceClient(azurite.blob_url, credential=lent, connection_verify=str(azurite.ca_file)) as client:
        name = _name()
        client.create_file_system(name)
        assert [each.name for each in client.list_file_systems(name_starts_with=name)] == [name]


def test_adlfs(azurite: Azurite, sign_in: SignIn):
    """Adlfs writes and reads on its own event loop."""
    sign_in("storage")
    # adlfs hands no authorities on, and aiohttp has read the machine's when it was imported.
    aiohttp.connector._SSL_CONTEXT_VERIFIED.load_verify_locations(azurite.ca_file)
    files = AzureBlobFileSystem(
        account_name=azurite.account,
        account_host=f"{azurite.blob.removeprefix('https://')}/{azurite.account}",
        credential=credential(azurite.blob_url, profile="storage"),
        skip_instance_cache=True,
    )
    name = _name()
    files.mkdir(name)
    files.pipe_file(f"{name}/a.txt", b"written")
    assert files.cat_file(f"{name}/a.txt") == b"written"
    assert files.ls(name) == [f"{name}/a.txt"]


def test_tokens_of_seconds(azurite: Azurite, demo: DemoServer, sign_in: SignIn):
    """Calls go on while token after token expires; Azurite refuses each that has."""
    demo.provider.settings.access_token_s = 3
    sign_in("storage")
    demo.provider.requests.clear()
    with _blobs(azurite) as client:
        blob = client.create_container(_name()).upload_blob("a", b"1")
        until, calls = time.monotonic() + 7, 0
        while time.monotonic() < until:
            assert blob.download_blob().readall() == b"1"
            calls += 1
    assert 2 <= demo.provider.requests.count("*/token") < calls


def test_a_sign_out_holds_at_once(azurite: Azurite, sign_in: SignIn):
    """The next call of a client that has had a token is an error, though the token is good for an hour."""
    sign_in("storage")
    with _blobs(azurite) as client:
        container = client.create_container(_name())
        nbauth.logout("storage")
        with pytest.raises(SignInRequired):
            container.upload_blob("a", b"1")
        sign_in("storage", "bob")
        with pytest.raises(SignInRequired):
            container.upload_blob("a", b"1")
        sign_in("storage")
        container.upload_blob("a", b"1")


def test_a_sign_out_during_a_call(azurite: Azurite, sign_in: SignIn):
    """An upload that is under way ends with its next block, and nothing of it is kept."""
    sign_in("storage")

    def blocks() -> Iterator[bytes]:
        yield b"1" * 1000
        yield b"2" * 1000
        nbauth.logout("storage")
        yield b"3" * 1000

    with _blobs(azurite, max_block_size=1000, max_single_put_size=1000) as client:
        container = client.create_container(_name())
        with pytest.raises(SignInRequired):
            container.upload_blob("a", blocks(), length=3000, max_concurrency=1)
        sign_in("storage")
        assert list(container.list_blobs()) == []


def test_threads(azurite: Azurite, demo: DemoServer, sign_in: SignIn):
    """Threads and clients share a credential, and wait for one renewal together."""
    demo.provider.settings.access_token_s = 1  # less than what is lent
    sign_in("storage")
    demo.provider.settings.access_token_s = 3600
    lent = credential(azurite.blob_url, profile="storage")
    demo.provider.requests.clear()

    def count(_number: int) -> int:
        with _blobs(azurite, credential=lent) as client:
            return len(list(client.list_containers(name_starts_with="none")))

    with ThreadPoolExecutor(8) as pool:
        assert set(pool.map(count, range(24))) == {0}
    assert demo.provider.requests.count("*/token") == 1


@pytest.fixture
def hostile(azurite: Azurite, demo: DemoServer) -> Iterator[TokenCheckingServer]:
    """A server that the profile names, and that answers with a challenge of its own choice."""
    with serving_those_with_a_token(demo, resource=STORAGE) as server:
        yield server


@pytest.mark.parametrize("what", ["blob", "table"])
@pytest.mark.parametrize("where", ["resource", "tenant"])
def test_a_challenge_that_names_something_else(
    hostile: TokenCheckingServer, demo: DemoServer, sign_in: SignIn, what: str, where: str
):
    """Storage's SDKs ask for what a server's challenge names: another resource or tenant is refused, and not sent."""
    hostile.add_profile("hostile")
    sign_in("hostile")
    resource = "https://graph.microsoft.com" if where == "resource" else STORAGE
    tenant = demo.provider.tenant_id if where == "resource" else "99999999-2222-4333-8444-555555555555"
    authority = f"https://login.microsoftonline.com/{tenant}/oauth2/authorize"
    header = f"Bearer authorization_uri={authority} resource_id={resource}"

    def challenge(_seen: Seen) -> Reply:
        return Reply(b"", 401, {"WWW-Authenticate": header})

    hostile.routes |= dict.fromkeys(("/account/", "/account/Tables"), challenge)
    url, options = f"{hostile.origin}/account", {"connection_verify": str(demo.ca_file)}
    if what == "blob":
        asked = BlobServiceClient(url, credential=credential(url), **options).list_containers()
    else:
        asked = TableServiceClient(url, credential=credential(url), audience=STORAGE, **options).list_tables()
    with pytest.raises(OriginNotAllowed, match=resource if where == "resource" else tenant):
        list(asked)
    assert len(hostile.seen) == 1
    assert {claims["aud"] for claims in hostile.accepted} == {STORAGE}


def test_a_broken_connection(hostile: TokenCheckingServer, demo: DemoServer, sign_in: SignIn):
    """No traceback shows the token, with the variables of azure-core's frames neither; it is in the request alone."""
    hostile.add_profile("hostile")
    sign_in("hostile")
    hostile.routes["/account/"] = Reply(reset=True)
    options = {"connection_verify": str(demo.ca_file), "retry_total": 0}
    client = BlobServiceClient(f"{hostile.origin}/account", credential=credential(hostile.origin), **options)
    with pytest.raises(ServiceResponseError) as caught:
        list(client.list_containers())
    assert len(hostile.accepted) == 1
    error = caught.value.with_traceback(caught.value.__traceback__.tb_next)  # without this frame
    # requests keeps what was sent beside its own error, and azure-core that error.
    found = leaks(error, {secret for secret in demo.provider.issued_secrets if len(secret) > 20})
    assert [place for place in found if not place.endswith(".request")] == []


def test_another_resource_is_asked_for_first(azurite: Azurite, sign_in: SignIn):
    """A client of Storage on a URL whose row is another resource's is refused before anything is sent."""
    sign_in("demo")
    demo_api = next(iter(kernel.config().profiles["demo"].apis))
    client = BlobServiceClient(azurite.blob_url, credential=credential(demo_api, profile="demo"))
    with pytest.raises(OriginNotAllowed, match=r"storage\.azure\.com"):
        list(client.list_containers())
