"""A Dask client's workers with the kernel's sign-in: a worker rings, the kernel asks it what for, and answers sealed.

A ring is an event of Dask's (`Worker.log_event`) that says no more than which worker rang. The kernel then asks that
worker itself, so that nobody else can say what it wants: the answer goes back to it, sealed with a key that it made
for this one request (`nbauth.net.sealed`). The scheduler carries both, keeps events and logs, and never sees a token.
The worker's side is `nbauth.adapters.dask_worker`.

What this does not keep out is code that runs on a worker: it can read whatever the worker can. A sign-in is shared
with everybody who may submit to the cluster.
"""

from __future__ import annotations

import atexit
import contextlib
import json
import logging
import os
import threading
import uuid
import weakref
from typing import TYPE_CHECKING, Any
from urllib.parse import urlsplit

from nbauth import kernel
from nbauth.adapters.dask_worker import LoanPlugin, asked_by, context_of, end, key_of, take
from nbauth.errors import ConfigError
from nbauth.net.origins import is_loopback
from nbauth.net.sealed import seal
from nbauth.net.secrecy import clears_frames

if TYPE_CHECKING:
    from types import TracebackType
    from typing import Self

    from distributed import Client

    from nbauth.signin.tokens.borrowed_source import BorrowedProfile

__all__ = ["DaskShare", "share"]

logger = logging.getLogger(__name__)

_UNHEARD_S = 20.0  # so long a worker rings: a kernel's threads wait for code that holds the GIL
_LENT_S = 300.0  # a worker asks again after this, so that it outlives a kernel that was killed by no more
_SIGN_OUT_S = 5.0
_AT_ONCE = 16  # workers that are answered
_HELLO = "nbauth listens"

_shares: weakref.WeakSet[DaskShare] = weakref.WeakSet()  # a client's event handlers keep its own alive


def share(client: Client, profile: str | None = None) -> DaskShare:
    """Lend the kernel's sign-in to the workers of a Dask client: those of now, and those that come later.

    From then on `nbauth.read`, ``nbauth+https://`` and every adapter work in its tasks as they do here, until a
    sign-out. Code that anybody runs on these workers can read what you can.

    Args:
        client: a `distributed.Client`, connected over TLS, or to a scheduler on this machine.
        profile: whose rows of `apis` to lend; None lends those of all profiles that are in use.

    Returns:
        What is shared. A second call with nothing new returns the same.

    Raises:
        ConfigError: there is no such profile, the client is asynchronous, the cluster's connections are not encrypted,
            a ``ca_bundle`` is not where the profile says on a worker, or another kernel lends there.
        ModuleNotFoundError: nbauth is not installed on a worker.
        SignInRequired: nobody is signed in.
    """
    if client.asynchronous:
        raise ConfigError("nbauth.share takes a Client that was made without asynchronous=True.")
    for address in (_address_of(client), *client.nthreads()):
        _check_encrypted(address)
    lending = kernel.lending(tool="Dask")
    wanted = set(map(key_of, lending.add(profile)))
    lending.end()
    known = (each for each in list(_shares) if each.client is client and wanted <= set(map(key_of, each.lent)))
    return next(known, None) or DaskShare(client, profile)


