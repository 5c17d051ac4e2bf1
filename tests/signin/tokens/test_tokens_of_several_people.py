"""Whose token it is: nobody is ever served another one's, whatever the provider calls them."""

from __future__ import annotations

import dataclasses
import json
from typing import TYPE_CHECKING, Any
from urllib.parse import parse_qs, urlsplit

import jwt
import pytest

import nbauth
from nbauth import kernel
from nbauth.authorizer import KernelAuthorizer
from nbauth.demo.provider.provider import ALICE
from nbauth.errors import SignInCancelled, SignInFailed, SignInRequired
from nbauth.signin.flows import redirect
from nbauth.signin.flows.prompt import NullPrompt
from nbauth.signin.oidc.discovery import discover
from nbauth.signin.remembered import document_file, location
from nbauth.signin.remembered.document import application_name
from nbauth.signin.remembered.encryption import PlainCodec
from nbauth.signin.remembered.store import Store

if TYPE_CHECKING:
    from collections.abc import Callable

    from nbauth.demo.server import DemoServer
    from nbauth.signin.tokens.credential import Credential

SCOPES = ["api://nbauth-demo/Data.Read", "api://nbauth-demo/Profile.Read"]
_ALICE, _BOB = "alice@contoso.example", "bob@contoso.example"
_ROWS = "https://middle.example/rows"


@pytest.fixture(autouse=True)
def plain_files(monkeypatch: pytest.MonkeyPatch) -> None:
    """Allow remembered sign-ins that are not encrypted."""
    monkeypatch.setenv("NBAUTH_ALLOW_PLAINTEXT_CACHE", "1")


@pytest.fixture
def lab(demo: DemoServer) -> nbauth.Profile:
    """A profile of a plain OpenID provider."""
    return _profile(demo, "lab")


@pytest.fixture
def sign_in(demo: DemoServer, person: Callable[..., Any]) -> Callable[..., nbauth.Account]:
    """Return what signs somebody in by hand, and has the provider say this of them."""

    def login(who: str, profile: str = "lab", *, claims: dict[str, Any] | None = None, **options: Any) -> Any:
        demo.provider.settings.id_token_claims = claims or {}
        options = {"select_account": True} | options
        return nbauth.login(profile, flow="paste", prompt=person(who), timeout_s=20, **options)

    return login


def _profile(demo: DemoServer, name: str, **more: Any) -> nbauth.Profile:
    given: dict[str, Any] = {
        "client_id": demo.client_id,
        "ca_bundle": str(demo.ca_file),
        "apis": {demo.api_origin: SCOPES},
    }
    given |= more or {"oidc_authority": demo.oidc_authority}
    profile = nbauth.Profile(name, **given)
    nbauth.add_profile(profile)
    return profile


def _silent(profile: str = "lab", **options: Any) -> nbauth.Account:
    """Sign in with nobody there."""
    return nbauth.login(profile, flow="paste", prompt=NullPrompt(), timeout_s=20, **options)


def _credential(profile: str = "lab") -> Credential:
    found = kernel.config().profiles[profile]
    return kernel.credential_of(found, found.login_scopes)


def _renewed(credential: Credential) -> str:
    scopes = credential.profile.login_scopes
    credential._memo.clear()
    return credential.token(scopes, rejected="refused")


def _user(token: str) -> str:
    """Return whose access token it is; the claims of an ID token are another matter."""
    claims = jwt.decode(token, options={"verify_signature": False})
    return str(claims.get("sub"))


def _subjects(sign_in: Callable[..., Any]) -> tuple[str, str]:
    sign_in("alice")
    alice = _user(_renewed(_credential()))
    sign_in("bob")
    bob = _user(_renewed(_credential()))
    kernel.logout("lab")
    return alice, bob


# At plain OpenID providers


def test_a_claim_that_all_share(lab: nbauth.Profile, sign_in: Callable[..., Any]) -> None:
    """Where `oid` and `tid` are the organisation, Bob who signs in after Alice is renewed as Bob, and she as Alice."""
    alice, bob = _subjects(sign_in)
    shared_claims = {"oid": "org-1", "tid": "org-1"}
    first = sign_in("alice", claims=shared_claims)
    hers = _credential()
    second = sign_in("bob", claims=shared_claims)
    assert [(a.home_account_id, a.tenant_id) for a in (first, second)] == [(alice, ""), (bob, "")]
    assert _user(_renewed(_credential())) == bob
    assert _user(_renewed(hers)) == alice
    assert [account.username for account in nbauth.accounts()] == [_ALICE, _BOB]


