"""MLflow with the kernel's sign-in: its plug-in ``nbauth``, which ``MLFLOW_TRACKING_AUTH=nbauth`` chooses."""

from __future__ import annotations

from typing import TYPE_CHECKING

from nbauth.process.shielded import load

if TYPE_CHECKING:
    from requests.auth import AuthBase

__all__ = ["RequestAuthProvider"]


class RequestAuthProvider:
    """What MLflow finds by the entry point ``mlflow.request_auth_provider``, with the methods of its own class.

    MLflow makes it whenever it is imported, whoever signs in by it or not. So it derives from nothing of MLflow's, and
    loads nothing before it is asked.
    """

    def get_name(self) -> str:
        """Return what ``MLFLOW_TRACKING_AUTH`` says."""
        return "nbauth"

    def get_auth(self) -> AuthBase:
        """Return what signs one request, as `nbauth.auth` does: the tracking server's URL decides."""
        load("nbauth.adapters.http")
        from nbauth.adapters.http import auth

        return auth()
