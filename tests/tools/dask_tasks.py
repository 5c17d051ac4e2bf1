"""What tests run on a Dask cluster's workers, which import it by name."""

from __future__ import annotations

import time
from typing import TYPE_CHECKING

from distributed import get_worker

import nbauth
from nbauth.adapters import dask_worker as dask_worker_side
from nbauth.net.sealed import Lock, seal

if TYPE_CHECKING:
    import pandas as pd
    from distributed import Worker


def read(url: str, pause_s: float = 0.0, profile: str | None = None) -> int:
    """Wait, read one page, and return how many rows it has."""
    time.sleep(pause_s)
    return len(nbauth.read(url, paging="none", profile=profile))


def read_ids(url: str) -> pd.DataFrame:
    """Read one page's column of ids."""
    return nbauth.read(url, paging="none")[["id"]]


def name_of(dask_worker: Worker) -> str:
    """Return what a worker is called."""
    return dask_worker.name


def ask(profile: str, account: str, scopes: tuple[str, ...], topic: str) -> str:
    """Ask the kernel for whatever token, as code of a task's own can."""
    relay = get_worker().plugins[topic].relay
    return repr(relay.ask(profile, account, scopes, rejected_digest=None, claims=None, life_s=0.0))


def answer_wrongly(topic: str, dask_worker: Worker) -> list[bool]:
    """Send answers to a worker that are not, and at last one that is; tell which it took."""
    relay, asked = dask_worker.plugins[topic].relay, dask_worker_side._Asked(b"{}")
    relay._pending["mine"] = asked
    here, key = dask_worker.address, asked.lock.public_key
    good = dask_worker_side.context_of(topic, here, "mine", b"{}")
    answers = [
        ("other", seal(b"x", key, context=good)),  # no such request
        ("mine", seal(b"x", Lock().public_key, context=good)),  # sealed with another worker's key
        ("mine", seal(b"x", key, context=dask_worker_side.context_of(topic, "tls://127.0.0.1:1", "mine", b"{}"))),
        ("mine", seal(b"x", key, context=dask_worker_side.context_of(topic, here, "mine", b"another request"))),
        ("mine", seal(b"x", key, context=good)),
    ]
    answers.append(answers[-1])  # the true one, carried twice
    taken = [dask_worker_side.take(topic, name, sealed, dask_worker) for name, sealed in answers]
    del relay._pending["mine"]
    return taken
