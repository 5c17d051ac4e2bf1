"""Discovery documents, keys, instance discovery and user realms."""

from __future__ import annotations

import http.client
import json
import socket
import ssl
from typing import TYPE_CHECKING

import pytest
from demo_client import claims_of

from nbauth.demo import DemoServer, Person

if TYPE_CHECKING:
    from demo_client import Client


def test_the_tenants_document(demo: DemoServer, client: Client):
    """Programs are sent to https, people to plain http on this machine."""
    document = client.configuration
    assert f"{demo.authority}/v2.0" == document["issuer"]
    for name in ("token_endpoint", "device_authorization_endpoint", "jwks_uri"):
        assert document[name].startswith(f"{demo.provider.origin}/")
    for name in ("authorization_endpoint", "end_session_endpoint"):
        assert document[name].startswith("http://localhost:")
    assert document["code_challenge_methods_supported"] == ["S256"]


@pytest.mark.parametrize(
    ("tenant", "issuer_tenant", "endpoint_tenant"),
    [
        ("contoso.example", "11111111-2222-4333-8444-555555555555", "11111111-2222-4333-8444-555555555555"),
        ("common", "{tenantid}", "common"),
        ("organizations", "{tenantid}", "organizations"),
        ("consumers", "9188040d-6c67-4c5b-b112-36a304b66dad", "consumers"),
    ],
)
def test_other_tenants_documents(
    demo: DemoServer, client: Client, tenant: str, issuer_tenant: str, endpoint_tenant: str
):
    """Each name of a tenant has Entra's document: a domain's names the tenant's id, an audience's a template."""
    origin = demo.provider.origin
    document = client.send(f"{origin}/{tenant}/v2.0/.well-known/openid-configuration").json
    assert f"{origin}/{issuer_tenant}/v2.0" == document["issuer"]
    assert f"{origin}/{endpoint_tenant}/oauth2/v2.0/token" == document["token_endpoint"]


def test_an_unknown_tenant(demo: DemoServer, client: Client):
    """A tenant that does not exist is AADSTS90002; another path is not found."""
    answer = client.send(f"{demo.provider.origin}/fabrikam.example/v2.0/.well-known/openid-configuration")
    assert (answer.status, answer.json["error"], answer.aadsts) == (400, "invalid_tenant", 90002)
    assert client.send(f"{demo.provider.origin}/robots.txt").status == 404


def test_the_plain_realm(demo: DemoServer, client: Client):
    """The other OpenID provider has its own issuer and paths, and tokens without Entra's claims."""
    document = client.send(f"{demo.oidc_authority}/.well-known/openid-configuration").json
    assert demo.oidc_authority == document["issuer"]
    assert f"{demo.oidc_authority}/token" == document["token_endpoint"]
    response = client.sign_in()
    url = client.authorize_url(verifier=response["code_verifier"])
    query = url.partition("?")[2]
    address = Person("bob").address_after(f"{document['authorization_endpoint']}?{query}")
    code = address.partition("code=")[2].partition("&")[0]
    answer = client.send(
        document["token_endpoint"],
        form={
            "grant_type": "authorization_code",
            "client_id": demo.client_id,
            "code": code,
            "redirect_uri": "http://localhost:51234",
            "code_verifier": response["code_verifier"],
        },
    ).json
    claims = claims_of(answer["id_token"])
    assert demo.oidc_authority == claims["iss"]
    assert {"tid", "oid", "ver"}.isdisjoint(claims)
    assert "client_info" not in answer
    assert "openid" in answer["scope"].split()
    assert client.api("/me", answer["access_token"]).status == 200


def test_instance_discovery(demo: DemoServer, client: Client):
    """The provider's own host is known and has aliases; another is `invalid_instance`."""
    base = f"{demo.provider.origin}/common/discovery/instance?api-version=1.1&authorization_endpoint="
    document = client.send(f"{base}{demo.authority}/oauth2/v2.0/authorize").json
    assert f"{demo.authority}/v2.0/.well-known/openid-configuration" == document["tenant_discovery_endpoint"]
    assert "localhost" in document["metadata"][0]["aliases"]
    other = client.send(f"{base}https://login.example/common/oauth2/v2.0/authorize")
    assert (other.status, other.json["error"]) == (400, "invalid_instance")


def test_user_realms(demo: DemoServer, client: Client):
    """People of the tenant's domain are managed here; others are unknown."""
    base = f"{demo.provider.origin}/common/userrealm"
    assert client.send(f"{base}/alice@contoso.example?api-version=1.0").json["account_type"] == "Managed"
    assert client.send(f"{base}/eve@elsewhere.example?api-version=1.0").json["account_type"] == "Unknown"


def test_keys_can_be_forgotten(demo: DemoServer, client: Client):
    """Old keys stay published until they are forgotten, and then their tokens no longer count."""
    token = client.tokens()["access_token"]
    new = demo.provider.rotate_signing_key()
    assert new in {key["kid"] for key in client.send(client.configuration["jwks_uri"]).json["keys"]}
    assert client.api("/me", token).status == 200
    newest = demo.provider.rotate_signing_key(forget_old=True)
    assert [newest] == [key["kid"] for key in client.send(client.configuration["jwks_uri"]).json["keys"]]
    assert client.api("/me", token).status == 401


def test_places_beside_entra(demo: DemoServer, client: Client):
    """B2C, AD FS, a second realm and a root issuer have documents of their own form, and keys where those say."""
    origin, tenant_id = demo.provider.origin, demo.provider.tenant_id
    for path, issuer, has_codes in (
        ("contoso.example/b2c_1_signin/v2.0", f"{origin}/{tenant_id}/v2.0/", False),
        ("adfs", f"{origin}/adfs", True),
        ("realms/other", f"{origin}/realms/other", True),
        ("", origin, True),
    ):
        place = f"{origin}/{path}".rstrip("/")
        document = client.send(f"{place}/.well-known/openid-configuration").json
        assert issuer == document["issuer"]
        assert has_codes == ("device_authorization_endpoint" in document)
        assert all("issuer" not in key for key in client.send(document["jwks_uri"]).json["keys"])
    entra = client.send(client.configuration["jwks_uri"]).json["keys"]
    assert {f"{origin}/{{tenantid}}/v2.0"} == {key["issuer"] for key in entra}


def test_pinned_hosts():
    """A host that it is told to answer for has documents and a certificate of its own; a cloud names one issuer."""
    hosts = ("login.microsoftonline.com", "login.windows.net", "contoso.ciamlogin.com")
    with DemoServer(rows=1, hosts=hosts) as demo:
        context = ssl.create_default_context(cafile=demo.ca_file)
        tenant_id = demo.provider.tenant_id
        for host, issuer in (
            (hosts[0], f"https://{hosts[0]}/{tenant_id}/v2.0"),
            (hosts[1], f"https://{hosts[0]}/{tenant_id}/v2.0"),
            (hosts[2], f"https://{tenant_id}.ciamlogin.com/{tenant_id}/v2.0"),
        ):
            port = int(demo.provider.origin.rpartition(":")[2])
            with (
                socket.create_connection(("127.0.0.1", port), 10) as plain,
                context.wrap_socket(plain, server_hostname=host) as tls,
            ):
                connection = http.client.HTTPConnection(host)
                connection.sock = tls
                connection.request("GET", f"/{tenant_id}/v2.0/.well-known/openid-configuration")
                document = json.loads(connection.getresponse().read())
            assert issuer == document["issuer"]
            assert document["authorization_endpoint"].startswith(f"https://{host}/{tenant_id}/")
            assert issuer in demo.provider.issuers
