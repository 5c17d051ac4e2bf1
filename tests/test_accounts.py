"""Several accounts, tenants, profiles and APIs in one kernel."""

from __future__ import annotations

import atexit
import threading
import time
from concurrent.futures import ThreadPoolExecutor
from typing import TYPE_CHECKING, Any

import jwt
import pytest
from IPython.core.interactiveshell import InteractiveShell
from IPython.utils.capture import capture_output

import nbauth
from nbauth import kernel
from nbauth.authorizer import KernelAuthorizer
from nbauth.demo.api.api import Api
from nbauth.demo.api.bearer import BearerCheck
from nbauth.demo.provider.realms import PARTNER_ID, TENANT_ID
from nbauth.errors import ConfigError, DataError, SignInFailed, SignInRequired
from nbauth.frontend import front_end
from nbauth.frontend.tables import AccountsTable
from nbauth.signin.client.token_cache import cache_key

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    from nbauth.demo.server import DemoServer

ALICE, BOB = "alice@contoso.example", "bob@contoso.example"


@pytest.fixture
def sign_in(demo: DemoServer, person: Callable[..., Any]) -> Callable[..., nbauth.Account]:
    """Return what signs somebody in, by hand if they have to be asked."""

    def login(profile: str = "demo", who: str = "alice", **options: Any) -> nbauth.Account:
        account = nbauth.login(profile, flow="paste", prompt=person(who), timeout_s=20, **options)
        demo.provider.requests.clear()
        return account

    return login


@pytest.fixture
def nobody_there(demo: DemoServer, monkeypatch: pytest.MonkeyPatch) -> Callable[..., nbauth.Account]:
    """Return what signs somebody in where nobody can be asked."""

    def login(profile: str = "demo", **options: Any) -> nbauth.Account:
        with monkeypatch.context() as here:
            here.setenv("NBAUTH_NONINTERACTIVE", "1")
            return nbauth.login(profile, **options)

    return login


def _profile(demo: DemoServer, name: str, **more: Any) -> nbauth.Profile:
    given: dict[str, Any] = {
        "client_id": demo.client_id,
        "authority": demo.authority,
        "ca_bundle": str(demo.ca_file),
        "apis": {demo.api_origin: ["api://nbauth-demo/Data.Read", "api://nbauth-demo/Profile.Read"]},
    }
    profile = nbauth.Profile(name, **(given | more))
    nbauth.add_profile(profile)
    return profile


def _claims(token: str) -> dict[str, Any]:
    claims: dict[str, Any] = jwt.decode(token, options={"verify_signature": False})
    return claims


def _token(profile: str = "demo") -> dict[str, Any]:
    found = kernel.config().profiles[profile]
    return _claims(kernel.credential_of(found, found.login_scopes).token(found.login_scopes))


def _who(session: nbauth.Session, demo: DemoServer) -> str:
    answer = session.get(f"{demo.api_url}/me")
    assert answer.status_code == 200
    return str(answer.json()["userPrincipalName"])


# Accounts


def test_switching_asks_nobody(sign_in: Callable[..., Any], nobody_there: Callable[..., Any], demo: DemoServer) -> None:
    """Whoever is signed in already is switched to without being asked or a request; open sessions follow."""
    sign_in()
    with nbauth.session("demo") as session:
        assert _who(session, demo) == ALICE
        sign_in(who="bob", account=BOB)
        assert _who(session, demo) == BOB
        assert nobody_there(account=ALICE).username == ALICE
        assert _who(session, demo) == ALICE
        assert nobody_there(account="BOB@contoso.example").username == BOB
        assert _who(session, demo) == BOB
        assert nobody_there().username == BOB  # the present one stays
    assert len(demo.provider.requests) == 0
    with pytest.raises(SignInRequired):
        nobody_there(account="carol@contoso.example")


