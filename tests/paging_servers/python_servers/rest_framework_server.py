"""Django REST framework: pages by number, by offset, by cursor, and JSON:API's. It asks for a bearer token."""

from __future__ import annotations

import sys
from typing import Any
from wsgiref.simple_server import WSGIRequestHandler, make_server

import django
from django.conf import settings

settings.configure(
    SECRET_KEY="one run long",
    ALLOWED_HOSTS=["127.0.0.1"],
    ROOT_URLCONF=__name__,
    DATABASES={"default": {"ENGINE": "django.db.backends.sqlite3", "NAME": "file:rows?mode=memory&cache=shared"}},
    INSTALLED_APPS=["django.contrib.contenttypes", "django.contrib.auth", "rest_framework", "rest_framework_json_api"],
)
django.setup()

from django.core.handlers.wsgi import WSGIHandler  # noqa: E402
from django.db import connection, models  # noqa: E402
from django.urls import path  # noqa: E402
from rest_framework import authentication, exceptions, generics, pagination, permissions, serializers  # noqa: E402
from rest_framework_json_api import pagination as json_api_pagination  # noqa: E402
from rest_framework_json_api.renderers import JSONRenderer  # noqa: E402
from sample_rows import SIZES, announce, rows  # noqa: E402


class Row(models.Model):  # noqa: DJ008 - nobody prints one
    """A row of the collection of some size."""

    key = models.AutoField(primary_key=True)
    size = models.IntegerField()
    id = models.IntegerField()
    name = models.TextField()
    amount = models.FloatField(null=True)

    class Meta:
        """What Django asks for."""

        app_label = "rows"


class RowSerializer(serializers.ModelSerializer):
    """A row as JSON."""

    class Meta:
        """What is shown."""

        model = Row
        fields = ("id", "name", "amount")


class Bearer(authentication.BaseAuthentication):
    """Somebody who brings a bearer token."""

    def authenticate(self, request: Any) -> Any:
        """Let in who brings one."""
        if not request.headers.get("Authorization", "").startswith("Bearer ey"):
            raise exceptions.AuthenticationFailed
        return object(), None

    def authenticate_header(self, request: Any) -> str:
        """Ask for one."""
        del request
        return "Bearer"


class ByNumber(pagination.PageNumberPagination):
    """`count`, `next` and `previous` beside `results`."""

    page_size = 10


class ByOffset(pagination.LimitOffsetPagination):
    """The same by offset."""

    default_limit = 10


class ByCursor(pagination.CursorPagination):
    """`next` and `previous` with a cursor in them."""

    page_size = 10
    ordering = "id"


class JsonApi(json_api_pagination.JsonApiPageNumberPagination):
    """JSON:API's `links.next`."""

    page_size = 10


def view_of(paging: type, *renderers: type) -> Any:
    """Return a view with a style of paging."""

    class View(generics.ListAPIView):
        serializer_class = RowSerializer
        pagination_class = paging
        authentication_classes = (Bearer,)
        permission_classes = (permissions.AllowAny,)
        resource_name = "rows"
        if renderers:
            renderer_classes = renderers

        def get_queryset(self) -> Any:
            return Row.objects.filter(size=self.kwargs["size"]).order_by("id")

    return View.as_view()


urlpatterns = [
    path("number/rows<int:size>", view_of(ByNumber)),
    path("offset/rows<int:size>", view_of(ByOffset)),
    path("cursor/rows<int:size>", view_of(ByCursor)),
    path("json-api/rows<int:size>", view_of(JsonApi, JSONRenderer)),
]


class Quiet(WSGIRequestHandler):
    """A handler that logs nothing."""

    def log_message(self, *_: Any) -> None:
        """Log nothing."""


if __name__ == "__main__":
    sys.modules["rest_framework_server"] = sys.modules["__main__"]
    with connection.schema_editor() as editor:
        editor.create_model(Row)
    for size in SIZES:
        Row.objects.bulk_create(Row(size=size, **row) for row in rows(size))
    server = make_server("127.0.0.1", 0, WSGIHandler(), handler_class=Quiet)
    announce(server.socket)
    server.serve_forever()
