"""What a token look-up costs with 1 to 10,000 cached accounts: nbauth, MSAL and azure-identity, in one run."""

from __future__ import annotations

import argparse
import base64
import contextlib
import json
import os
import statistics
import subprocess
import sys
import tempfile
import timeit
import uuid
from importlib.metadata import version
from pathlib import Path
from typing import TYPE_CHECKING, Any

import msal

from nbauth.demo.server import DemoServer

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

SIZES = (1, 100, 1_000, 10_000)
BATCH_S = 0.02
TENANT = "11111111-2222-4333-8444-555555555555"
EXACT = ["api://nbauth-demo/Data.Read", "api://nbauth-demo/Profile.Read"]
SUBSET = EXACT[:1]
OTHERS = ("NBAUTH_", "AZURE_", "CURL_")  # of this machine, and not of the benchmark
TOKEN_CHARACTERS = 1_600  # an Entra access token with a few claims

# What is timed, and the names that it uses, as `timeit` takes them; and the token that has to come back.
Case = tuple[str, dict[str, Any], str]


def _entry(number: int, client_id: str, authority: str) -> dict[str, Any]:
    """Return what MSAL's cache is told when somebody has signed in."""
    uid = str(uuid.UUID(int=number + 1))
    client_info = base64.urlsafe_b64encode(json.dumps({"uid": uid, "utid": TENANT}).encode()).rstrip(b"=").decode()
    return {
        "client_id": client_id,
        "scope": EXACT,
        "token_endpoint": f"{authority}/oauth2/v2.0/token",
        "grant_type": "authorization_code",
        "response": {
            "token_type": "Bearer",
            "access_token": f"token-of-{number}-".ljust(TOKEN_CHARACTERS, "x"),
            "refresh_token": f"refresh-token-of-{number}-".ljust(TOKEN_CHARACTERS, "x"),
            "id_token": "e30.e30.",
            "id_token_claims": {
                "oid": uid,
                "sub": uid,
                "tid": TENANT,
                "preferred_username": f"person{number}@contoso.example",
            },
            "client_info": client_info,
            "scope": " ".join(EXACT),
            "expires_in": 24 * 3600,
        },
    }


