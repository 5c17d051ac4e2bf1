"""OpenID providers that nobody here wrote: installed beside nbauth's environment, started, told, and ended."""

from __future__ import annotations

import json
import subprocess
import tempfile
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Any

import requests
from installed_programs import node_packages, python_environment
from openid_visitor import Visitor

from nbauth.demo.certificates import make_server_tls

if TYPE_CHECKING:
    from collections.abc import Iterator

    from nbauth.demo.server import DemoServer

HERE = Path(__file__).parent
_DOCS = HERE.parent.parent / "docs" / "providers.md"
SECRET = "the-secret-of-the-job"
_END_S = 10


@dataclass
class OpenIdServer:
    """A provider with a protected API, and what the contract has to know of it.

    Attributes:
        name: its name, as docs/providers.md has it.
        origin: where it answers.
        issuer: its issuer.
        ca_file: the authority that its certificate is from.
        redirect_uri: what is registered there for the client `notebook`, where it is not `http://localhost`.
        prompt: what the profile has to ask for.
        scopes, job_scopes: what the API asks of a person's token, and of an application's.
        further_scope: what else there is.
        refresh_widens: whether a refresh may ask for scopes that the sign-in did not (RFC 6749 §6 forbids it).
        usernames: the sign-in names of Alice and Bob.
        options: further keys of a person's profile.
        subjects: what its API calls them, where that is not `alice` and `bob`.
        api_origin: where the API answers.
        client_id, job_client_id: the registered clients.
        cities: how many rows its collection has.
    """

    name: str
    origin: str
    issuer: str
    ca_file: Path
    redirect_uri: str | None = None
    prompt: str | None = None
    scopes: tuple[str, ...] = ("data.read",)
    job_scopes: tuple[str, ...] = ("data.read",)
    further_scope: str = "data.write"
    refresh_widens: bool = False
    usernames: dict[str, str] = field(default_factory=lambda: {n: f"{n}@example.org" for n in ("alice", "bob")})
    options: dict[str, Any] = field(default_factory=dict)
    subjects: dict[str, str] = field(default_factory=dict)
    api_origin: str = ""
    client_id: str = "notebook"
    job_client_id: str = "job"
    secret: str = field(default=SECRET, repr=False)
    cities: int = 6

    def __post_init__(self) -> None:
        self.api_origin = self.api_origin or self.origin
        self._session = requests.Session()
        self._session.trust_env = False
        self._session.verify = str(self.ca_file)

    @property
    def cities_url(self) -> str:
        """A protected collection in pages."""
        return f"{self.api_origin}/api/cities"

    def configuration(self) -> str:
        """Return what docs/providers.md says for this server, with the server's own addresses."""
        section = _DOCS.read_text().partition(f"\n## {self.name}\n")[2].partition("\n## ")[0]
        text = section.partition("```toml\n")[2].partition("```")[0]
        assert text, f"docs/providers.md has no nbauth.toml for {self.name}"
        for example, address in (("login", self.origin), ("data", self.api_origin)):
            text = text.replace(f"https://{example}.example.org", address)
        return text.replace('"ca.pem"', json.dumps(str(self.ca_file)))

    def called(self, name: str) -> str:
        """Return what the API calls Alice or Bob."""
        return self.subjects.get(name, name)

    def visitor(self) -> Visitor:
        """Return somebody with a fresh browser."""
        return Visitor(self.ca_file)

    def discovery(self) -> dict[str, Any]:
        """Return the discovery document."""
        return self.fetch(f"{self.issuer}/.well-known/openid-configuration").json()

    def fetch(self, url: str, **options: Any) -> requests.Response:
        """Send a request as somebody else than nbauth."""
        return self._session.request("POST" if "data" in options else "GET", url, timeout=30, **options)

    def who(self, session: requests.Session) -> str:
        """Ask the API who asks."""
        answer = session.get(f"{self.api_origin}/api/me")
        answer.raise_for_status()
        return answer.json()["who"]

    def set(self, **settings: Any) -> None:
        """Change settings: `access_token_s`, `names_in_id_token`."""
        self._tell("set", settings=json.dumps(settings))

    def rotate_keys(self) -> None:
        """Sign with a new key from now on."""
        self._tell("rotate")

    def forget(self, access_token: str) -> None:
        """Take an access token no longer."""
        self._tell("forget", token=access_token)

    def token_requests(self) -> int:
        """Return how often the token endpoint was asked since the last call."""
        path = self.discovery()["token_endpoint"].removeprefix(self.origin)
        return self._tell("requests")["requests"].count(f"POST {path}")

    def reset(self) -> None:
        """Undo what a test set."""
        self.set(access_token_s=3600, names_in_id_token=True)
        self.token_requests()

    def register(self, redirect_uri: str) -> None:
        """Register the redirect URI of the client `one-port`; Django OAuth Toolkit only."""
        self._tell("register", uri=redirect_uri)

    def _tell(self, what: str, **how: str) -> dict[str, Any]:
        answer = self.fetch(f"{self.origin}/suite/{what}", params=how)
        answer.raise_for_status()
        return answer.json()


