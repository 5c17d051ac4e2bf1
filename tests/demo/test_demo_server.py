"""The demo as a whole: its directory, its description, its configuration."""

from __future__ import annotations

import contextlib
import json
import random
import socket
import stat
import tomllib

import pytest
from cryptography import x509
from cryptography.hazmat.primitives import serialization

from nbauth.demo import DemoServer


def mode(path) -> int:
    """Return the permission bits of a file."""
    return stat.S_IMODE(path.stat().st_mode)


def test_the_description_is_json_without_secrets(demo: DemoServer):
    """`describe` says where everything is, and nothing secret."""
    described = json.loads(json.dumps(demo.describe()))
    assert {"authority", "oidc_authority", "client_ids", "api_url", "ca_file", "config"} == set(described)
    assert demo.client_secret not in json.dumps(described)


def test_the_configuration_is_ready(demo: DemoServer):
    """`nbauth.toml` names both profiles, with everything beside it."""
    config = tomllib.loads(demo.config_path.read_text())
    person, job = config["profiles"]["demo"], config["profiles"]["nightly"]
    assert config["default"] == "demo"
    assert demo.authority == person["authority"] == job["authority"]
    assert {demo.api_origin: ["api://nbauth-demo/Data.Read", "api://nbauth-demo/Profile.Read"]} == person["apis"]
    assert {demo.api_origin: ["api://nbauth-demo/.default"]} == job["apis"]
    assert demo.ca_file == demo.config_path.parent / person["ca_bundle"]
    secret = demo.config_path.parent / job["client_secret"]["file"]
    assert demo.client_secret == secret.read_text()


def test_secrets_on_disk_are_the_users_alone(demo: DemoServer):
    """The directory is 0700, and keys and secrets in it are 0600."""
    assert mode(demo.directory) == 0o700
    for name in ("server.pem", "nightly.pem", "nightly.secret"):
        assert mode(demo.directory / name) == 0o600
    assert b"PRIVATE KEY" not in demo.ca_file.read_bytes()


def test_the_certificate_file_has_key_and_certificate(demo: DemoServer):
    """The confidential client's PEM holds a key and the certificate that belongs to it."""
    pem = demo.certificate_path.read_bytes()
    key = serialization.load_pem_private_key(pem, None)
    assert key.public_key() == x509.load_pem_x509_certificate(pem).public_key()


def test_nothing_is_used_again(demo: DemoServer):
    """Another demo has other keys, another authority and another secret, but the same client ids."""
    with DemoServer(rows=1) as other:
        assert demo.ca_file.read_bytes() != other.ca_file.read_bytes()
        assert demo.client_secret != other.client_secret
        assert demo.provider.keys.jwks() != other.provider.keys.jwks()
        assert (demo.client_id, demo.confidential_client_id) == (other.client_id, other.confidential_client_id)


def _three_free_ports() -> int:
    """Return the first of three free ports in a row, below those that the system gives to whoever asks for any."""
    for port in random.sample(range(20_000, 32_000), 100):
        with contextlib.ExitStack() as sockets, contextlib.suppress(OSError):
            for number in range(port, port + 3):
                sockets.enter_context(socket.socket()).bind(("127.0.0.1", number))
            return port
    pytest.fail("no three free ports in a row")


def test_a_chosen_port():
    """With a port the provider, its pages and the API are on it and the next two; a taken one is an error."""
    port = _three_free_ports()
    with DemoServer(port, rows=1) as demo:
        assert f"https://localhost:{port}" == demo.provider.origin
        assert f"http://localhost:{port + 1}" == demo.provider.page_origin
        assert f"http://localhost:{port + 2}/v1.0" == demo.api_url
        with pytest.raises(OSError, match="in use"):
            DemoServer(port, rows=1)


def test_reset_turns_everything_back(demo: DemoServer):
    """`reset` undoes whatever a test turned."""
    demo.provider.settings.access_token_s = 1
    demo.provider.clock.advance(1e6)
    demo.api.bearer.demanded = {}
    demo.reset()
    assert demo.provider.settings.access_token_s == 3600
    assert demo.api.bearer.demanded is None
    assert len(demo.requests) == 0
