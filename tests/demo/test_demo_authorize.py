"""The authorization endpoint and its page."""

from __future__ import annotations

from typing import TYPE_CHECKING
from urllib.parse import parse_qs, parse_qsl, urlsplit

import pytest
from demo_client import READ

from nbauth.demo import Person, PersonStuckError
from nbauth.demo.server import HUB_REDIRECT_URI

if TYPE_CHECKING:
    from demo_client import Client

    from nbauth.demo import DemoServer


def test_choosing_alice_sends_a_code_back(demo: DemoServer, client: Client):
    """Whoever chooses Alice comes back with a code, the state and the issuer, and only those."""
    address = Person("alice").address_after(client.authorize_url())
    response = dict(parse_qsl(urlsplit(address).query))
    assert address.startswith("http://localhost:51234/?")
    assert {"code", "state", "iss"} == set(response)
    assert response["state"] == "the-state"
    assert f"{demo.authority}/v2.0" == response["iss"]


def test_cancel_is_access_denied(client: Client):
    """Cancel comes back as `access_denied` with Entra's number and subcode."""
    response = client.sign_in(choose="cancel")
    assert response["error"] == "access_denied"
    assert response["error_subcode"] == "cancel"
    assert response["error_description"].startswith("AADSTS65004")
    assert response["state"] == "the-state"
    assert "code" not in response


@pytest.mark.parametrize(
    ("parameters", "number"),
    [
        ({"client_id": "99999999-0000-4000-8000-000000000000"}, 700016),
        ({"client_id": None}, 900144),
        ({"redirect_uri": None}, 50011),
        ({"redirect_uri": "http://localhost:51234/other"}, 50011),
        ({"redirect_uri": "https://localhost:51234"}, 50011),
        ({"redirect_uri": "http://127.0.0.1:51234"}, 50011),
        ({"redirect_uri": "http://localhost.evil.example:51234"}, 50011),
        ({"redirect_uri": "http://user@localhost:51234"}, 50011),
        ({"redirect_uri": "http://localhost:51234?x=1"}, 50011),
        ({"redirect_uri": HUB_REDIRECT_URI + "/"}, 50011),
        ({"redirect_uri": HUB_REDIRECT_URI.replace("https", "http")}, 50011),
        ({"redirect_uri": HUB_REDIRECT_URI.replace("hub.example", "hub.example:8443")}, 50011),
    ],
)
def test_an_address_that_is_not_registered_gets_a_page(client: Client, parameters: dict[str, str | None], number: int):
    """An unknown client or redirect URI ends on a page that says so, and is never redirected to."""
    answer = client.send(client.authorize_url(**parameters))
    assert answer.status == 400
    assert "Location" not in answer.headers
    assert f"AADSTS{number}" in answer.text


@pytest.mark.parametrize("uri", ["http://localhost:1", "http://localhost", "http://localhost:60000/", HUB_REDIRECT_URI])
def test_registered_addresses_are_taken(client: Client, uri: str):
    """The port of localhost does not matter; everything else is as registered."""
    assert "code" in client.sign_in(redirect_uri=uri)


@pytest.mark.parametrize(
    ("parameters", "error", "number"),
    [
        ({"code_challenge": None}, "invalid_request", 50147),
        ({"code_challenge_method": "plain"}, "invalid_request", 501491),
        ({"code_challenge_method": None}, "invalid_request", 501491),
        ({"code_challenge": "short"}, "invalid_request", 501491),
        ({"response_type": "token"}, "unsupported_response_type", 700054),
        ({"response_mode": "web_message"}, "invalid_request", 90014),
        ({"prompt": "sing"}, "invalid_request", 90014),
        ({"prompt": "none login"}, "invalid_request", 90014),
        ({"max_age": "soon"}, "invalid_request", 90014),
        ({"request": "ey"}, "request_not_supported", 90014),
        ({"scope": ""}, "invalid_request", 900144),
        ({"scope": "User.Read"}, "invalid_scope", 70011),
        ({"scope": "api://nbauth-demo/Data.Write"}, "invalid_scope", 70011),
        ({"scope": "api://unknown/Data.Read"}, "invalid_resource", 500011),
        ({"scope": f"{READ} api://nbauth-demo-archive/Archive.Read"}, "invalid_request", 28000),
    ],
)
def test_a_bad_request_comes_back_as_an_error(
    client: Client, parameters: dict[str, str | None], error: str, number: int
):
    """A bad request of a good client is sent back to it as a numbered error, without asking anybody."""
    answer = client.send(client.authorize_url(**parameters))
    location = answer.headers["Location"]
    response = dict(parse_qsl(urlsplit(location).query))
    assert answer.status == 303
    assert location.startswith("http://localhost:51234/?")
    assert error == response["error"]
    assert response["error_description"].startswith(f"AADSTS{number}:")
    assert response["state"] == "the-state"