def test_accounts_lists_every_sign_in(sign_in: Callable[..., Any], demo: DemoServer) -> None:
    """`accounts` lists every sign-in: profile by profile, the present one of each last, with all that is known."""
    _profile(demo, "second")
    sign_in()
    sign_in(who="bob", account=BOB)
    sign_in("second")
    sign_in(tenant=PARTNER_ID, account=ALICE)
    nbauth.login("nightly")
    listed = [(a.profile, a.username, a.tenant_id, a.kind) for a in nbauth.accounts()]
    assert listed == [
        ("demo", ALICE, TENANT_ID, "person"),
        ("demo", BOB, TENANT_ID, "person"),
        ("demo", ALICE, PARTNER_ID, "person"),
        ("second", ALICE, TENANT_ID, "person"),
        ("nightly", demo.confidential_client_id, TENANT_ID, "application"),
    ]
    here, _, there, *_ = nbauth.accounts()
    assert here.home_account_id == there.home_account_id == f"aaaaaaaa-1111-4111-8111-aaaaaaaaaaaa.{TENANT_ID}"
    assert all(3500 < a.expires_at.timestamp() - time.time() <= 3600 for a in nbauth.accounts())
    table = repr(AccountsTable(nbauth.accounts())).splitlines()
    assert [line.split()[0] for line in table[1:]] == ["demo", "demo", "demo", "second", "nightly"]
    assert PARTNER_ID in table[3]


def test_somebody_else(sign_in: Callable[..., Any], demo: DemoServer) -> None:
    """Where another one signs in than was asked for, nothing of it is kept, and who was there is there."""
    sign_in()
    before = nbauth.client("demo").get_accounts()
    with pytest.raises(SignInFailed, match=rf"{BOB} signed in where carol@contoso\.example was asked for\. Nothing"):
        sign_in(who="bob", account="carol@contoso.example")
    assert [account.username for account in nbauth.accounts()] == [ALICE]
    assert nbauth.client("demo").get_accounts() == before
    assert _token()["preferred_username"] == ALICE


def test_sessions_follow_the_sign_in(sign_in: Callable[..., Any], demo: DemoServer) -> None:
    """A session that was made before a sign-out sends nothing after it, and serves whoever signs in next."""
    sign_in()
    with nbauth.session("demo") as session:
        assert _who(session, demo) == ALICE
        kernel.logout("demo")
        demo.api.requests.clear()
        with pytest.raises(SignInRequired, match=r'Run: nbauth\.login\("demo"\)'):
            session.get(f"{demo.api_url}/me")
        assert len(demo.api.requests) == 0
        sign_in(who="bob")
        assert _who(session, demo) == BOB


def test_a_switch_during_a_load(sign_in: Callable[..., Any], demo: DemoServer) -> None:
    """Rows of two people never come together: a load that was begun as Alice ends when Bob signs in."""
    sign_in()
    frames = nbauth.pages(f"{demo.api_url}/sunlight")
    assert len(next(frames)) == 1_000
    sign_in(who="bob", account=BOB)
    before = len(demo.api.requests)
    with pytest.raises(DataError, match=r"opened by another sign-in of profile 'demo'\. Open it again\."):
        next(frames)
    assert len(demo.api.requests) == before
    assert len(next(nbauth.pages(f"{demo.api_url}/sunlight"))) == 1_000


def test_a_switch_during_a_look_up(sign_in: Callable[..., Any], demo: DemoServer, monkeypatch: Any) -> None:
    """A switch while another thread looks its token up is not missed at the next request."""
    sign_in()
    authorizer = KernelAuthorizer("demo")
    look_up = kernel.credential_of

    def slow(*arguments: Any) -> Any:
        found = look_up(*arguments)
        monkeypatch.setattr(kernel, "credential_of", look_up)
        sign_in(who="bob", account=BOB)  # found as Alice's, and Bob is the present one when it is noted
        return found

    monkeypatch.setattr(kernel, "credential_of", slow)
    url = f"{demo.api_url}/me"
    chain = authorizer.chain(url)
    assert _claims(chain.token(url))["preferred_username"] == ALICE
    with pytest.raises(DataError, match="another sign-in"):
        chain.token(url)
    assert _claims(authorizer.chain(url).token(url))["preferred_username"] == BOB


def test_magics_with_several_accounts(
    sign_in: Callable[..., Any], person: Callable[..., Any], demo: DemoServer, monkeypatch: pytest.MonkeyPatch
) -> None:
    """`%login --account` and `--tenant` sign in beside those who are there, and `%whoami` shows them all."""
    shell = InteractiveShell()
    monkeypatch.setattr(front_end, "prompt", lambda: person("bob"))
    shell.run_line_magic("load_ext", "nbauth")
    sign_in()
    with capture_output() as captured:
        shell.run_line_magic("login", f"demo --account {BOB} --flow paste")
        shell.run_line_magic("login", f"--account {ALICE} --tenant {PARTNER_ID} --flow paste")
        shell.run_line_magic("login", "demo --account alice@contoso.example --flow paste")
        table = repr(shell.run_line_magic("whoami", "")).splitlines()
        shell.run_line_magic("logout", "demo")
    atexit.unregister(shell.atexit_operations)
    shell.atexit_operations()
    good = "the token is good for 60 min"
    said = [line.partition(" (until")[0] for line in captured.stdout.splitlines()]
    assert said == [
        f"Signed in to demo as Bob Büchner ({BOB}); {good}",
        f"Signed in to demo as Alice Adams ({ALICE}) in tenant {PARTNER_ID}; {good}",
        f"Signed in to demo as Alice Adams ({ALICE}); {good}",
        f"Signed out: {BOB}, {ALICE}.",
    ]
    tenants = [next(word for word in line.split() if word in (TENANT_ID, PARTNER_ID)) for line in table[1:]]
    assert tenants == [TENANT_ID, PARTNER_ID, TENANT_ID]


