"""Provider and API together, with everything a client needs to know in a directory of their own."""

from __future__ import annotations

import json
import shutil
import tempfile
from pathlib import Path
from typing import TYPE_CHECKING, Any, Self
from urllib.parse import urlsplit

from nbauth.demo.api.api import API_IDENTIFIER, Api
from nbauth.demo.certificates import make_client_certificate, make_server_tls, write_private
from nbauth.demo.http.request_log import RequestLog
from nbauth.demo.provider.provider import Provider

if TYPE_CHECKING:
    from collections.abc import Iterable
    from types import TracebackType

__all__ = ["CONFIDENTIAL_CLIENT_ID", "HUB_REDIRECT_URI", "MIDDLE_TIER_CLIENT_ID", "PUBLIC_CLIENT_ID", "DemoServer"]

PUBLIC_CLIENT_ID = "0000aaaa-0000-4000-8000-00000000d001"
CONFIDENTIAL_CLIENT_ID = "0000bbbb-0000-4000-8000-00000000d002"
# The application that the demo API is, so that it can act on behalf of those who call it.
MIDDLE_TIER_CLIENT_ID = "0000cccc-0000-4000-8000-00000000d003"
HUB_REDIRECT_URI = "https://hub.example/hub/user-redirect/lab/extensions/nbauth/static/callback.html"
ARCHIVE_IDENTIFIER = "api://nbauth-demo-archive"


