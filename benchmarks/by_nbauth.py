"""nbauth's own ways, signed in to the provider that comes with it; and the first read of a process."""

import os
import time
from pathlib import Path
from typing import Any

from contenders import Load, Place, target

PERSON_S = 5.0  # from the address to the last button


def signed_in() -> Any:
    """Sign in as a job does, and import what a load would import."""
    import importlib
    import pkgutil

    import nbauth
    import nbauth.data

    for module in pkgutil.walk_packages(nbauth.data.__path__, "nbauth.data."):
        importlib.import_module(module.name)
    for name in ("nbauth.frontend.progress", "nbauth.adapters.fsspec"):
        importlib.import_module(name)
    nbauth.login("job")
    return nbauth


def read(place: Place, **options: object) -> Load:
    module = signed_in()
    return lambda: module.read(place.for_nbauth, **options)


def plain(place: Place, **options: object) -> Load:
    """Without the extra `fast`."""
    import sys

    module = signed_in()
    for name, one in list(sys.modules.items()):
        if name.startswith("nbauth.") and hasattr(one, "is_fast"):
            one.is_fast = lambda: False
    return lambda: module.read(place.for_nbauth, **options)


def to_parquet(place: Place) -> Load:
    import pandas as pd

    module = signed_in()

    def load() -> Load:
        path = target("data.parquet")
        module.read(place.url, to=path)
        return lambda: pd.read_parquet(path)

    return load


def first_read_person(place: Place) -> Load:
    """After a person has signed in, who took some seconds."""
    os.environ["NBAUTH_CONFIG"] = os.environ["BENCHMARK_PERSON"]
    import nbauth
    from nbauth.demo.check import PersonPrompt
    from nbauth.demo.person import Person

    class Slow(PersonPrompt):
        def show_address(self, url: str, *, opened: bool) -> None:
            time.sleep(PERSON_S)
            super().show_address(url, opened=opened)

    person = Person("alice", ca_file=Path(os.environ["BENCHMARK_CA"]))
    nbauth.login("person", flow="loopback", timeout_s=60, prompt=Slow(person, "alice"))
    return lambda: nbauth.read(place.url)


def first_read_unattended(place: Place) -> Load:
    """Sign-in of a job and read."""
    import nbauth

    def load() -> Any:
        nbauth.login("job")
        return nbauth.read(place.url)

    return load


def first_read_msal(place: Place) -> Load:
    """Sign-in of a job by MSAL, and a read by requests and pandas."""

    def load() -> Any:
        import msal
        import pandas as pd
        import requests

        application = msal.ConfidentialClientApplication(
            os.environ["BENCHMARK_CLIENT"],
            client_credential=os.environ["BENCHMARK_SECRET"],
            authority=os.environ["BENCHMARK_AUTHORITY"],
            instance_discovery=False,
            verify=os.environ["BENCHMARK_CA"],
        )
        token = application.acquire_token_for_client([os.environ["BENCHMARK_SCOPE"]])["access_token"]
        headers = {"Authorization": f"Bearer {token}"}
        return pd.DataFrame(requests.get(place.url, headers=headers).json()["value"])

    return load