# Tenants


def test_another_tenant_silently(
    sign_in: Callable[..., Any], nobody_there: Callable[..., Any], demo: DemoServer
) -> None:
    """A guest of another tenant is signed in there without being asked, with tokens of that tenant; and back."""
    sign_in()
    with nbauth.session("demo") as session:
        there = nobody_there(tenant=PARTNER_ID)
        assert (there.username, there.tenant_id) == (ALICE, PARTNER_ID)
        assert demo.provider.requests.count("*/token", grant_type="refresh_token") == 1
        assert _token()["tid"] == PARTNER_ID
        assert _who(session, demo) == ALICE
        demo.provider.requests.clear()
        assert nobody_there().tenant_id == TENANT_ID
        assert _token()["tid"] == TENANT_ID
        assert nobody_there(tenant=PARTNER_ID).tenant_id == PARTNER_ID
        assert _token()["tid"] == PARTNER_ID
    assert len(demo.provider.requests) == 0
    assert [account.tenant_id for account in nbauth.accounts()] == [TENANT_ID, PARTNER_ID]


def test_another_tenant_by_the_person(
    sign_in: Callable[..., Any], nobody_there: Callable[..., Any], demo: DemoServer
) -> None:
    """Where the tenant does not know the person's refresh token, the person is asked; the sign-in at home goes on."""
    sign_in(who="bob")
    with pytest.raises(SignInRequired):
        nobody_there(tenant=PARTNER_ID)
    assert sign_in(who="bob", tenant=PARTNER_ID).tenant_id == PARTNER_ID
    assert _token()["tid"] == PARTNER_ID
    nobody_there()
    assert _token()["tid"] == TENANT_ID


def test_one_account_of_several_tenants(
    sign_in: Callable[..., Any], nobody_there: Callable[..., Any], demo: DemoServer
) -> None:
    """Somebody who is in several tenants, under another id in each, can sign in again in any of them."""
    sign_in(who="bob")
    sign_in(who="bob", tenant=PARTNER_ID)
    for tenant in (None, PARTNER_ID):
        nobody_there(tenant=tenant)
        profile = kernel.config().profiles["demo"]
        kernel.credential_of(profile, ()).step_up(profile.login_scopes, '{"access_token": {"acrs": {"value": "c1"}}}')
        account = sign_in(who="bob", tenant=tenant)
        assert (account.username, account.tenant_id) == (BOB, tenant or TENANT_ID)
        assert _token()["acrs"] == ["c1"]


def test_by_name_and_by_id(sign_in: Callable[..., Any], nobody_there: Callable[..., Any], demo: DemoServer) -> None:
    """A tenant's domain and its id are one tenant: nobody is asked, and the sign-in is the same."""
    sign_in()
    assert nobody_there(tenant="contoso.example").tenant_id == TENANT_ID
    assert demo.provider.requests.count("*/token") == 0
    assert len(nbauth.accounts()) == 1


def test_tenants_share_the_refresh_lock(
    sign_in: Callable[..., Any], nobody_there: Callable[..., Any], demo: DemoServer
) -> None:
    """Sign-ins in two tenants stand on one refresh token, which they use one at a time: it is never used twice."""
    sign_in()
    home = kernel.credential_of(kernel.config().profiles["demo"], ())
    nobody_there(tenant=PARTNER_ID)
    there = kernel.credential_of(kernel.config().profiles["demo"], ())
    assert home is not there
    demo.provider.requests.clear()
    _all_at_once([home, there] * 8)
    assert demo.provider.requests.count("*/token", status=200) == 2
    assert demo.provider.requests.count("*/token") == 2


