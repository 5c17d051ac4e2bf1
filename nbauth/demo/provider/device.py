"""Device codes: where a device asks for one, and where a person types it (RFC 8628)."""

from __future__ import annotations

from typing import TYPE_CHECKING

from nbauth.demo.http.messages import Response
from nbauth.demo.provider.aadsts import Refusal
from nbauth.demo.provider.pages import choose_page, user_code_page

if TYPE_CHECKING:
    from nbauth.demo.http.messages import Request
    from nbauth.demo.provider.context import Context
    from nbauth.demo.provider.realms import Realm

__all__ = ["DeviceEndpoint"]


class DeviceEndpoint:
    """Gives device codes and shows the page for them."""

    def __init__(self, context: Context) -> None:
        self._context = context

    def authorization(self, request: Request, realm: Realm) -> Response:
        """Answer a device authorization request (RFC 8628 §3.1).

        Raises:
            Refusal: unknown client or scope.
        """
        if request.method != "POST":
            raise Refusal(900561, "The endpoint only accepts POST requests.")
        if "client_id" not in request.form:
            raise Refusal(900144, "The request body must contain the following parameter: 'client_id'.")
        client = self._context.registry.client(request.form["client_id"])
        scopes = self._context.registry.scopes(request.form.get("scope", ""))
        code, grant = self._context.grants.add_device(client, realm, scopes)
        address = f"{realm.site.pages}{realm.path('device')}"
        answer: dict[str, object] = {
            "user_code": grant.user_code,
            "device_code": code,
            "verification_uri": address,
            "expires_in": self._context.settings.device_code_s,
            "interval": self._context.settings.interval_s,
        }
        if realm.entra:
            answer["message"] = (
                f"To sign in, use a web browser to open the page {address} and enter the code {grant.user_code} "
                "to authenticate."
            )
        else:
            answer["verification_uri_complete"] = f"{address}?user_code={grant.user_code}"
        return Response.json(answer, headers={"Cache-Control": "no-store"})

    def page(self, request: Request, realm: Realm) -> Response:
        """Show the page for the code, and after it the one that names the client (RFC 8628 §3.3)."""
        action = realm.site.pages_path + realm.path("device")
        if request.method != "POST":
            return user_code_page(action=action, typed=request.query.get("user_code", ""))
        typed = request.form.get("user_code", "")
        try:
            grant = self._context.grants.device_of_user_code(typed)
        except Refusal as refusal:
            return user_code_page(action=action, typed=typed, problem=refusal.headline)
        return choose_page(
            action=realm.site.pages_path + realm.path("login"),
            ticket=self._context.grants.add_ticket(grant),
            client_name=grant.client.name,
            goes_to=f"the device that showed you {grant.user_code}",
            asks_for=[*sorted(grant.scopes.openid), *grant.scopes.full_names()],
            users=self._context.registry.users.values(),
            first=None,
        )