def _filled(size: int, client_id: str, authority: str) -> tuple[msal.TokenCache, str, str]:
    """Return a cache of so many accounts; the user name and the token of the one in the middle."""
    cache = msal.TokenCache()
    for number in range(size):
        cache.add(_entry(number, client_id, authority))
    middle = _entry(size // 2, client_id, authority)["response"]
    return cache, middle["id_token_claims"]["preferred_username"], f"token-of-{size // 2}-".ljust(TOKEN_CHARACTERS, "x")


def _msal(size: int, client_id: str, authority: str) -> tuple[dict[str, Any], str]:
    cache, username, token = _filled(size, client_id, authority)
    application = msal.PublicClientApplication(
        client_id, authority=authority, instance_discovery=False, token_cache=cache
    )
    (account,) = application.get_accounts(username)
    names = {"application": application, "account": account, "username": username, "exact": EXACT, "subset": SUBSET}
    return names, token


def msal_exact(size: int, client_id: str, authority: str) -> Case:
    names, token = _msal(size, client_id, authority)
    return 'application.acquire_token_silent(exact, account)["access_token"]', names, token


def msal_subset(size: int, client_id: str, authority: str) -> Case:
    names, token = _msal(size, client_id, authority)
    return 'application.acquire_token_silent(subset, account)["access_token"]', names, token


def msal_with_accounts(size: int, client_id: str, authority: str) -> Case:
    names, token = _msal(size, client_id, authority)
    statement = 'application.acquire_token_silent(exact, application.get_accounts(username)[0])["access_token"]'
    return statement, names, token


def azure_identity(size: int, client_id: str, authority: str) -> Case:
    from azure.identity import AuthenticationRecord, InteractiveBrowserCredential

    cache, username, token = _filled(size, client_id, authority)
    uid = str(uuid.UUID(int=size // 2 + 1))
    record = AuthenticationRecord(TENANT, client_id, authority.removesuffix(f"/{TENANT}"), f"{uid}.{TENANT}", username)
    credential = InteractiveBrowserCredential(
        authentication_record=record,
        disable_automatic_authentication=True,
        disable_instance_discovery=True,
        _cache=cache,  # as its own tests fill it; the public way is a store on disk
    )
    return "credential.get_token(*exact).token", {"credential": credential, "exact": EXACT}, token


def _signed_in(size: int, client_id: str, authority: str) -> str:
    """Sign Alice in for real, and add so many others to this kernel's caches as make up the size."""
    import nbauth
    from nbauth import kernel
    from nbauth.demo.check import PersonPrompt
    from nbauth.demo.person import Person
    from nbauth.signin.profile.account import Account
    from nbauth.signin.tokens.credential import Credential, SignedIn

    prompt = PersonPrompt(Person("alice", ca_file=Path(os.environ["REQUESTS_CA_BUNDLE"])), "alice")
    alice = nbauth.login("demo", flow="paste", prompt=prompt, timeout_s=60)
    application = nbauth.client("demo")
    profile = kernel.config().profiles["demo"]
    sign_ins = kernel._state.visits.own.registry()  # noqa: SLF001 - nobody signs 10,000 people in by hand
    connection = kernel.connection_of(profile)
    (present,) = sign_ins.of("demo")
    for number in range(size - 1):
        entry = _entry(number, client_id, authority)
        application.token_cache.add(entry)
        claims = entry["response"]["id_token_claims"]
        home = f"{claims['oid']}.{TENANT}"
        credential = Credential.of_person(connection, {"home_account_id": home, "environment": "localhost"})
        credential.keep(profile.login_scopes, {"access_token": f"token-of-{number}-", "expires_in": 24 * 3600})
        account = Account(
            username=claims["preferred_username"],
            tenant_id=TENANT,
            home_account_id=home,
            profile="demo",
            expires_at=alice.expires_at,
        )
        sign_ins.choose(SignedIn(account, credential))
    sign_ins.choose(present)
    found = application.token_cache.search("AccessToken", query={"home_account_id": alice.home_account_id})
    return str(next(iter(list(found)))["secret"])


def nbauth_session(size: int, client_id: str, authority: str) -> Case:
    from nbauth.authorizer import KernelAuthorizer

    token = _signed_in(size, client_id, authority)
    url = f"{os.environ['DEMO_API']}/cities?$top=10"
    return "chain.token(url)", {"chain": KernelAuthorizer(None).chain(url), "url": url}, token


def nbauth_credential(size: int, client_id: str, authority: str) -> Case:
    from nbauth import kernel

    token = _signed_in(size, client_id, authority)
    profile = kernel.config().profiles["demo"]
    scopes = profile.login_scopes
    return "credential.token(scopes)", {"credential": kernel.credential_of(profile, scopes), "scopes": scopes}, token


def nbauth_azure(size: int, client_id: str, authority: str) -> Case:
    import nbauth

    token = _signed_in(size, client_id, authority)
    names = {"credential": nbauth.credential(os.environ["DEMO_API"]), "scope": "api://nbauth-demo/.default"}
    return "credential.get_token_info(scope).token", names, token


SUBJECTS: dict[str, tuple[str, Callable[[int, str, str], Case]]] = {
    "nbauth_session": ("nbauth, as a load asks: KernelChain.token(url)", nbauth_session),
    "nbauth_credential": ("nbauth: Credential.token(scopes)", nbauth_credential),
    "nbauth_azure": ("nbauth, as Azure's SDKs ask: nbauth.credential(url).get_token_info", nbauth_azure),
    "msal_exact": ("MSAL: acquire_token_silent, scopes as cached", msal_exact),
    "msal_subset": ("MSAL: acquire_token_silent, a subset of them", msal_subset),
    "msal_with_accounts": ("MSAL: get_accounts(name), then acquire_token_silent", msal_with_accounts),
    "azure_identity": ("azure-identity: InteractiveBrowserCredential.get_token", azure_identity),
}


def work(subject: str, size: int) -> None:
    """Be the process of one case: get ready, then time a batch for each line on stdin."""
    statement, names, expected = SUBJECTS[subject][1](size, os.environ["DEMO_CLIENT"], os.environ["DEMO_AUTHORITY"])
    look_up = eval(f"lambda: {statement}", names)
    assert look_up() == expected
    timer = timeit.Timer(statement, globals=names)
    once_s = min(timer.repeat(3, 5)) / 5
    number = max(1, int(BATCH_S / once_s))
    print("ready", flush=True)
    for _ in sys.stdin:
        print(timer.timeit(number) / number, flush=True)
        assert look_up() == expected


@contextlib.contextmanager
def _worker(subject: str, size: int, environment: dict[str, str]) -> Iterator[subprocess.Popen[str]]:
    command = [sys.executable, __file__, "--worker", subject, str(size)]
    process = subprocess.Popen(command, env=environment, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True)
    try:
        yield process
    finally:
        assert process.stdin
        process.stdin.close()
        process.wait(30)
        assert process.returncode == 0, f"{subject} with {size} accounts failed"


def _ask(process: subprocess.Popen[str]) -> float:
    assert process.stdin
    assert process.stdout
    process.stdin.write("go\n")
    process.stdin.flush()
    return float(process.stdout.readline())


def measure(size: int, rounds: int, demo: DemoServer, environment: dict[str, str]) -> dict[str, list[float]]:
    """Return the seconds of a look-up, by subject and round; the subjects take turns in each round."""
    with contextlib.ExitStack() as stack:
        workers = {}
        for subject in SUBJECTS:
            workers[subject] = worker = stack.enter_context(_worker(subject, size, environment))
            assert worker.stdout
            assert worker.stdout.readline() == "ready\n", f"{subject} with {size} accounts did not get ready"
        requests_before = len(demo.provider.requests)
        times: dict[str, list[float]] = {subject: [] for subject in SUBJECTS}
        for _ in range(rounds):
            for subject, worker in workers.items():
                times[subject].append(_ask(worker))
        assert len(demo.provider.requests) == requests_before, "a look-up went to the provider"
    return times


def _microseconds(seconds: float) -> str:
    value = seconds * 1e6
    return f"{value:,.2f}" if value < 10 else f"{value:,.0f}"


def _ratio(value: float) -> str:
    return f"{value:,.0f}" if value >= 10 else f"{value:.2g}"


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--rounds", type=int, default=15, help="how often each case is timed (15)")
    parser.add_argument("--worker", nargs=2, metavar=("SUBJECT", "SIZE"), help=argparse.SUPPRESS)
    arguments = parser.parse_args()
    if arguments.worker:
        work(arguments.worker[0], int(arguments.worker[1]))
        return
    with tempfile.TemporaryDirectory(prefix="nbauth-benchmark-") as directory, DemoServer() as demo:
        demo.provider.settings.access_token_s = 24 * 3600
        environment = {
            **{
                name: value for name, value in os.environ.items() if not name.startswith(("NBAUTH_", "AZURE_", "CURL_"))
            },
            "NBAUTH_CONFIG": str(demo.config_path),
            "NBAUTH_NOTEBOOK_DIR": directory,
            "XDG_STATE_HOME": directory,
            "REQUESTS_CA_BUNDLE": str(demo.ca_file),  # for MSAL and azure-identity; nbauth has it in the profile
            "NO_PROXY": "localhost",
            "DEMO_CLIENT": demo.client_id,
            "DEMO_AUTHORITY": demo.authority,
            "DEMO_API": demo.api_url,
        }
        results = {size: measure(size, arguments.rounds, demo, environment) for size in SIZES}
    report(results, arguments.rounds)


def report(results: dict[int, dict[str, list[float]]], rounds: int) -> None:
    packages = ", ".join(f"{name} {version(name)}" for name in ("nbauth", "msal", "azure-identity"))
    print(f"Python {sys.version.split()[0]}, {packages}; medians of {rounds} rounds, a process for each case\n")
    print("| µs a look-up with so many cached accounts (against nbauth's session path) |", end="")
    print("".join(f" {size:,} |" for size in results))
    print("|---|" + "---:|" * len(results))
    for subject, (title, _) in SUBJECTS.items():
        cells = []
        for times in results.values():
            ratio = statistics.median(
                one / base for one, base in zip(times[subject], times["nbauth_session"], strict=True)
            )
            cells.append(f"{_microseconds(statistics.median(times[subject]))} ({_ratio(ratio)} ×)")
        print(f"| {title} | {' | '.join(cells)} |")


if __name__ == "__main__":
    main()