def _all_at_once(credentials: list[Any]) -> None:
    barrier = threading.Barrier(len(credentials))

    def renew(credential: Any, rejected: str) -> str:
        barrier.wait()
        return str(credential.token(credential.profile.login_scopes, rejected=rejected))

    tokens = [credential.token(credential.profile.login_scopes) for credential in credentials]
    with ThreadPoolExecutor(len(credentials)) as pool:
        for future in [pool.submit(renew, *pair) for pair in zip(credentials, tokens, strict=True)]:
            assert future.result() not in tokens


@pytest.mark.parametrize(
    ("one", "other", "share"),
    [
        ({"tenant": "a"}, {"tenant": "b"}, True),
        ({"tenant": "a"}, {"audience": "common"}, True),
        ({"tenant": "a"}, {"authority": "https://login.microsoftonline.com/b"}, True),
        ({"tenant": "a"}, {"tenant": "a", "client_id": "another"}, False),
        ({"tenant": "a"}, {"tenant": "a", "cloud": "china"}, False),
        ({"authority": "https://x.example:1/a"}, {"authority": "https://x.example:2/a"}, False),
        ({"authority": "https://x.example/adfs"}, {"authority": "https://x.example/a"}, False),
        ({"oidc_authority": "https://x.example/a"}, {"oidc_authority": "https://x.example/b"}, False),
        ({"oidc_authority": "https://x.example/a"}, {"authority": "https://x.example/a"}, False),
        ({"authority": "https://x.b2clogin.com/t/b2c_1_x"}, {"authority": "https://x.b2clogin.com/t/b2c_1_y"}, False),
        ({"tenant": "a"}, {"tenant": "a", "ca_bundle": __file__}, False),
        ({"tenant": "a", "ca_bundle": __file__}, {"tenant": "b", "ca_bundle": __file__}, True),
    ],
    ids=str,
)
def test_who_shares_a_cache(one: dict[str, str], other: dict[str, str], share: bool) -> None:  # noqa: FBT001 - a row
    """Tenants of one provider share a token cache, for one application and one trust; nobody else does."""
    keys = {cache_key(nbauth.Profile("p", **({"client_id": "x", "apis": {}} | given))) for given in (one, other)}
    assert (len(keys) == 1) == share


# APIs


@pytest.fixture
def three(demo: DemoServer) -> Iterator[list[Api]]:
    """Three APIs, each a resource of its own, in the profile ``three``."""
    apis, origins = [], {}
    for name in ("one", "two", "three"):
        identifier = f"api://{name}"
        demo.provider.register_resource(identifier, scopes=["Data.Read"])
        api = Api(demo.provider, rows=10)
        api.bearer = BearerCheck(demo.provider, audience=identifier)
        api.start()
        apis.append(api)
        origins[api.origin] = [f"{identifier}/Data.Read"]
    _profile(demo, "three", apis=origins)
    yield apis
    for api in apis:
        api.close()


def test_three_apis(sign_in: Callable[..., Any], three: list[Api], demo: DemoServer) -> None:
    """One session serves three APIs, each with a token for it; the further ones come silently, by one request each."""
    sign_in("three")
    with nbauth.session("three") as session:
        for _ in range(3):
            assert [session.get(f"{api.url}/cities").status_code for api in three] == [200] * 3
    assert [record.grant_type for record in demo.provider.requests] == ["refresh_token"] * 2
    assert [api.requests.count(status=200) for api in three] == [3, 3, 3]
    assert [api.requests.count(status=401) for api in three] == [0, 0, 0]


def test_an_api_that_lacks_consent(sign_in: Callable[..., Any], three: list[Api], demo: DemoServer) -> None:
    """Where a consent lacks, the error names the API and the line to type, which mends it; the others go on."""
    demo.provider.settings.consent_first = frozenset({"api://three"})
    sign_in("three")
    with nbauth.session("three") as session:
        assert [session.get(f"{api.url}/cities").status_code for api in three[:2]] == [200] * 2
        with pytest.raises(SignInRequired) as caught:
            session.get(f"{three[2].url}/cities")
        assert "AADSTS65001" in str(caught.value)
        assert f"It was for {three[2].origin}." in str(caught.value)
        assert caught.value.next_step == 'Run: nbauth.login("three", scopes=["api://three/Data.Read"])'
        assert caught.value.scopes == ("api://three/Data.Read",)
        assert session.get(f"{three[0].url}/cities").status_code == 200
        sign_in("three", scopes=caught.value.scopes)
        assert [session.get(f"{api.url}/cities").status_code for api in three] == [200] * 3
    assert len(nbauth.accounts()) == 1