def test_a_repeated_parameter_is_refused(client: Client):
    """A parameter that occurs twice is no request at all (RFC 6749 §3.1)."""
    answer = client.send(client.authorize_url() + "&redirect_uri=http://localhost:1")
    assert answer.status == 400
    assert "Location" not in answer.headers


@pytest.mark.parametrize("mode", ["query", "fragment", "form_post"])
def test_response_modes(client: Client, mode: str):
    """The response comes as asked: in the query, in the fragment, or posted."""
    url = client.authorize_url(response_mode=mode)
    address = Person("bob").address_after(url)
    parts = urlsplit(address)
    assert "code" in dict(parse_qsl(parts.fragment if mode == "fragment" else parts.query))
    assert (mode == "fragment") == bool(parts.fragment)


def test_errors_come_in_the_mode_asked_for(client: Client):
    """An error takes the same way as a code."""
    answer = client.send(client.authorize_url(response_mode="fragment", prompt="none"))
    assert dict(parse_qsl(urlsplit(answer.headers["Location"]).fragment))["error"] == "login_required"


def test_a_browser_signs_in_once(demo: DemoServer, client: Client):
    """The second sign-in of one browser asks nobody; another browser is asked."""
    person = Person("alice")
    client.sign_in(person=person)
    demo.requests.clear()
    assert "code" in client.sign_in(person=person)
    assert demo.requests.count("*/login") == 0
    client.sign_in(person=Person("bob"))
    assert demo.requests.count("*/login") == 1


@pytest.mark.parametrize("prompt", ["select_account", "login", "consent"])
def test_prompts_ask_again(demo: DemoServer, client: Client, prompt: str):
    """A prompt asks although somebody is signed in."""
    person = Person("alice")
    client.sign_in(person=person)
    demo.requests.clear()
    client.sign_in(person=person, prompt=prompt)
    assert demo.requests.count("*/login") == 1


def test_prompt_none(client: Client):
    """`prompt=none` works for whoever is signed in, and is an error for anybody else."""
    person = Person("alice")
    nobody = client.sign_in(person=person, prompt="none")
    assert (nobody["error"], nobody["error_description"].partition(":")[0]) == ("login_required", "AADSTS50058")
    client.sign_in(person=person)
    assert "code" in client.sign_in(person=person, prompt="none")
    other = client.sign_in(person=person, prompt="none", login_hint="bob@contoso.example")
    assert other["error"] == "interaction_required"


def test_login_hint_puts_somebody_first(client: Client):
    """The person who is hinted at stands first and has the focus."""
    page = client.send(client.authorize_url(login_hint="BOB@contoso.example")).text
    assert page.index('value="bob" class=first autofocus') < page.index('value="alice"')


def test_max_age_asks_again(demo: DemoServer, client: Client):
    """A sign-in older than `max_age` asks again, and the ID token says when it was."""
    person = Person("alice")
    client.sign_in(person=person)
    demo.provider.clock.advance(100)
    demo.requests.clear()
    client.sign_in(person=person, max_age="1000")
    assert demo.requests.count("*/login") == 0
    client.sign_in(person=person, max_age="50")
    assert demo.requests.count("*/login") == 1


def test_the_page_escapes_and_allows_nothing(client: Client):
    """What comes from outside is escaped, and the policy lets no script, frame or stranger's form in."""
    answer = client.send(client.authorize_url(client_id="<script>alert(1)</script>"))
    assert "<script>" not in answer.text
    page = client.send(client.authorize_url())
    policy = page.headers["Content-Security-Policy"]
    assert "default-src 'none'" in policy
    assert "frame-ancestors 'none'" in policy
    assert "form-action 'self' http://localhost:51234;" in policy
    assert "script-src" not in policy
    assert page.headers["Cross-Origin-Opener-Policy"] == "same-origin"
    assert page.headers["Cache-Control"] == "no-store"
    assert "anyone may be anyone" in page.text


