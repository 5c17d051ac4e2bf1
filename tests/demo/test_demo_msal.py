"""MSAL itself against the demo: every grant that nbauth uses, with the library that it uses."""

from __future__ import annotations

from typing import TYPE_CHECKING
from urllib.parse import parse_qsl, urlsplit

import msal
import pytest
import requests
from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from demo_client import PROFILE, READ, claims_of

from nbauth.demo import Person

if TYPE_CHECKING:
    from collections.abc import Iterator

    from demo_client import Client

    from nbauth.demo import DemoServer

ARCHIVE = "api://nbauth-demo-archive/Archive.Read"

# MSAL recommends form_post, also where the client cannot receive a POST.
pytestmark = pytest.mark.filterwarnings("ignore:response_mode='form_post' is recommended:UserWarning")


@pytest.fixture
def http(demo: DemoServer) -> Iterator[requests.Session]:
    """A session that trusts the demo, whatever the environment says."""
    with requests.Session() as session:
        session.trust_env = False
        session.verify = str(demo.ca_file)
        yield session


@pytest.fixture
def app(demo: DemoServer, http: requests.Session) -> msal.PublicClientApplication:
    """The public client."""
    return msal.PublicClientApplication(
        demo.client_id, authority=demo.authority, instance_discovery=False, http_client=http
    )


def job(demo: DemoServer, http: requests.Session, credential, **options) -> msal.ConfidentialClientApplication:
    """The confidential client with a credential."""
    return msal.ConfidentialClientApplication(
        demo.confidential_client_id,
        client_credential=credential,
        **{"authority": demo.authority, "instance_discovery": False, "http_client": http, **options},
    )


def sign_in(app, *, choose: str = "alice", scopes: tuple[str, ...] = (READ, PROFILE), **options):
    """Sign somebody in by code."""
    flow = app.initiate_auth_code_flow(list(scopes), redirect_uri="http://localhost:51234", **options)
    parts = urlsplit(Person(choose).address_after(flow["auth_uri"]))
    return app.acquire_token_by_auth_code_flow(flow, dict(parse_qsl(parts.query or parts.fragment)))


@pytest.mark.parametrize("mode", ["query", "fragment", "form_post"])
def test_code_flow(demo: DemoServer, client: Client, app: msal.PublicClientApplication, mode: str):
    """The code flow with PKCE signs Alice in, and her token opens the API."""
    result = sign_in(app, response_mode=mode)
    assert result["id_token_claims"]["preferred_username"] == "alice@contoso.example"
    assert client.api("/me", result["access_token"]).status == 200
    [account] = app.get_accounts()
    assert account["home_account_id"].endswith(demo.provider.tenant_id)


def test_requests_to_the_first_token(demo: DemoServer, app: msal.PublicClientApplication):
    """A first token costs one discovery and one token request; a second, silent one nothing."""
    sign_in(app)
    assert [demo.requests.count("*/openid-configuration"), demo.requests.count("*/token")] == [1, 1]
    before = len(demo.requests)
    assert app.acquire_token_silent([READ, PROFILE], account=app.get_accounts()[0])["access_token"]
    assert before == len(demo.requests)


def test_silent_refresh_rotates(demo: DemoServer, app: msal.PublicClientApplication):
    """MSAL refreshes when the token nears its end, again and again, and follows the rotation."""
    demo.provider.settings.access_token_s = 10
    tokens = {sign_in(app)["access_token"]}
    for _ in range(3):
        tokens.add(app.acquire_token_silent([READ, PROFILE], account=app.get_accounts()[0])["access_token"])
    assert len(tokens) == 4
    assert demo.requests.count("*/token", grant_type="refresh_token", status=200) == 3


def test_reuse_is_noticed(demo: DemoServer, http: requests.Session, app: msal.PublicClientApplication):
    """A stolen refresh token ends the sign-in for the thief and the person alike."""
    stolen = sign_in(app)["refresh_token"]
    assert "access_token" in app.acquire_token_by_refresh_token(stolen, [READ])
    thief = msal.PublicClientApplication(
        demo.client_id, authority=demo.authority, instance_discovery=False, http_client=http
    )
    assert thief.acquire_token_by_refresh_token(stolen, [READ])["error"] == "invalid_grant"
    result = app.acquire_token_silent_with_error([READ, PROFILE], account=app.get_accounts()[0], force_refresh=True)
    assert "AADSTS50173" in result["error_description"]


def test_other_scopes_silently(app: msal.PublicClientApplication):
    """One sign-in serves another API silently."""
    sign_in(app)
    result = app.acquire_token_silent([ARCHIVE], account=app.get_accounts()[0])
    assert claims_of(result["access_token"])["aud"] == "api://nbauth-demo-archive"


def test_device_flow(demo: DemoServer, app: msal.PublicClientApplication):
    """MSAL polls until somebody typed the code."""
    demo.provider.settings.interval_s = 1
    flow = app.initiate_device_flow([READ])
    assert flow["user_code"] in flow["message"]
    Person("bob").enter_code(flow["verification_uri"], flow["user_code"])
    result = app.acquire_token_by_device_flow(flow)
    assert result["id_token_claims"]["preferred_username"] == "bob@contoso.example"


