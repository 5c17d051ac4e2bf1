"""Django OAuth Toolkit on loopback, with its own pages: the suite starts it, tells it what to do, and ends it.

``python server.py DIRECTORY``: the directory holds ``server.pem`` (key and certificate) and gets the database; the
first line printed is the origin. What the suite tells it comes under ``/suite/``; it ends with its
input.
"""

from __future__ import annotations

import json
import os
import socketserver
import ssl
import sys
import threading
from pathlib import Path
from wsgiref.simple_server import ServerHandler, WSGIRequestHandler, WSGIServer

import django
from cryptography.hazmat.primitives import serialization
from cryptography.hazmat.primitives.asymmetric import rsa
from django.conf import settings

DIRECTORY = Path(sys.argv[1])
LOGIN_PAGE = '<form method="post">{% csrf_token %}{{ form.as_p }}<button type="submit">Log in</button></form>'
SECRET = "the-secret-of-the-job"
seen: list[str] = []
life_s = {"access_token": 3600}


def _new_key() -> str:
    key = rsa.generate_private_key(public_exponent=65537, key_size=2048)
    form = serialization.PrivateFormat.PKCS8
    return key.private_bytes(serialization.Encoding.PEM, form, serialization.NoEncryption()).decode()


settings.configure(
    SECRET_KEY="one run long",
    ALLOWED_HOSTS=["localhost"],
    ROOT_URLCONF="server",
    USE_TZ=True,
    LOGIN_URL="/login/",
    DEFAULT_AUTO_FIELD="django.db.models.BigAutoField",
    DATABASES={"default": {"ENGINE": "django.db.backends.sqlite3", "NAME": DIRECTORY / "db.sqlite3"}},
    INSTALLED_APPS=[
        "django.contrib.auth",
        "django.contrib.contenttypes",
        "django.contrib.sessions",
        "django.contrib.messages",
        "oauth2_provider",
        "rest_framework",
    ],
    MIDDLEWARE=[
        "django.contrib.sessions.middleware.SessionMiddleware",
        "django.middleware.csrf.CsrfViewMiddleware",
        "django.contrib.auth.middleware.AuthenticationMiddleware",
        "django.contrib.messages.middleware.MessageMiddleware",
    ],
    PASSWORD_HASHERS=["django.contrib.auth.hashers.MD5PasswordHasher"],  # quick; nobody's real password
    TEMPLATES=[
        {
            "BACKEND": "django.template.backends.django.DjangoTemplates",
            "OPTIONS": {
                "context_processors": [
                    "django.template.context_processors.request",
                    "django.contrib.auth.context_processors.auth",
                ],
                "loaders": [
                    ("django.template.loaders.locmem.Loader", {"registration/login.html": LOGIN_PAGE}),
                    "django.template.loaders.app_directories.Loader",
                ],
            },
        }
    ],
    OAUTH2_PROVIDER={
        "OIDC_ENABLED": True,
        "OIDC_RSA_PRIVATE_KEY": _new_key(),
        "OIDC_RP_INITIATED_LOGOUT_ENABLED": True,
        "PKCE_REQUIRED": True,
        "ROTATE_REFRESH_TOKEN": True,
        "REFRESH_TOKEN_REUSE_PROTECTION": True,  # a second use of a refresh token revokes its family
        "EXTRA_SERVER_KWARGS": {"token_expires_in": lambda _request: life_s["access_token"]},
        "OAUTH2_VALIDATOR_CLASS": "server.Validator",
        "SCOPES": {
            "openid": "OpenID Connect",
            "profile": "Your name",
            "offline_access": "Stay signed in",
            "data.read": "Read the data",
            "data.write": "Write the data",
        },
        "DEFAULT_SCOPES": ["data.read"],
    },
    REST_FRAMEWORK={
        "DEFAULT_AUTHENTICATION_CLASSES": ["oauth2_provider.contrib.rest_framework.OAuth2Authentication"],
        "DEFAULT_PERMISSION_CLASSES": ["oauth2_provider.contrib.rest_framework.TokenHasScope"],
    },
)
sys.modules["server"] = sys.modules[__name__]
django.setup()

from django.contrib.auth import get_user_model  # noqa: E402 - only after setup
from django.contrib.auth.views import LoginView  # noqa: E402
from django.core.management import call_command  # noqa: E402
from django.core.wsgi import get_wsgi_application  # noqa: E402
from django.http import JsonResponse  # noqa: E402
from django.urls import include, path  # noqa: E402
from django.utils import timezone  # noqa: E402
from oauth2_provider.models import get_access_token_model, get_application_model  # noqa: E402
from oauth2_provider.oauth2_validators import OAuth2Validator  # noqa: E402
from oauth2_provider.settings import oauth2_settings  # noqa: E402
from rest_framework.generics import GenericAPIView  # noqa: E402
from rest_framework.pagination import PageNumberPagination  # noqa: E402
from rest_framework.response import Response  # noqa: E402
from rest_framework.views import APIView  # noqa: E402