def test_a_number_as_a_claim(lab: nbauth.Profile, sign_in: Callable[..., Any]) -> None:
    """`oid` that is a number means nothing at a plain provider."""
    assert sign_in("alice", claims={"oid": 5}).home_account_id == _user(_renewed(_credential()))


def test_client_info_of_a_plain_provider(lab: nbauth.Profile, demo: DemoServer, sign_in: Callable[..., Any]) -> None:
    """`client_info` is Entra's: at another provider people whom it calls alike stay apart."""
    alice, bob = _subjects(sign_in)
    demo.provider.settings.client_info = {"uid": "org", "utid": "org"}
    sign_in("alice")
    hers = _credential()
    sign_in("bob")
    assert _user(_renewed(_credential())) == bob
    assert _user(_renewed(hers)) == alice


def test_subjects_that_differ_in_case(lab: nbauth.Profile, sign_in: Callable[..., Any]) -> None:
    """`sub` is case-sensitive (OpenID Connect Core §2): two who differ in nothing else keep tokens of their own."""
    alice, bob = _subjects(sign_in)
    sign_in("alice", claims={"sub": "Someone", "preferred_username": None})
    hers = _credential()
    sign_in("bob", claims={"sub": "someone", "preferred_username": None})
    his = _credential()
    # What the provider says at a refresh is true of each: no ID token, no claims.
    with pytest.raises(SignInCancelled):
        _silent(account="SOMEONE")
    assert _silent(account="Someone").home_account_id == "Someone"
    assert [len(_held(kind)) for kind in ("RefreshToken", "AccessToken", "IdToken", "Account")] == [2] * 4
    assert (hers.account or {})["home_account_id"] == "Someone"
    assert (his.account or {})["home_account_id"] == "someone"
    assert {alice, bob} == {_user(each.token(each.profile.login_scopes)) for each in (hers, his)}


def _held(kind: str, profile: str = "lab") -> list[dict[str, Any]]:
    cache = nbauth.client(profile).token_cache
    return [entry for entry in cache.search(kind) if entry.get("home_account_id", "").lower() == "someone"]


def test_a_name_that_two_have(lab: nbauth.Profile, sign_in: Callable[..., Any]) -> None:
    """A name that Bob gave himself does not fetch Alice's sign-in, nor his: somebody is asked; the keys tell."""
    alice = sign_in("alice", claims={"preferred_username": "alice"}, remember=True)
    bob = sign_in("bob", claims={"preferred_username": "alice"}, remember=True)
    for _ in ("this kernel", "a later one"):
        with pytest.raises(SignInCancelled):
            _silent(account="alice")
        assert _silent(account=alice.home_account_id).home_account_id == alice.home_account_id
        assert _user(_credential().token(lab.login_scopes)) == alice.home_account_id
        _restart(lab)
        assert _silent(account=bob.home_account_id).home_account_id == bob.home_account_id
        assert _user(_renewed(_credential())) == bob.home_account_id
        _restart(lab)


def _restart(*profiles: nbauth.Profile) -> None:
    kernel.reset()
    for profile in profiles:
        nbauth.add_profile(profile)


def test_remembered_by_name(lab: nbauth.Profile, sign_in: Callable[..., Any]) -> None:
    """A later kernel's `login(account=…)` gets the tokens of the one who has that name, where `oid` is shared, too."""
    for who in ("alice", "bob"):
        sign_in(who, claims={"oid": "org-1"}, remember=True)
    for name in (_BOB, _ALICE):
        _restart(lab)
        account = _silent(account=name)
        assert (account.username, _user(_renewed(_credential()))) == (name, account.home_account_id)


@pytest.mark.parametrize("named", [True, False], ids=["with names", "without"])
def test_remembered_under_another_key(lab: nbauth.Profile, sign_in: Callable[..., Any], *, named: bool) -> None:
    """A file that holds Bob under Alice's key, as earlier versions wrote, asks; with the sign-in it is right again."""
    claims = {} if named else {"preferred_username": None}
    alice = sign_in("alice", claims=claims, remember=True)
    store = Store(location.directory(), application_name(lab), PlainCodec())
    document = document_file.read_document(store)
    assert document is not None
    (hers,) = document.sign_ins
    his = dataclasses.replace(hers, username=_BOB)
    with store.lock():
        store.write(
            dataclasses.replace(
                document, sign_ins=(hers, dataclasses.replace(his, fingerprint=hers.fingerprint))
            ).dump()
        )
    _restart(lab)
    with pytest.raises(SignInCancelled):
        _silent(account=_BOB)
    bob = sign_in("bob", account=_BOB if named else None, claims=claims, remember=True)
    assert bob.home_account_id != alice.home_account_id
    assert _user(_renewed(_credential())) == bob.home_account_id