def test_two_profiles_of_one_origin(sign_in: Callable[..., Any], demo: DemoServer) -> None:
    """Where two profiles name an origin, a session of one uses its account; without a name the default one's.

    Without a default it is the only one that is signed in; of several the caller says which.
    """
    _profile(demo, "second")
    sign_in()
    sign_in("second", "bob")
    for profile, who in (("demo", ALICE), ("second", BOB), (None, ALICE)):
        with nbauth.session(profile) as session:
            assert _who(session, demo) == who
    assert _without_default(demo).chain(demo.api_url).profile == "second"
    nbauth.login("nightly")
    with pytest.raises(ConfigError, match=r"named by several profiles: nightly, second"):
        _without_default(demo).chain(demo.api_url)


def _without_default(demo: DemoServer) -> KernelAuthorizer:
    authorizer = KernelAuthorizer(None)
    profiles = {name: profile for name, profile in authorizer._config.profiles.items() if name != "demo"}
    object.__setattr__(authorizer._config, "profiles", profiles)
    return authorizer


# Profiles


def test_profiles_of_one_application(
    sign_in: Callable[..., Any], nobody_there: Callable[..., Any], demo: DemoServer
) -> None:
    """Profiles that share authority and application share no sign-in: each is signed in to, and out of, by itself."""
    _profile(demo, "second")
    sign_in()
    with pytest.raises(SignInRequired):
        nobody_there("second")
    with pytest.raises(SignInRequired):
        nbauth.session("second")
    sign_in("second")
    first, second = (kernel.credential_of(kernel.config().profiles[name], ()) for name in ("demo", "second"))
    assert kernel.logout("demo") == (ALICE,)
    assert [account.profile for account in nbauth.accounts()] == ["second"]
    with pytest.raises(SignInRequired):
        first.token(first.profile.login_scopes)
    # The one that is left goes on, and can be renewed.
    scopes = second.profile.login_scopes
    assert second.token(scopes, rejected=second.token(scopes))
    assert demo.provider.requests.count("*/token", status=200) == 1
    application = nbauth.client("second")
    kernel.logout("second")
    for kind in ("AccessToken", "RefreshToken", "IdToken", "Account"):
        assert list(application.token_cache.search(kind)) == []


def test_profiles_share_the_refresh_lock(sign_in: Callable[..., Any], demo: DemoServer) -> None:
    """Two profiles that stand on one refresh token use it one at a time: it is never used twice."""
    _profile(demo, "second")
    sign_in()
    sign_in("second")
    credentials = [kernel.credential_of(kernel.config().profiles[name], ()) for name in ("demo", "second")]
    assert credentials[0].refresh_lock is credentials[1].refresh_lock
    _all_at_once(credentials * 8)
    assert {record.status for record in demo.provider.requests.matching("*/token")} == {200}
    assert demo.provider.requests.count("*/token") == 2


def test_another_application(sign_in: Callable[..., Any], demo: DemoServer) -> None:
    """Signing out of one application leaves every token of another one of the same person alone."""
    other = demo.provider.register_client(name="another")
    _profile(demo, "second", client_id=other.client_id)
    sign_in()
    sign_in("second")
    kernel.logout("demo")
    assert _token("second")["azp"] == other.client_id
    cache = nbauth.client("second").token_cache
    assert [len(list(cache.search(kind))) for kind in ("AccessToken", "RefreshToken", "Account")] == [1, 1, 1]
    assert len(demo.provider.requests) == 0


def test_a_slow_provider_holds_up_nobody_else(sign_in: Callable[..., Any], demo: DemoServer) -> None:
    """While one profile's provider is slow to answer, the others work, and `accounts` answers."""
    sign_in()
    slow = _profile(demo, "slow", authority=demo.authority.replace(TENANT_ID, "organizations"))
    fault = demo.provider.faults.add("/organizations/*", delay_s=2.0)
    with ThreadPoolExecutor(1) as pool:
        waiting = pool.submit(nbauth.client, slow.name)
        while not fault.hits:
            time.sleep(0.01)
        assert [account.username for account in nbauth.accounts()] == [ALICE]
        with nbauth.session("demo") as session:
            assert _who(session, demo) == ALICE
        nbauth.login("nightly")
        assert not waiting.done()
        demo.provider.faults.clear()
        waiting.result()