class Validator(OAuth2Validator):
    """Who somebody is, as the package's documentation recommends to add it."""

    names_in_id_token = True

    def get_additional_claims(self, request):
        if not self.names_in_id_token:
            return {}
        user = request.user
        return {"preferred_username": user.email, "name": user.get_full_name()}


class Me(APIView):
    """Who asks."""

    required_scopes = ("data.read",)

    def get(self, request):
        token = request.auth
        return Response({"who": token.user.username if token.user else token.application.client_id})


class Pages(PageNumberPagination):
    """A list, and the next page in the `Link` header."""

    page_size = 3

    def get_paginated_response(self, data):
        following = self.get_next_link()
        return Response(data, headers={"Link": f'<{following}>; rel="next"'} if following else {})


class Cities(GenericAPIView):
    """A protected collection."""

    pagination_class = Pages
    required_scopes = ("data.read",)

    def get(self, _request):
        rows = [{"id": n, "city": ("Lima", "Oslo", "Pune")[n % 3]} for n in range(6)]
        return self.get_paginated_response(self.paginate_queryset(rows))


def told(request, what):
    """Do what the suite tells."""
    if what == "requests":
        there = list(seen)
        seen.clear()
        return JsonResponse({"requests": there})
    if what == "set":
        for name, value in json.loads(request.GET["settings"]).items():
            if name == "access_token_s":
                life_s["access_token"] = value
            else:
                setattr(Validator, name, value)
    if what == "forget":
        # Deleting it would end its refresh token, too.
        get_access_token_model().objects.filter(token=request.GET["token"]).update(expires=timezone.now())
    if what == "register":
        get_application_model().objects.filter(client_id="one-port").update(redirect_uris=request.GET["uri"])
    if what == "rotate":
        # As the package's documentation has it: the old key stays published while its tokens live.
        oauth2_settings.OIDC_RSA_PRIVATE_KEYS_INACTIVE = [oauth2_settings.OIDC_RSA_PRIVATE_KEY]
        oauth2_settings.OIDC_RSA_PRIVATE_KEY = _new_key()
    return JsonResponse({})


urlpatterns = [
    path("o/", include("oauth2_provider.urls", namespace="oauth2_provider")),
    path("login/", LoginView.as_view()),
    path("api/me", Me.as_view()),
    path("api/cities", Cities.as_view()),
    path("suite/<str:what>", told),
]


def populate() -> None:
    """Make the tables, two people and the applications."""
    call_command("migrate", verbosity=0)
    for name in ("alice", "bob"):
        get_user_model().objects.create_user(
            name, f"{name}@example.org", f"{name}'s password", first_name=name.title(), last_name="Example"
        )
    application = get_application_model()
    notebook = {
        "client_type": application.CLIENT_PUBLIC,
        "authorization_grant_type": application.GRANT_AUTHORIZATION_CODE,
        "algorithm": application.RS256_ALGORITHM,
    }
    application.objects.create(name="Notebook", client_id="notebook", redirect_uris="http://127.0.0.1", **notebook)
    application.objects.create(
        name="Notebook with one port", client_id="one-port", redirect_uris="http://localhost:PORT/", **notebook
    )
    application.objects.create(
        name="Job",
        client_id="job",
        client_secret=SECRET,
        client_type=application.CLIENT_CONFIDENTIAL,
        authorization_grant_type=application.GRANT_CLIENT_CREDENTIALS,
    )


class _Server(socketserver.ThreadingMixIn, WSGIServer):
    daemon_threads = True
    request_queue_size = 64


class _Handler(WSGIRequestHandler):
    def log_message(self, *_):
        """Keep what was asked, for the suite."""
        if not self.path.startswith("/suite/"):
            seen.append(f"{self.command} {self.path.partition('?')[0]}")

    def handle(self):
        self.server.base_environ["HTTPS"] = "on"
        ServerHandler.http_version = "1.1"
        super().handle()


def _end_with_input() -> None:
    sys.stdin.read()
    os._exit(0)


def main() -> None:
    """Serve until the input is closed."""
    populate()
    server = _Server(("127.0.0.1", 0), _Handler)
    server.set_app(get_wsgi_application())
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(DIRECTORY / "server.pem")
    # The handshake is made by the thread of the request: somebody who only connects holds nobody up.
    server.socket = context.wrap_socket(server.socket, server_side=True, do_handshake_on_connect=False)
    threading.Thread(target=_end_with_input, daemon=True).start()
    print(f"https://localhost:{server.server_port}", flush=True)
    server.serve_forever()


if __name__ == "__main__":
    main()
