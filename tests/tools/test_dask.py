"""The sign-in on a Dask cluster's workers, which are processes of their own behind a scheduler over TLS."""

from __future__ import annotations

import dataclasses
import os
import pickle
import signal
import socket
import subprocess
import sys
import time
from typing import TYPE_CHECKING

import dask
import dask.dataframe as dd
import dask_tasks
import pytest
from dask_cluster import DaskCluster, in_memory
from distributed import Client, LocalCluster, wait
from forked_children import in_child
from test_elsewhere import run

import nbauth
from nbauth import kernel
from nbauth.adapters.dask import _lent_for
from nbauth.adapters.dask_worker import LoanPlugin
from nbauth.errors import ConfigError, OriginNotAllowed, ProviderUnavailable, SignInRequired

if TYPE_CHECKING:
    from collections.abc import Iterator


@pytest.fixture(scope="module")
def cluster(tmp_path_factory: pytest.TempPathFactory) -> Iterator[DaskCluster]:
    """A scheduler and two workers, one of them with a nanny."""
    with DaskCluster(tmp_path_factory.mktemp("dask")) as running:
        running.start_worker("steady")
        running.start_worker("nursed", nanny=True)
        yield running


@pytest.fixture
def client(cluster: DaskCluster) -> Iterator[Client]:
    """A client of it, once both workers are there."""
    with cluster.connect() as client:
        client.wait_for_workers(2)
        yield client


@pytest.fixture
def alice(demo, person):
    """Alice, who is signed in in this process."""
    return nbauth.login("demo", flow="loopback", prompt=person("alice"))


@pytest.fixture
def shared(demo, alice, client):
    """What is shared with the workers."""
    with nbauth.share(client) as shared:
        yield shared


def _address(client: Client, name: str) -> str:
    workers = client.run(dask_tasks.name_of)
    return next(address for address, each in workers.items() if each == name)


# What works


def test_a_task_reads_as_the_kernel_does(demo, alice, client):
    """A worker has nobody's sign-in; while it is shared, a task reads what the kernel reads."""
    url = f"{demo.api_url}/sunlight"
    with pytest.raises(ConfigError, match="No profile"):
        client.submit(nbauth.read, url, pure=False).result()
    with nbauth.share(client) as shared:
        assert "may ask this kernel for tokens of demo as alice@contoso.example" in repr(shared)
        assert shared.profiles == ("demo",)
        assert [loan.profile for loan in kernel.loans()] == ["demo"]
        assert len(client.submit(nbauth.read, url, pure=False).result()) == demo.rows
    assert kernel.loans() == []
    with pytest.raises(SignInRequired, match="no longer shares"):
        client.submit(nbauth.read, url, pure=False).result()


def test_frames_of_dask(demo, shared):
    """Dask's own readers take the URLs as they are; so does `from_map` with `nbauth.read`."""
    whole = nbauth.read(f"{demo.api_url}/sunlight.parquet")
    parquet = dd.read_parquet(f"nbauth+{demo.api_url}/sunlight.parquet")
    assert len(parquet) == demo.rows
    csv = dd.read_csv(f"nbauth+{demo.api_url}/sunlight.csv", blocksize=None)
    assert len(csv) == demo.rows
    urls = [f"{demo.api_url}/sunlight?$top=500&$skip={skip}" for skip in range(0, demo.rows, 500)]
    mapped = dd.from_map(nbauth.read, urls, paging="none", meta=whole.iloc[:0])
    assert mapped["id"].compute().tolist() == whole["id"].tolist()


def test_nbauth_dask_read(demo, shared):
    """Pages that the first one tells of are read by the workers, a partition each."""
    skip = nbauth.data.paging.Offset(offset="$skip", limit="$top", size=500, total="@odata.count")
    frame = nbauth.dask.read(f"{demo.api_url}/sunlight?$count=true", paging=skip)
    assert frame.npartitions == demo.rows // 500
    whole = nbauth.read(f"{demo.api_url}/sunlight")
    assert frame["id"].compute().tolist() == whole["id"].tolist()