class DemoUnderContract(OpenIdServer):
    """nbauth's own demo, so that it is held to what the others are."""

    def __init__(self, demo: DemoServer) -> None:
        self.demo = demo
        super().__init__(
            name="demo",
            origin=demo.oidc_authority.removesuffix("/realms/lab"),
            issuer=demo.oidc_authority,
            ca_file=demo.ca_file,
            scopes=("api://nbauth-demo/Data.Read", "api://nbauth-demo/Profile.Read"),
            job_scopes=("api://nbauth-demo/.default",),
            further_scope="api://nbauth-demo-archive/Archive.Read",
            refresh_widens=True,  # as Entra does
            usernames={name: f"{name}@contoso.example" for name in ("alice", "bob")},
            api_origin=demo.api_origin,
            client_id=demo.client_id,
            job_client_id=demo.confidential_client_id,
            secret=demo.client_secret,
            cities=demo.rows,
        )

    @property
    def cities_url(self) -> str:
        """The demo's collection."""
        return f"{self.demo.api_url}/sunlight"

    def configuration(self) -> str:
        """Return what the demo's own file says, for its plain realm."""
        text = self.demo.config_path.read_text().replace('"ca.pem"', json.dumps(str(self.ca_file)))
        text = text.replace(f'authority = "{self.demo.authority}"', f'oidc_authority = "{self.issuer}"')
        return text.replace("profiles.demo", "profiles.lab").replace('default = "demo"', 'default = "lab"')

    def who(self, session: requests.Session) -> str:
        """Ask the demo's API; it knows people only, and lets applications read."""
        answer = session.get(f"{self.demo.api_url}/me")
        if answer.status_code == 403:
            session.get(self.cities_url).raise_for_status()
            return self.job_client_id
        answer.raise_for_status()
        return answer.json()["userPrincipalName"].partition("@")[0]

    def set(self, **settings: Any) -> None:
        """Change settings; the demo always has names in its ID tokens."""
        self.demo.provider.settings.access_token_s = settings["access_token_s"]

    def rotate_keys(self) -> None:
        """Sign with a new key."""
        self.demo.provider.rotate_signing_key()

    def forget(self, access_token: str) -> None:
        """Refuse the next request, which is the one with this token."""
        del access_token
        self.demo.api.faults.add("*", status=401)

    def token_requests(self) -> int:
        """Count the token endpoint's requests in the log."""
        count = self.demo.provider.requests.count("*/token")
        self.demo.provider.requests.clear()
        return count


@contextmanager
def django_server() -> Iterator[OpenIdServer]:
    """Django OAuth Toolkit."""
    python = python_environment(HERE / "django_provider" / "requirements.txt") / "bin" / "python"
    with _running([str(python), str(HERE / "django_provider" / "server.py")]) as (origin, ca_file):
        yield OpenIdServer(
            name="Django OAuth Toolkit",
            origin=origin,
            issuer=f"{origin}/o",
            ca_file=ca_file,
            redirect_uri="http://127.0.0.1",
        )


@contextmanager
def node_server() -> Iterator[OpenIdServer]:
    """oidc-provider, the certified one for Node.js."""
    node, directory = node_packages(HERE / "node_provider" / "package.json")
    with _running([node, str(directory / "server.js")]) as (origin, ca_file):
        yield OpenIdServer(name="oidc-provider", origin=origin, issuer=origin, ca_file=ca_file, prompt="consent")


@contextmanager
def oauth2_mock_server() -> Iterator[OpenIdServer]:
    """oauth2-mock-server, for Node.js."""
    node, directory = node_packages(HERE / "node_provider" / "package.json")
    with _running([node, str(directory / "oauth2_mock_server.js")]) as (origin, ca_file):
        everybody = {"alice": "johndoe", "bob": "johndoe"}
        yield OpenIdServer(
            name="oauth2-mock-server",
            origin=origin,
            issuer=origin,
            ca_file=ca_file,
            usernames=everybody,
            subjects=everybody,
        )


@contextmanager
def flask_server(program: str, name: str, **options: Any) -> Iterator[OpenIdServer]:
    """One of the providers that are Flask applications."""
    directory = HERE / "flask_providers"
    python = python_environment(directory / "requirements.txt") / "bin" / "python"
    with _running([str(python), str(directory / program)]) as (origin, ca_file):
        yield OpenIdServer(name=name, origin=origin, issuer=origin, ca_file=ca_file, **options)


@contextmanager
def _running(command: list[str]) -> Iterator[tuple[str, Path]]:
    """Run a server until the end of the block; give its origin and the authority to trust."""
    with tempfile.TemporaryDirectory(prefix="nbauth-openid-") as name:
        directory = Path(name)
        tls = make_server_tls(directory)
        complaints = directory / "stderr"
        with (
            complaints.open("w") as stderr,
            subprocess.Popen(
                [*command, name], stdin=subprocess.PIPE, stdout=subprocess.PIPE, stderr=stderr, text=True
            ) as process,
        ):
            try:
                assert process.stdout is not None
                origin = process.stdout.readline().strip()
                assert origin, f"{command[-1]} did not start:\n{complaints.read_text()}"
                yield origin, tls.ca_file
            finally:
                # They end with their input, so that none outlives a suite that was killed, nor a wrapper around it.
                assert process.stdin is not None
                process.stdin.close()
                try:
                    process.wait(_END_S)
                except subprocess.TimeoutExpired:
                    process.kill()