def test_a_renewal_without_an_id_token(lab: nbauth.Profile, demo: DemoServer, sign_in: Callable[..., Any]) -> None:
    """An answer without an ID token is about whom the refresh token is about; its tokens are kept under their key."""
    demo.provider.settings.id_token_at_refresh = False
    account = sign_in("alice")
    for _ in range(3):
        assert _user(_renewed(_credential())) == account.home_account_id
    cache = nbauth.client("lab").token_cache
    for kind in ("RefreshToken", "AccessToken", "IdToken"):
        assert {entry["home_account_id"] for entry in cache.search(kind)} == {account.home_account_id}


def test_two_issuers_on_one_host(lab: nbauth.Profile, demo: DemoServer, sign_in: Callable[..., Any]) -> None:
    """The same `sub` at two issuers of one host is two people."""
    _profile(demo, "other", oidc_authority=demo.oidc_authority.replace("/lab", "/other"))
    sign_in("alice", "lab", claims={"sub": "17"})
    alices = _credential("lab")
    sign_in("bob", "other", claims={"sub": "17"})
    hers, his = (_user(_renewed(each)) for each in (alices, _credential("other")))
    assert hers != his


# At Entra


def test_the_same_client_info(demo: DemoServer, sign_in: Callable[..., Any]) -> None:
    """A second person with the first one's `client_info` is refused, nothing is kept, and the first one goes on."""
    demo.provider.settings.client_info = {"uid": "guest", "utid": "another-tenant"}
    account = sign_in("alice", "demo")
    with pytest.raises(SignInFailed, match="does not say clearly who signed in: somebody else is signed in"):
        sign_in("bob", "demo")
    assert [a.home_account_id for a in nbauth.accounts()] == [account.home_account_id]
    assert _claims(_renewed(_credential("demo")))["preferred_username"] == _ALICE


def test_client_info_of_somebody_else(demo: DemoServer, sign_in: Callable[..., Any]) -> None:
    """`client_info` that contradicts the ID token in the person's own tenant is refused."""
    tenant_id = sign_in("alice", "demo").tenant_id
    kernel.logout("demo")
    demo.provider.settings.client_info = {"uid": ALICE.object_id, "utid": tenant_id}
    with pytest.raises(SignInFailed, match="client_info is about somebody else"):
        sign_in("bob", "demo")
    assert nbauth.accounts() == []


def test_client_info_at_a_renewal(demo: DemoServer, sign_in: Callable[..., Any]) -> None:
    """A renewal whose `client_info` is another one's ends the sign-in, with an ID token and without."""
    for with_id_token in (True, False):
        sign_in("alice", "demo")
        demo.provider.settings.id_token_at_refresh = with_id_token
        demo.provider.settings.client_info = {"uid": "somebody", "utid": "elsewhere"}
        with pytest.raises(SignInRequired, match="its client_info is somebody else's"):
            _renewed(_credential("demo"))
        demo.provider.settings.client_info = None
        assert nbauth.accounts() == []


def _claims(token: str) -> dict[str, Any]:
    claims: dict[str, Any] = jwt.decode(token, options={"verify_signature": False})
    return claims


def test_on_behalf_of_somebody_else(demo: DemoServer, sign_in: Callable[..., Any], apart: Any) -> None:
    """An application that acts for Alice takes no token whose ID token is Bob's, at the login and later."""
    sign_in("alice", "demo")
    (apart / "secret").write_text(demo.middle_tier_secret)
    assertion = _credential("demo").token(_credential("demo").profile.login_scopes)
    _profile(
        demo,
        "middle",
        client_id=demo.middle_tier_client_id,
        authority=demo.authority,
        client_secret={"file": str(apart / "secret")},
        user_assertion=lambda: assertion,
        apis={demo.api_origin: ["api://nbauth-demo-archive/Archive.Read"]},
    )
    nbauth.login("middle")
    demo.provider.settings.id_token_claims = {"oid": "somebody-else"}
    with pytest.raises(SignInFailed, match="with the token of another one"):
        _renewed(_credential("middle").of(assertion))  # type: ignore[attr-defined]
    with pytest.raises(SignInFailed, match="with the token of another one"):
        nbauth.login("middle")
    assert json.dumps([a.kind for a in nbauth.accounts()]) == '["person", "person"]'