def test_the_example_of_the_page(demo, alice, client, cluster):
    """What the page on other tools says of Dask runs as it stands."""
    tls = {
        "distributed.comm.tls.ca-file": cluster.security.tls_ca_file,
        "distributed.comm.tls.client.cert": cluster.security.tls_client_cert,
        "distributed.comm.tls.client.key": cluster.security.tls_client_key,
    }
    stand_ins = {
        "tls://scheduler.contoso.com:8786": cluster.address,
        "nbauth+https://api.contoso.com": f"nbauth+{demo.api_origin}",
        "https://api.contoso.com": demo.api_origin,
    }
    with dask.config.set(tls):
        made = run("Dask", stand_ins)
    assert made["rows"] == (demo.rows, demo.rows)
    made["shared"].end()
    made["client"].close()


def test_tokens_of_seconds_in_a_longer_job(demo, person, client, cluster):
    """The kernel alone renews, for a worker that comes late and one that is killed and restarted, too."""
    demo.provider.settings.access_token_s = 3
    nbauth.login("demo", flow="loopback", prompt=person("alice"))
    numbers = range(0, demo.rows, 100)
    with nbauth.share(client):
        demo.provider.requests.clear()
        jobs = [
            client.submit(dask_tasks.read, f"{demo.api_url}/sunlight?$top=100&$skip={skip}", 0.6, pure=False)
            for skip in numbers
        ]
        cluster.start_worker("late")
        client.wait_for_workers(3)
        os.kill(client.run(os.getpid)[_address(client, "nursed")], signal.SIGKILL)
        assert sum(client.gather(jobs)) == demo.rows
        client.wait_for_workers(3)
        workers = client.run(dask_tasks.name_of)
        where = [
            client.submit(dask_tasks.read, f"{demo.api_url}/sunlight?$top=100", workers=[w], pure=False)
            for w in workers
        ]
        assert client.gather(where) == [100] * 3
        client.cancel([*jobs, *where])  # else what a worker holds that ends below is read again, in the next test
    grants = {record.grant_type for record in demo.provider.requests.matching("*/token")}
    assert grants == {"refresh_token"}
    assert len(demo.provider.requests.matching("*/token")) < len(jobs) / 3
    cluster.end_worker("late")


def test_a_refused_token_is_replaced(demo, shared, client):
    """A 401 on a worker makes the kernel renew; the worker names the token by its digest."""
    client.submit(dask_tasks.read, f"{demo.api_url}/sunlight?$top=5", pure=False).result()
    demo.provider.requests.clear()
    demo.api.requests.clear()
    demo.api.faults.add("*/sunlight", status=401)
    assert client.submit(dask_tasks.read, f"{demo.api_url}/sunlight?$top=5", pure=False).result() == 5
    assert [request.status for request in demo.api.requests] == [401, 200]
    assert len(demo.provider.requests.matching("*/token")) == 1


def test_workers_in_the_kernel_itself(demo, alice):
    """A worker that is a thread of the kernel has its sign-in anyhow, and keeps it when the share ends."""
    with (
        LocalCluster(n_workers=1, processes=False, dashboard_address="127.0.0.1:0") as local,
        Client(local) as client,
    ):
        nbauth.share(client).end()
        assert client.submit(dask_tasks.read, f"{demo.api_url}/sunlight?$top=5").result() == 5
    assert nbauth.accounts()[0].username == "alice@contoso.example"


def test_shared_once(demo, shared, client):
    """A cell that is run again shares nothing anew, so that running tasks go on."""
    assert nbauth.share(client) is shared
    assert nbauth.share(client, "demo") is shared


# What ends


def test_a_sign_out_in_mid_job(demo, shared, client):
    """After a sign-out no task reads any more, with the token that its worker has neither."""
    url = f"{demo.api_url}/sunlight?$top=5"
    jobs = [client.submit(dask_tasks.read, url, 0.4, pure=False) for _ in range(12)]
    assert jobs[0].result() == 5
    nbauth.logout("demo")
    asked = len(demo.api.requests)
    with pytest.raises(SignInRequired):
        client.submit(dask_tasks.read, url, pure=False).result()
    wait(jobs)
    assert {job.status for job in jobs} == {"finished", "error"}
    in_flight = 3  # of four threads; the first of them was done
    assert len(demo.api.requests) <= asked + in_flight
    asked = len(demo.api.requests)
    with pytest.raises(SignInRequired):
        client.submit(dask_tasks.read, url, pure=False).result()
    assert len(demo.api.requests) == asked
    client.cancel(jobs)


def test_a_sign_out_in_a_forked_child(demo, shared, client):
    """A process that was forked from the kernel ends its own sign-in, and not what the kernel shares."""
    assert in_child(lambda: nbauth.logout("demo")) == ("alice@contoso.example",)
    assert shared.profiles == ("demo",)
    assert client.submit(dask_tasks.read, f"{demo.api_url}/sunlight?$top=5", pure=False).result() == 5