class DemoServer:
    """The demo, as a context manager: it answers from entering to leaving.

    Args:
        port: port of the provider; its pages are on the next one and the API on the one after. 0 for any that are free.
        rows: rows of the API's collection.
        api_tls: serve the API over https, with the same authority.
        hosts: further hosts that the provider answers for, such as ``login.microsoftonline.com``; those who ask have to
            be led here by whoever runs it.

    Attributes:
        provider: the provider, with its settings, faults and clock.
        api: the API.
        rows: rows of the API's collection.
        requests: what both were asked; `provider.requests` and `api.requests` hold each one's part.
        directory: its temporary directory, removed at the end.
        authority: Entra-style authority of the demo tenant.
        oidc_authority: issuer of the plain OpenID realm.
        api_origin: origin of the API.
        api_url: the API's address, with `/v1.0`.
        ca_file: the certificate authority to trust.
        client_id: a public client.
        confidential_client_id: a client with a secret and a certificate.
        client_secret: its secret, made for this run.
        certificate_path: its key and certificate as PEM.
        middle_tier_client_id: the API's own client, for on-behalf-of.
        middle_tier_secret: its secret.
        config_path: a ready `nbauth.toml`.
    """

    def __init__(self, port: int = 0, *, rows: int = 50_000, api_tls: bool = False, hosts: Iterable[str] = ()) -> None:
        self.directory = Path(tempfile.mkdtemp(prefix="nbauth-demo-"))  # 0700 by definition
        try:
            self._build(port, rows=rows, api_tls=api_tls, hosts=tuple(hosts))
        except BaseException:
            shutil.rmtree(self.directory, ignore_errors=True)
            raise

    def _build(self, port: int, *, rows: int, api_tls: bool, hosts: tuple[str, ...]) -> None:
        self.rows = rows
        tls = make_server_tls(self.directory, hosts)
        self.ca_file = tls.ca_file
        self.requests = RequestLog()
        self.provider = Provider(
            tls.context,
            port=port,
            page_port=port + 1 if port else 0,
            requests=RequestLog(also=self.requests),
            hosts=hosts,
        )
        try:
            self.api = Api(
                self.provider,
                rows=rows,
                port=port + 2 if port else 0,
                tls=tls.context if api_tls else None,
                requests=RequestLog(also=self.requests),
            )
        except BaseException:
            self.provider.close()
            raise
        self.authority = self.provider.authority
        self.oidc_authority = self.provider.oidc_authority
        self.api_origin = self.api.origin
        self.api_url = self.api.url
        self._register()
        self.config_path = self.directory / "nbauth.toml"
        self._write_config()

    def _register(self) -> None:
        redirects = ["http://localhost", HUB_REDIRECT_URI]
        self.client_id = PUBLIC_CLIENT_ID
        self.provider.register_client(
            PUBLIC_CLIENT_ID,
            name="nbauth demo notebook",
            redirect_uris=redirects,
            post_logout_redirect_uris=["http://localhost/signed-out"],
        )
        confidential = self.provider.register_client(
            CONFIDENTIAL_CLIENT_ID, name="nbauth demo nightly job", redirect_uris=redirects, confidential=True
        )
        self.confidential_client_id = confidential.client_id
        self.client_secret = next(iter(confidential.secrets))
        write_private(self.directory / "nightly.secret", self.client_secret.encode())
        self.certificate_path = self.directory / "nightly.pem"
        confidential.add_certificate(make_client_certificate(self.certificate_path, "nbauth demo nightly job"))
        middle = self.provider.register_client(MIDDLE_TIER_CLIENT_ID, name="nbauth demo API", confidential=True)
        self.middle_tier_client_id = middle.client_id
        self.middle_tier_secret = next(iter(middle.secrets))
        self.provider.register_resource(
            API_IDENTIFIER,
            scopes=["Data.Read", "Profile.Read"],
            roles=["Data.Read.All"],
            owner=MIDDLE_TIER_CLIENT_ID,
        )
        self.provider.register_resource(ARCHIVE_IDENTIFIER, scopes=["Archive.Read"], roles=["Archive.Read.All"])

    def publish(self, server_url: str) -> None:
        """Be reached through a Jupyter server: its jupyter-server-proxy leads to the pages, its callback page back.

        A kernel that starts from now on finds it so.

        Args:
            server_url: the Jupyter server's address in people's browsers, with a slash at its end.
        """
        callback = f"{server_url}lab/extensions/nbauth/static/callback.html"
        self.provider.publish(f"{server_url}proxy/{self.provider.page_port}")
        self.provider.registry.client(self.client_id).redirect_uris.append(callback)
        hosts = json.dumps([urlsplit(server_url).netloc])
        self._write_config(f"redirect_uri = {json.dumps(callback)}\nendpoint_hosts = {hosts}\n")

    def _write_config(self, of_the_person: str = "") -> None:
        api, authority = json.dumps(self.api_origin), json.dumps(self.authority)
        fresh = self.directory / "nbauth.toml.new"
        fresh.write_text(
            f"""\
default = "demo"

[profiles.demo]                     # a person
client_id = "{self.client_id}"
authority = {authority}
ca_bundle = "ca.pem"                # relative to this file
{of_the_person}
[profiles.demo.apis]
{api} = ["{API_IDENTIFIER}/Data.Read", "{API_IDENTIFIER}/Profile.Read"]

[profiles.nightly]                  # a job: the same API, unattended
client_id = "{self.confidential_client_id}"
authority = {authority}
ca_bundle = "ca.pem"
client_secret = {{ file = "nightly.secret" }}

[profiles.nightly.apis]
{api} = ["{API_IDENTIFIER}/.default"]
""",
            encoding="utf-8",
        )
        fresh.replace(self.config_path)  # a kernel may read it just now

    def describe(self) -> dict[str, Any]:
        """Return what a client needs to know, without a secret; JSON can hold it."""
        return {
            "authority": self.authority,
            "oidc_authority": self.oidc_authority,
            "client_ids": {"public": self.client_id, "confidential": self.confidential_client_id},
            "api_url": self.api_url,
            "ca_file": str(self.ca_file),
            "config": str(self.config_path),
        }

    def reset(self) -> None:
        """Undo what a test turned: faults, settings, clock, demanded claims; and forget the requests."""
        self.provider.faults.clear()
        self.api.faults.clear()
        self.provider.settings.reset()
        self.provider.clock.reset()
        self.api.bearer.demanded = None
        self.api.bearer.skew_s = 0.0
        self.api.gzip = False
        for log in (self.requests, self.provider.requests, self.api.requests):
            log.clear()

    def __enter__(self) -> Self:
        self.provider.start()
        self.api.start()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.close()

    def close(self) -> None:
        """Stop answering and remove the directory; a second call does nothing."""
        self.api.close()
        self.provider.close()
        shutil.rmtree(self.directory, ignore_errors=True)