def test_a_page_is_good_once(demo: DemoServer, client: Client):
    """The form of a page can be posted once, and not without its ticket."""
    url = f"{demo.provider.page_origin}/{demo.provider.tenant_id}/login"
    page = client.send(client.authorize_url()).text
    ticket = page.partition('name="ticket" value="')[2].partition('"')[0]
    assert client.send(url, form={"ticket": ticket, "choice": "alice"}).status == 303
    assert client.send(url, form={"ticket": ticket, "choice": "alice"}).status == 400
    assert client.send(url, form={"ticket": "made-up", "choice": "alice"}).status == 400


def test_session_cookie_is_closed_to_scripts(demo: DemoServer, client: Client):
    """The session cookie is HttpOnly, and named after the port so that two demos do not fight over it."""
    page = client.send(client.authorize_url()).text
    ticket = page.partition('name="ticket" value="')[2].partition('"')[0]
    url = f"{demo.provider.page_origin}/{demo.provider.tenant_id}/login"
    cookie = client.send(url, form={"ticket": ticket, "choice": "alice"}).headers["Set-Cookie"]
    assert "HttpOnly" in cookie
    assert "SameSite=Lax" in cookie
    assert cookie.startswith(f"nbauth_demo_{urlsplit(demo.authority).port}=")


def test_sign_out_ends_the_session(client: Client):
    """After signing out the browser is asked again; the way back is taken only if it is registered."""
    person = Person("alice")
    client.sign_in(person=person)
    logout = client.configuration["end_session_endpoint"]
    assert "You are signed out" in person.open_logout(f"{logout}?post_logout_redirect_uri=https://evil.example/")
    assert client.sign_in(person=person, prompt="none")["error"] == "login_required"
    back = "http://localhost/signed-out"
    assert f"{back}?state=x" == person.open_logout(f"{logout}?post_logout_redirect_uri={back}&state=x")


def test_pages_are_on_both_listeners(demo: DemoServer, client: Client):
    """Pages are served over https too; the token endpoint is not served without it."""
    secure = client.authorize_url().replace(demo.provider.page_origin, demo.provider.origin)
    assert "code=" in Person("alice", ca_file=demo.ca_file).address_after(secure)
    open_token = f"{demo.provider.page_origin}/common/oauth2/v2.0/token"
    assert client.send(open_token, form={"grant_type": "refresh_token"}).status == 403


@pytest.mark.parametrize("tenant", ["common", "organizations", "contoso.example", "consumers"])
def test_other_names_of_tenants(demo: DemoServer, client: Client, tenant: str):
    """The endpoints answer under a domain and under the audiences; the issuer is the person's own tenant's."""
    response = client.sign_in(tenant=tenant)
    personal = "9188040d-6c67-4c5b-b112-36a304b66dad"
    assert (personal if tenant == "consumers" else demo.provider.tenant_id) in response["iss"]
    assert client.redeem(response, tenant=tenant).status == 200


def test_client_info_when_asked(client: Client):
    """`client_info` comes back for those who ask as MSAL does."""
    assert "client_info" in client.sign_in(client_info="1")
    assert "client_info" not in client.sign_in()


def test_people_who_are_stuck_say_why(client: Client):
    """A page that leads nowhere raises what it says."""
    with pytest.raises(PersonStuckError, match="AADSTS700016"):
        Person().open(client.authorize_url(client_id="nobody"))
    with pytest.raises(PersonStuckError, match="offers alice, bob, cancel, not mallory"):
        Person("mallory").open(client.authorize_url())


def test_query_of_the_redirect_uri_is_kept(demo: DemoServer, client: Client):
    """A registered address with a query keeps it."""
    demo.provider.register_client("with-query", redirect_uris=["https://app.example/cb?x=1"])
    url = client.authorize_url(client_id="with-query", redirect_uri="https://app.example/cb?x=1")
    assert parse_qs(urlsplit(Person().address_after(url)).query)["x"] == ["1"]