def test_device_flow_declined(demo: DemoServer, app: msal.PublicClientApplication):
    """MSAL hands the refusal over."""
    demo.provider.settings.interval_s = 1
    flow = app.initiate_device_flow([READ])
    Person("cancel").enter_code(flow["verification_uri"], flow["user_code"])
    assert app.acquire_token_by_device_flow(flow)["error"] == "authorization_declined"


def test_a_secret(demo: DemoServer, client: Client, http: requests.Session):
    """A job with a secret reads the data; with a wrong one it is told the number."""
    result = job(demo, http, demo.client_secret).acquire_token_for_client(["api://nbauth-demo/.default"])
    assert client.api("/sunlight?$top=1", result["access_token"]).status == 200
    wrong = job(demo, http, "guess").acquire_token_for_client(["api://nbauth-demo/.default"])
    assert wrong["error_codes"] == [7000215]


@pytest.mark.parametrize("thumbprint", [True, False])
def test_a_certificate(demo: DemoServer, client: Client, http: requests.Session, *, thumbprint: bool):
    """A certificate works both ways: RS256 and x5t where a thumbprint is given, else PS256 and x5t#S256."""
    pem = demo.certificate_path.read_bytes()
    certificate = x509.load_pem_x509_certificate(pem)
    credential = {"private_key": pem.decode()}
    if thumbprint:
        credential["thumbprint"] = certificate.fingerprint(hashes.SHA1()).hex()  # noqa: S303  (x5t is SHA-1)
    else:
        credential["public_certificate"] = certificate.public_bytes(serialization.Encoding.PEM).decode()
    app = job(demo, http, credential)
    # Twice: MSAL sends the same assertion again.
    for scope in ("api://nbauth-demo/.default", "api://nbauth-demo-archive/.default"):
        result = app.acquire_token_for_client([scope])
        assert "access_token" in result, result
    assert demo.requests.count("*/token", grant_type="client_credentials", status=200) == 2


def test_a_confidential_code_flow(demo: DemoServer, http: requests.Session):
    """A confidential client can sign people in too."""
    assert sign_in(job(demo, http, demo.client_secret))["id_token_claims"]["name"] == "Alice Adams"


def test_on_behalf_of(demo: DemoServer, http: requests.Session, app: msal.PublicClientApplication):
    """The API exchanges Alice's token for one of the API behind it."""
    token = sign_in(app)["access_token"]
    api = msal.ConfidentialClientApplication(
        demo.middle_tier_client_id,
        client_credential=demo.middle_tier_secret,
        authority=demo.authority,
        instance_discovery=False,
        http_client=http,
    )
    result = api.acquire_token_on_behalf_of(token, [ARCHIVE])
    assert claims_of(result["access_token"])["scp"] == "Archive.Read"


def test_a_plain_openid_provider(demo: DemoServer, client: Client, http: requests.Session):
    """`oidc_authority` signs in and refreshes at the plain realm."""
    demo.provider.settings.access_token_s = 10
    app = msal.PublicClientApplication(demo.client_id, oidc_authority=demo.oidc_authority, http_client=http)
    result = sign_in(app)
    assert demo.oidc_authority == result["id_token_claims"]["iss"]
    again = app.acquire_token_silent([READ, PROFILE], account=app.get_accounts()[0])
    assert client.api("/me", again["access_token"]).status == 200


@pytest.mark.parametrize("tenant", ["common", "organizations", "contoso.example"])
def test_other_authorities(demo: DemoServer, http: requests.Session, tenant: str):
    """Audiences and the domain work as authorities."""
    authority = f"{demo.provider.origin}/{tenant}"
    app = msal.PublicClientApplication(demo.client_id, authority=authority, instance_discovery=False, http_client=http)
    assert demo.provider.tenant_id == sign_in(app)["id_token_claims"]["tid"]
    assert "access_token" in app.acquire_token_silent(
        [READ, PROFILE], account=app.get_accounts()[0], force_refresh=True
    )


def test_instance_discovery(demo: DemoServer, http: requests.Session):
    """MSAL's instance discovery finds the provider, given its address."""
    app = msal.PublicClientApplication(
        demo.client_id,
        authority=demo.authority,
        instance_discovery=f"{demo.provider.origin}/common/discovery/instance",
        http_client=http,
    )
    assert "access_token" in sign_in(app)
    assert demo.requests.count("/common/discovery/instance") == 1


def test_an_unknown_tenant(demo: DemoServer, http: requests.Session):
    """MSAL says that the tenant does not exist."""
    with pytest.raises(ValueError, match="Unable to get authority configuration"):
        msal.PublicClientApplication(
            demo.client_id,
            authority=f"{demo.provider.origin}/fabrikam.example",
            instance_discovery=False,
            http_client=http,
        )


def test_msal_hands_over_a_cancel(app: msal.PublicClientApplication):
    """MSAL hands over what Cancel said."""
    assert sign_in(app, choose="cancel")["error"] == "access_denied"


def test_a_claims_challenge(app: msal.PublicClientApplication):
    """A claims challenge makes MSAL refresh, and the new token has the claim."""
    sign_in(app)
    wanted = '{"access_token": {"acrs": {"essential": true, "value": "c1"}}}'
    result = app.acquire_token_silent([READ, PROFILE], account=app.get_accounts()[0], claims_challenge=wanted)
    assert claims_of(result["access_token"])["acrs"] == ["c1"]