def test_another_account_takes_the_profile_over(demo, shared, client, person):
    """After a switch of accounts the workers have neither Alice's sign-in nor Bob's."""
    url = f"{demo.api_url}/me"
    nbauth.login("demo", flow="loopback", prompt=person("bob"), select_account=True)
    with pytest.raises(SignInRequired, match="no longer shares"):
        client.submit(nbauth.read, url, pure=False).result()
    with nbauth.share(client):
        assert "Bob" in client.submit(nbauth.read, url, pure=False).result().to_string()


_KERNEL = """
import sys
import nbauth.adapters.dask as adapter
from distributed import Client, Security
import nbauth
adapter._UNHEARD_S = 1.5
address, certificate, key = sys.argv[1:]
if __name__ == "__main__":
    nbauth.login("nightly")
    security = Security(tls_ca_file=certificate, tls_client_cert=certificate, tls_client_key=key)
    shared = adapter.share(Client(address, security=security), "nightly")
    print("shared", flush=True)
    sys.stdin.read()
"""


@pytest.fixture
def other_kernel(demo, client, cluster):
    """Another kernel that shares the profile of a nightly job with the same workers."""
    arguments = (cluster.address, cluster.security.tls_ca_file, cluster.security.tls_client_key)
    with subprocess.Popen(
        [sys.executable, "-c", _KERNEL, *arguments], stdin=subprocess.PIPE, stdout=subprocess.PIPE
    ) as process:
        assert process.stdout.readline() == b"shared\n"
        yield process
        process.kill()


def test_a_kernel_that_is_killed(demo, client, other_kernel):
    """Workers outlive their kernel by the token that they have, and then an error says who does not answer."""
    demo.provider.settings.access_token_s = 2
    url = f"{demo.api_url}/sunlight?$top=5"
    assert client.submit(dask_tasks.read, url, profile="nightly", pure=False).result() == 5
    other_kernel.kill()
    other_kernel.wait()
    time.sleep(2.5)
    with pytest.raises(ProviderUnavailable, match="kernel that lends this sign-in does not answer"):
        client.submit(dask_tasks.read, url, profile="nightly", pure=False).result()


def test_a_kernel_that_ends(demo, client, other_kernel):
    """A kernel that ends in peace takes its loans along."""
    url = f"{demo.api_url}/sunlight?$top=5"
    assert client.submit(dask_tasks.read, url, profile="nightly", pure=False).result() == 5
    other_kernel.stdin.close()
    assert other_kernel.wait() == 0
    with pytest.raises(SignInRequired, match="no longer shares"):
        client.submit(dask_tasks.read, url, profile="nightly", pure=False).result()


def test_a_worker_does_not_outlive_a_killed_kernel_by_an_hour():
    """A long-lived token is lent for five minutes; a short-lived one as it is."""
    long = {"token": {"left_s": 3_600.0, "margin_s": 120.0, "secret": "t"}}
    assert _lent_for(long, 300.0) == {"token": {"left_s": 300.0, "margin_s": 30.0, "secret": "t"}}
    short = {"token": {"left_s": 3.0, "margin_s": 0.3, "secret": "t"}}
    assert _lent_for(short, 300.0) == short
    assert _lent_for({"error": "e"}, 300.0) == {"error": "e"}


# Where the secrets are


def test_no_secret_but_on_the_workers(demo, shared, client, cluster):
    """No token is in the scheduler's memory, its events, any log or the graph; no refresh token is on a worker."""
    url = f"{demo.api_url}/sunlight?$top=5"
    frame = dd.from_map(dask_tasks.read_ids, [url] * 4, meta={"id": "int64"})
    jobs = [client.submit(dask_tasks.read, url, workers=[worker], pure=False) for worker in client.nthreads()]
    assert client.gather(jobs) == [5, 5]
    graph = pickle.dumps(frame.__dask_graph__())
    secrets = {secret.encode() for secret in demo.provider.issued_secrets if len(secret) > 20}
    token = kernel.credential_of(kernel.config().profiles["demo"], _scopes()).token(_scopes()).encode()
    assert token in secrets
    plain = [secret[-40:] for secret in secrets if len(secret) >= 40]  # their ends, which are looked for sooner
    known = shared._topic.encode()  # what is there, so that it shows whether the memory is looked at
    assert in_memory(cluster.scheduler.pid, [*plain, known]) == [known]
    events = repr(client.get_events()).encode()
    for place in (graph, events, cluster.logs(), pickle.dumps(LoanPlugin("t", shared.lent, unheard_s=1))):
        assert [secret for secret in plain if secret in place] == []
    pid = client.run(os.getpid)[_address(client, "steady")]
    assert in_memory(pid, plain) == [token[-40:]]