def test_whose_rows_they_are(demo: DemoServer, sign_in: Callable[..., Any], apart: Any) -> None:
    """An interrupted load that an application made for Alice is not gone on with for Bob."""
    (apart / "secret").write_text(demo.middle_tier_secret)
    assertions = []
    for who in ("alice", "bob", "alice"):
        sign_in(who, "demo")
        assertions.append(_credential("demo").token(_credential("demo").profile.login_scopes))
    present: list[str] = []
    _profile(
        demo,
        "middle",
        client_id=demo.middle_tier_client_id,
        authority=demo.authority,
        client_secret={"file": str(apart / "secret")},
        user_assertion=lambda: present[-1],
        apis={"https://middle.example": ["api://nbauth-demo-archive/Archive.Read"]},
    )
    authorizer = KernelAuthorizer("middle")
    rows_of = []
    for assertion in assertions:
        present.append(assertion)
        rows_of.append(authorizer.chain(_ROWS).who(_ROWS))
    assert rows_of[0] == rows_of[2]
    assert rows_of[0] != rows_of[1]


def test_an_ended_sign_in_is_told_anew(demo: DemoServer, sign_in: Callable[..., Any]) -> None:
    """Whoever asks after a sign-in was ended gets an error of their own, without the frames of others who asked."""
    sign_in("alice", "demo")
    credential = _credential("demo")
    demo.provider.settings.client_info = {"uid": "somebody", "utid": "elsewhere"}
    with pytest.raises(SignInRequired):
        _renewed(credential)
    told = []
    for _ in range(3):
        with pytest.raises(SignInRequired, match="its client_info is somebody else's") as caught:
            credential.token(credential.profile.login_scopes)
        told.append((caught.value, len(caught.traceback)))
    assert len({id(error) for error, _ in told}) == len(told)
    assert len({length for _, length in told}) == 1


def test_by_a_name_beside_the_sign_in_name(lab: nbauth.Profile, sign_in: Callable[..., nbauth.Account]) -> None:
    """`account` takes the address beside the sign-in name: at the sign-in, afterwards, and in a later kernel."""
    claims = {"preferred_username": "bsmith", "email": "bob@fabrikam.com", "email_verified": True}
    account = sign_in("bob", account="bob@fabrikam.com", claims=claims, remember=True)
    assert (account.username, account.other_names) == ("bsmith", ("bob@fabrikam.com",))
    assert _silent(account="Bob@fabrikam.com") == account
    kernel.reset()
    nbauth.add_profile(lab)
    assert _silent(account="bob@fabrikam.com").other_names == ("bob@fabrikam.com",)
    with pytest.raises(SignInCancelled):
        _silent(account="carol@fabrikam.com")


def test_an_address_that_is_another_ones_sign_in_name(
    lab: nbauth.Profile, sign_in: Callable[..., nbauth.Account]
) -> None:
    """A sign-in name goes before the same text as somebody else's address."""
    alice = sign_in("alice", claims={"preferred_username": _ALICE})
    sign_in("bob", claims={"preferred_username": "bsmith", "email": _ALICE})
    assert _silent(account=_ALICE).home_account_id == alice.home_account_id
    assert lab.name == "lab"


def test_the_browser_is_signed_in_as_somebody_else(lab: nbauth.Profile, sign_in: Callable[..., nbauth.Account]) -> None:
    """Where the browser's session goes before the name that was asked for, the error says how to end it."""
    with pytest.raises(SignInFailed) as caught:
        sign_in("alice", account=_BOB, select_account=False)
    assert str(caught.value).endswith(
        f"Sign out at {lab.authority_host} in the browser, or open the sign-in in a private window, then run: "
        f'nbauth.login("lab", account="{_BOB}") (or, to be {_ALICE}: nbauth.login("lab", account="{_ALICE}"))'
    )


@pytest.mark.parametrize(
    ("offered", "prompt"),
    [(["none", "login"], None), (["select_account"], "select_account"), ("select_account", None), (None, None)],
)
def test_the_provider_lets_choose(
    offered: Any, prompt: str | None, demo: DemoServer, person: Callable[..., Any], monkeypatch: pytest.MonkeyPatch
) -> None:
    """Who names an account chooses it on the page, at providers that say that they let choose."""
    profile = _profile(demo, "lab")
    monkeypatch.setattr(redirect, "discover", lambda *_: {**discover(*_), "prompt_values_supported": offered})
    shown: list[str] = []
    asking = person("bob")
    ask = asking.ask_redirect
    monkeypatch.setattr(asking, "ask_redirect", lambda url, **_: (shown.append(url), ask(url)))
    nbauth.login("lab", account=_BOB, flow="paste", prompt=asking, timeout_s=20)
    (query,) = (parse_qs(urlsplit(url).query) for url in shown)
    assert query.get("prompt") == (prompt and [prompt])
    assert query["login_hint"] == [_BOB]
    assert profile.prompt is None
