"""A JupyterHub whose people sign in at the demo provider, by oauthenticator. It has no proxy: a test asks it itself."""

import json
import os
import sys
from pathlib import Path

from jupyterhub.proxy import Proxy

told = json.loads(os.environ["TOLD"])
c = get_config()  # noqa: F821 - JupyterHub's


class NoProxy(Proxy):
    """Remembers routes and serves none."""

    should_start = False
    routes: dict = {}  # noqa: RUF012 - one for the hub

    async def add_route(self, routespec, target, data):
        """Remember one."""
        self.routes[routespec] = {"routespec": routespec, "target": target, "data": data}

    async def delete_route(self, routespec):
        """Forget one."""
        self.routes.pop(routespec, None)

    async def get_all_routes(self):
        """Return all."""
        return self.routes


c.JupyterHub.proxy_class = NoProxy
c.JupyterHub.bind_url = f"http://127.0.0.1:{told['unused_port']}"
c.JupyterHub.hub_bind_url = f"http://127.0.0.1:{told['port']}"
c.JupyterHub.db_url = "sqlite:///hub.sqlite"
c.JupyterHub.services = [{"name": "test", "api_token": told["api_token"]}]

c.JupyterHub.authenticator_class = "generic-oauth"
c.GenericOAuthenticator.client_id = told["client_id"]
c.GenericOAuthenticator.client_secret = told["client_secret"]
c.GenericOAuthenticator.authorize_url = told["authorization_endpoint"]
c.GenericOAuthenticator.token_url = told["token_endpoint"]
c.GenericOAuthenticator.userdata_url = told["userdata_url"]
c.GenericOAuthenticator.oauth_callback_url = f"http://127.0.0.1:{told['port']}/hub/oauth_callback"
c.GenericOAuthenticator.scope = told["scopes"]
c.GenericOAuthenticator.username_claim = lambda info: info["userPrincipalName"].partition("@")[0]
c.GenericOAuthenticator.http_request_kwargs = {"ca_certs": told["ca_file"]}
c.GenericOAuthenticator.allow_all = True

# What docs/already-signed-in.md asks an administrator for.
c.Authenticator.enable_auth_state = True
c.Authenticator.auth_refresh_age = 1
c.JupyterHub.load_roles = [
    {"name": "user", "scopes": ["self", "admin:auth_state!user"]},
    {"name": "server", "scopes": ["users:activity!user", "access:servers!server", "admin:auth_state!user"]},
    {"name": "test", "scopes": ["admin:servers", "admin:users"], "services": ["test"]},
]
AS_EVER = ["users:activity!user", "access:servers!server"]
# Bob's server is as on a hub where that was not done.
c.Spawner.server_token_scopes = lambda spawner: (
    AS_EVER if spawner.user.name == "bob" else [*AS_EVER, "admin:auth_state!user"]
)

c.JupyterHub.spawner_class = "simple"
c.SimpleLocalProcessSpawner.home_dir_template = str(Path.cwd() / "{username}")
c.Spawner.cmd = [sys.executable, str(Path(__file__).parent / "single_user_server.py")]
c.Spawner.start_timeout = 60