def _scopes() -> tuple[str, ...]:
    return kernel.config().profiles["demo"].login_scopes


def test_what_is_shared_stays_where_it_is(shared):
    """Neither side of it can be pickled."""
    with pytest.raises(TypeError):
        pickle.dumps(shared)


# Attacks


def test_a_worker_asks_for_another_profile_account_or_scope(demo, shared, client):
    """The kernel answers for what it shares, and for nothing else that it could get a token for."""
    (lent,) = shared.lent
    scopes = lent.apis[demo.api_origin]

    def ask(*arguments: object) -> str:
        return client.submit(dask_tasks.ask, *arguments, shared._topic, pure=False).result()

    assert "AccessToken" in ask("demo", lent.account, scopes)
    with pytest.raises(SignInRequired, match="'nightly'"):
        ask("nightly", lent.account, scopes)
    with pytest.raises(SignInRequired):
        ask("demo", "somebody else", scopes)
    with pytest.raises(OriginNotAllowed):
        ask("demo", lent.account, (*scopes[:1],))


def test_rings_that_nobody_rang(demo, shared, client):
    """A forged event makes the kernel talk to no stranger, and gets nobody a token."""
    with socket.create_server(("127.0.0.1", 0)) as stranger:
        stranger.settimeout(1.0)
        address = f"tls://127.0.0.1:{stranger.getsockname()[1]}"
        demo.provider.requests.clear()
        for message in ({"worker": address}, {"worker": 7}, "rubbish", None, {"worker": _address(client, "steady")}):
            client.log_event(shared._topic, message)
        assert client.submit(dask_tasks.read, f"{demo.api_url}/sunlight?$top=5", pure=False).result() == 5
        with pytest.raises(TimeoutError):
            stranger.accept()


def test_an_answer_that_is_somebody_elses(shared, client):
    """A worker takes an answer to its own request only: not one for another worker, or for what it did not ask."""
    assert client.run(dask_tasks.answer_wrongly, shared._topic, workers=[_address(client, "steady")]) == {
        _address(client, "steady"): [False, False, False, False, True, False]
    }


def test_two_kernels_do_not_lend_two_sign_ins_to_one_worker(demo, client, other_kernel, monkeypatch):
    """A second kernel with another account of a profile is refused, as long as the first one listens."""
    monkeypatch.setenv("SECRET", demo.middle_tier_secret)
    theirs = kernel.config().profiles["nightly"]
    mine = dataclasses.replace(theirs, client_id=demo.middle_tier_client_id, client_secret={"env": "SECRET"})
    kernel.add_profile(mine)
    nbauth.login("nightly")
    with pytest.raises(ConfigError, match=f"another kernel lends 'nightly' there, for {theirs.client_id}"):
        nbauth.share(client, "nightly")
    url = f"{demo.api_url}/sunlight?$top=5"
    assert client.submit(dask_tasks.read, url, profile="nightly", pure=False).result() == 5
    other_kernel.kill()
    other_kernel.wait()
    with nbauth.share(client, "nightly") as shared:
        assert [each.account for each in shared.lent] == [mine.client_id]
        assert client.submit(dask_tasks.read, url, profile="nightly", pure=False).result() == 5


def test_a_read_on_the_workers_event_loop(demo, shared, client):
    """The event loop cannot wait for an answer that comes by it; the error says what to do."""
    with pytest.raises(ProviderUnavailable, match="event loop"):
        client.run(nbauth.read, f"{demo.api_url}/me")


def test_a_cluster_without_tls_beyond_this_machine(alice):
    """A scheduler elsewhere that is talked to in the clear gets nothing."""

    class Elsewhere:
        asynchronous = False

        class scheduler:  # noqa: N801 - as a client has it
            address = "tcp://10.1.2.3:8786"

        def nthreads(self) -> dict[str, int]:
            return {}

    with pytest.raises(ConfigError, match=r"tcp://10\.1\.2\.3:8786: .* not encrypted"):
        nbauth.share(Elsewhere())