class DaskShare:
    """What a Dask client's workers are lent. It ends with `end`, a sign-out, or the kernel.

    Args:
        client: the client.
        profile: whose rows; None for all that are in use.

    Attributes:
        client: the client.
    """

    def __init__(self, client: Client, profile: str | None) -> None:
        self.client = client
        self._topic = f"nbauth-{uuid.uuid4().hex}"
        self._lending = kernel.lending(tool=f"the Dask workers of {_address_of(client)}", on_end=self._ended)
        self._rung: dict[str, bool] = {}  # the workers that are being answered, and whether they rang again
        self._lock = threading.Lock()
        self._listens = threading.Event()
        self._process = os.getpid()
        self._at_once = threading.BoundedSemaphore(_AT_ONCE)
        profiles = self._lending.add(profile)
        try:
            self._listen()
            client.register_plugin(LoanPlugin(self._topic, profiles, unheard_s=_UNHEARD_S), name=self._topic)
        except BaseException:
            self._lending.end()
            raise
        _shares.add(self)
        _end_at_exit(self)

    @property
    def profiles(self) -> tuple[str, ...]:
        """The names of the profiles that are shared still."""
        return tuple(each.profile for each in self.lent)

    @property
    def lent(self) -> tuple[BorrowedProfile, ...]:
        """What is lent now, and to which account."""
        return self._lending.profiles

    def __repr__(self) -> str:
        each = [f"{each.profile} as {each.username} for {', '.join(each.apis)}" for each in self.lent]
        if not each:
            return "<nbauth.share: nothing is shared any more>"
        where = f"the workers of {_address_of(self.client)}"
        return f"<nbauth.share: whatever runs on {where} may ask this kernel for tokens of {'; '.join(each)}>"

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.end()

    def end(self) -> None:
        """Lend nothing any more; the workers forget their tokens."""
        self._lending.end()

    def _listen(self) -> None:
        self.client.subscribe_topic(self._topic, self._hear)
        # That goes another way than what follows: a worker might ring before the scheduler knows who listens.
        for _ in range(100):
            self.client.log_event(self._topic, _HELLO)
            if self._listens.wait(0.1):
                return

    # In the client's threads

    def _hear(self, event: tuple[float, Any]) -> None:
        _, message = event
        if message == _HELLO:
            self._listens.set()
        worker = message.get("worker") if isinstance(message, dict) else None
        if not isinstance(worker, str):
            return
        with self._lock:
            is_new = worker not in self._rung
            self._rung[worker] = not is_new
        if is_new:
            threading.Thread(target=self._answer, args=(worker,), name="nbauth-dask", daemon=True).start()

    def _answer(self, worker: str) -> None:
        while True:
            try:
                with self._at_once:
                    self._answer_once(worker)
            except Exception as error:  # noqa: BLE001 - it may have died, and the client may be closed: others go on
                logger.debug("Worker %s was not answered: %s", worker, type(error).__name__)
            with self._lock:
                if not self._rung[worker]:
                    del self._rung[worker]
                    return
                self._rung[worker] = False

    @clears_frames
    def _answer_once(self, worker: str) -> None:
        # An event may be anybody's who may talk to the scheduler. It would connect to whatever address that names.
        if worker not in self.client.nthreads([worker]):
            return
        _check_encrypted(worker)
        asked = self.client.run(asked_by, self._topic, workers=[worker])[worker]
        for name, request, public_key in asked:
            reply = _lent_for(self._lending.reply_to(json.loads(request)), _LENT_S)
            context = context_of(self._topic, worker, name, request)
            sealed = seal(json.dumps(reply).encode(), public_key, context=context)
            self.client.run(take, self._topic, name, sealed, workers=[worker])

    def _ended(self, profiles: tuple[str, ...]) -> None:
        """Make the workers forget. A sign-out waits for that, but not for a worker that does not answer."""
        if self._process != os.getpid():
            return  # a forked child has a copy of this, and ends its own sign-in alone

        def tell() -> None:
            with contextlib.suppress(Exception):  # the client may be closed
                if self.profiles:
                    self.client.run(end, self._topic, profiles, on_error="ignore")
                else:
                    self._withdraw()

        telling = threading.Thread(target=tell, name="nbauth-dask-end", daemon=True)
        telling.start()
        if not self.client.asynchronous:  # in its event loop's thread, which the workers' answers come by
            telling.join(_SIGN_OUT_S)

    def _withdraw(self) -> None:
        _shares.discard(self)
        with contextlib.suppress(Exception):  # as above
            self.client.unregister_worker_plugin(self._topic)  # late workers are lent nothing either
        with contextlib.suppress(Exception):
            self.client.unsubscribe_topic(self._topic)


def _lent_for(reply: dict[str, Any], most_s: float) -> dict[str, Any]:
    token = reply.get("token")
    if token is None or token["left_s"] <= most_s:
        return reply
    return {"token": {**token, "left_s": most_s, "margin_s": min(token["margin_s"], most_s / 10)}}


def _check_encrypted(address: str) -> None:
    scheme = urlsplit(address).scheme
    if scheme in ("tls", "wss", "inproc") or is_loopback(address):
        return
    raise ConfigError(
        f"{address}: what goes there is not encrypted, so no sign-in is shared.",
        next_step="Start scheduler and workers with --protocol tls, and connect with a distributed.Security.",
    )


def _address_of(client: Client) -> str:
    return str(client.scheduler.address)  # type: ignore[union-attr]  # it is connected


def _end_at_exit(shared: DaskShare) -> None:
    # Before distributed closes its clients at exit, since what is registered last runs first.
    reference = weakref.ref(shared)

    def end() -> None:
        present = reference()
        if present is not None:
            present.end()

    atexit.register(end)
