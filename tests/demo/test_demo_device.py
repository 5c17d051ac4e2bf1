"""Device codes: polling, the page, and how each ends."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest
from demo_client import DEVICE_GRANT, READ, claims_of

from nbauth.demo import Person, PersonStuckError

if TYPE_CHECKING:
    from demo_client import Client

    from nbauth.demo import DemoServer


def ask(client: Client, demo: DemoServer, base: str | None = None, **form: str):
    """Ask for a device code."""
    url = f"{demo.authority}/oauth2/v2.0/devicecode" if base is None else base
    return client.send(url, form={"client_id": demo.client_id, "scope": f"openid offline_access {READ}", **form})


def poll(client: Client, flow: dict[str, str], **form: str):
    """Ask whether somebody has signed in."""
    return client.token(grant_type=DEVICE_GRANT, device_code=flow["device_code"], **form)


def test_somebody_types_the_code(demo: DemoServer, client: Client):
    """Pending until somebody typed the code and said who they are; then tokens, once."""
    flow = ask(client, demo).json
    assert (flow["expires_in"], flow["interval"]) == (900, 5)
    assert flow["verification_uri"].startswith("http://localhost:")
    pending = poll(client, flow)
    assert (pending.status, pending.json["error"], pending.aadsts) == (400, "authorization_pending", 70016)
    typed = flow["user_code"].lower().replace("-", " ")
    assert "You are signed in" in Person("bob").enter_code(flow["verification_uri"], typed)
    tokens = poll(client, flow).json
    assert claims_of(tokens["access_token"])["preferred_username"] == "bob@contoso.example"
    assert {"refresh_token", "id_token"} <= set(tokens)
    assert poll(client, flow).aadsts == 70019


def test_the_page_says_who_asks(demo: DemoServer, client: Client):
    """Before anybody says who they are, they read which application asks and where the code is shown."""
    flow = ask(client, demo).json
    page = client.send(flow["verification_uri"], form={"user_code": flow["user_code"]}).text
    assert "nbauth demo notebook" in page
    assert flow["user_code"] in page


def test_who_cancels_turns_the_device_away(demo: DemoServer, client: Client):
    """Who cancels turns the device away."""
    flow = ask(client, demo).json
    assert "Cancelled" in Person("cancel").enter_code(flow["verification_uri"], flow["user_code"])
    answer = poll(client, flow)
    assert (answer.status, answer.json["error"], answer.aadsts) == (400, "authorization_declined", 65004)


def test_a_wrong_code(demo: DemoServer, client: Client):
    """A code that nobody is waiting with is asked for again, with its number."""
    flow = ask(client, demo).json
    with pytest.raises(PersonStuckError, match="AADSTS70018"):
        Person().enter_code(flow["verification_uri"], "XXXX-XXXX")


def test_a_device_code_ends(demo: DemoServer, client: Client):
    """A device code ends after its time, at the page as well as for the device."""
    demo.provider.settings.device_code_s = 20
    flow = ask(client, demo).json
    demo.provider.clock.advance(21)
    answer = poll(client, flow)
    assert (answer.status, answer.json["error"], answer.aadsts) == (400, "expired_token", 70020)
    with pytest.raises(PersonStuckError, match="AADSTS70018"):
        Person().enter_code(flow["verification_uri"], flow["user_code"])


def test_slow_down(demo: DemoServer, client: Client):
    """Who polls far more often than told is told to slow down; at the interval all is well."""
    flow = ask(client, demo).json
    assert poll(client, flow).json["error"] == "authorization_pending"
    assert poll(client, flow).json["error"] == "slow_down"
    demo.provider.clock.advance(5)
    assert poll(client, flow).json["error"] == "authorization_pending"


def test_a_device_code_belongs_to_its_client(demo: DemoServer, client: Client):
    """Another client cannot use a device code, and a made-up one is unknown."""
    flow = ask(client, demo).json
    Person().enter_code(flow["verification_uri"], flow["user_code"])
    other = demo.provider.register_client()
    assert poll(client, flow, client_id=other.client_id).aadsts == 70019
    assert poll(client, {"device_code": "made-up"}).aadsts == 70019
    assert poll(client, flow).status == 200


def test_bad_requests(demo: DemoServer, client: Client):
    """An unknown client or scope gets no code."""
    assert ask(client, demo, client_id="nobody").aadsts == 700016
    assert ask(client, demo, scope="nothing").aadsts == 70011
    assert client.send(f"{demo.authority}/oauth2/v2.0/devicecode").status == 405


def test_the_plain_realm_speaks_rfc_8628(demo: DemoServer, client: Client):
    """The plain OpenID realm gives a complete address, and the RFC's errors without AADSTS numbers."""
    flow = ask(client, demo, base=f"{demo.oidc_authority}/devicecode").json
    assert flow["verification_uri_complete"].endswith(flow["user_code"])
    Person("cancel").enter_code(flow["verification_uri"], flow["user_code"])
    form = {"grant_type": DEVICE_GRANT, "client_id": demo.client_id, "device_code": flow["device_code"]}
    answer = client.send(f"{demo.oidc_authority}/token", form=form)
    assert answer.json == {
        "error": "access_denied",
        "error_description": "The end user denied the authorization request.",
    }
