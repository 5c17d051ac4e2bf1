"""The side of a Dask worker: it takes up what a kernel lends, rings for each token, and opens the kernel's answer."""

from __future__ import annotations

import asyncio
import hashlib
import json
import os
import threading
import time
import uuid
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

from distributed.diagnostics.plugin import WorkerPlugin

from nbauth import kernel
from nbauth.errors import ConfigError, ProviderUnavailable
from nbauth.net.sealed import CannotOpen, Lock
from nbauth.net.secrecy import clears_frames
from nbauth.process.web_servers import all_stacks
from nbauth.signin.single_flight import SingleFlight
from nbauth.signin.tokens.token_wire import request_for, token_of

if TYPE_CHECKING:
    from collections.abc import Iterable

    from distributed import Worker

    from nbauth.signin.borrowing import Borrowed
    from nbauth.signin.tokens.access_token import AccessToken
    from nbauth.signin.tokens.borrowed_source import BorrowedProfile

__all__ = ["LoanPlugin", "Relay", "asked_by", "context_of", "end", "key_of", "take"]

_RING_EVERY_S = 5.0  # a ring may be lost, as while the client connects anew
_PATIENCE_S = 55.0  # a little more than a thread of the kernel has
_PROCESS = uuid.uuid4().hex


class LoanPlugin(WorkerPlugin):
    """What a worker is told: what is lent, and how to ring. Nothing of it is secret; the scheduler keeps it.

    Args:
        topic: of the rings.
        profiles: what is lent.
        unheard_s: seconds after which a kernel that does not answer a ring is taken to have ended.
    """

    def __init__(self, topic: str, profiles: Iterable[BorrowedProfile], *, unheard_s: float) -> None:
        self._topic = topic
        self._profiles = tuple(profiles)
        self._unheard_s = unheard_s
        self._kernel = _this_process()
        self.relay: Relay | None = None
        self.borrowed: Borrowed | None = None

    async def setup(self, worker: Worker) -> None:
        """Take up the loans."""
        if self._kernel == _this_process():
            return  # a worker in the kernel itself, which is signed in
        for other in [each for each in worker.plugins.values() if isinstance(each, LoanPlugin) and each is not self]:
            await other.make_room(self._profiles, worker)
        self.relay = Relay(worker, self._topic, unheard_s=self._unheard_s)
        self.borrowed = kernel.borrow(self._profiles, self.relay)

    def teardown(self, worker: Worker) -> None:
        """Forget the tokens, and hand out no others."""
        del worker
        if self.borrowed is not None:
            self.borrowed.end()
        if self.relay is not None:
            self.relay.end()

    async def make_room(self, profiles: Iterable[BorrowedProfile], worker: Worker) -> None:
        """Let another kernel's loans be taken up, if this one's are the same accounts' or its kernel has ended.

        Raises:
            ConfigError: two kernels would lend two people's sign-ins to one process.
        """
        mine = {each.profile: each for each in self._profiles}
        lent = () if self.borrowed is None else self.borrowed.profiles
        differing = [each for each in profiles if each.profile in lent and key_of(each) != key_of(mine[each.profile])]
        if not differing or self.relay is None:
            return
        if await self.relay.is_heard():
            raise ConfigError(
                f"Worker {worker.address}: another kernel lends {differing[0].profile!r} there, for "
                f"{mine[differing[0].profile].username}.",
                next_step="Use a cluster of your own.",
            )
        self.teardown(worker)


@dataclass
class _Asked:
    """One request that the kernel has not answered yet."""

    request: bytes
    lock: Lock = field(default_factory=Lock)
    is_heard: threading.Event = field(default_factory=threading.Event)
    is_answered: threading.Event = field(default_factory=threading.Event)
    reply: bytes = field(default=b"", repr=False)


class Relay:
    """A worker's way to the kernel that lends.

    Args:
        worker: the worker.
        topic: of the rings.
        unheard_s: as `LoanPlugin`.
    """

    def __init__(self, worker: Worker, topic: str, *, unheard_s: float) -> None:
        self._worker = worker
        self._topic = topic
        self._unheard_s = unheard_s
        self._pending: dict[str, _Asked] = {}
        self._is_over = False

    @clears_frames
    def ask(
        self,
        profile: str,
        account: str,
        scopes: tuple[str, ...],
        *,
        rejected_digest: str | None,
        claims: str | None,
        life_s: float,
    ) -> AccessToken:
        """Return the kernel's token, as `Lender.ask`."""
        if _waits_for_token(self._worker.thread_id):
            raise ProviderUnavailable(
                f"Profile {profile!r}: this runs on the worker's event loop, which the kernel's answer comes by.",
                next_step="Read in a task, as with client.submit; not in client.run or in an async task.",
            )
        request = request_for(profile, account, scopes, rejected_digest=rejected_digest, claims=claims, life_s=life_s)
        name, asked = uuid.uuid4().hex, _Asked(request)
        asked_at = time.monotonic()
        self._pending[name] = asked
        try:
            self._wait(asked, profile)
        finally:
            self._pending.pop(name, None)
        token = token_of(json.loads(asked.reply or b"{}"), asked_at=asked_at)
        if token is None:
            raise self._unheard(profile, "gave no token")
        return token

    async def is_heard(self) -> bool:
        """Tell whether a kernel still listens."""
        name, asked = uuid.uuid4().hex, _Asked(b"")
        self._pending[name] = asked
        try:
            self._ring()
            return await asyncio.to_thread(asked.is_heard.wait, min(_RING_EVERY_S, self._unheard_s))
        finally:
            self._pending.pop(name, None)

    def end(self) -> None:
        """Let nobody wait any longer."""
        self._is_over = True
        for asked in list(self._pending.values()):
            asked.is_answered.set()

    def asked(self) -> list[tuple[str, bytes, bytes]]:
        """Return what the kernel has not been asked yet: the name of each request, itself, and the key to seal with."""
        pending = [(name, asked) for name, asked in list(self._pending.items()) if not asked.is_heard.is_set()]
        for _, asked in pending:
            asked.is_heard.set()
        return [(name, asked.request, asked.lock.public_key) for name, asked in pending if asked.request]

    def take(self, name: str, sealed: bytes) -> bool:
        """Take the kernel's answer; tell whether it was one to a request that waits."""
        asked = self._pending.get(name)
        if asked is None:
            return False
        context = context_of(self._topic, str(self._worker.contact_address), name, asked.request)
        try:
            asked.reply = asked.lock.open(sealed, context=context)
        except CannotOpen:
            return False
        asked.is_answered.set()
        return True

    def _wait(self, asked: _Asked, profile: str) -> None:
        started = time.monotonic()
        while not self._is_over:
            if not asked.is_heard.is_set():
                self._ring()
            if asked.is_answered.wait(min(_RING_EVERY_S, self._unheard_s)):
                break
            waited_s = time.monotonic() - started
            if waited_s >= (_PATIENCE_S if asked.is_heard.is_set() else self._unheard_s):
                raise self._unheard(profile, f"does not answer for {waited_s:.0f} s: it may have ended")

    def _ring(self) -> None:
        self._worker.log_event(self._topic, {"ring": "nbauth"})  # the scheduler adds which worker it is

    def _unheard(self, profile: str, what: str) -> ProviderUnavailable:
        return ProviderUnavailable(
            f"Profile {profile!r}: the kernel that lends this sign-in {what}.",
            next_step="In the kernel: nbauth.share(client), and compute again.",
        )


# What the kernel runs on a worker


def asked_by(topic: str, dask_worker: Worker) -> list[tuple[str, bytes, bytes]]:
    """Return what `Relay.asked` does."""
    relay = _relay(dask_worker, topic)
    return [] if relay is None else relay.asked()


def take(topic: str, name: str, sealed: bytes, dask_worker: Worker) -> bool:
    """Hand an answer to `Relay.take`."""
    relay = _relay(dask_worker, topic)
    return relay is not None and relay.take(name, sealed)


def end(topic: str, profiles: tuple[str, ...], dask_worker: Worker) -> None:
    """Forget the tokens of profiles that are lent no longer."""
    plugin = dask_worker.plugins.get(topic)
    if isinstance(plugin, LoanPlugin) and plugin.borrowed is not None:
        plugin.borrowed.end(profiles)


def _relay(worker: Worker, topic: str) -> Relay | None:
    plugin = worker.plugins.get(topic)
    return plugin.relay if isinstance(plugin, LoanPlugin) else None


# What both sides need


def context_of(topic: str, worker: str, name: str, request: bytes) -> bytes:
    """Return what an answer is sealed for: one request of one worker's, of one share."""
    return json.dumps([topic, worker, name, hashlib.sha256(request).hexdigest()]).encode()


def key_of(profile: BorrowedProfile) -> tuple[str, str, str]:
    """Return what makes two loans the same: the account, and where its tokens may go."""
    return profile.profile, profile.account, json.dumps([profile.apis, profile.authority], sort_keys=True)


def _waits_for_token(thread: int) -> bool:
    """Tell whether a thread waits for a token, which another one asks for."""
    return SingleFlight.__module__ in all_stacks().get(thread, ())


def _this_process() -> tuple[str, int]:
    return _PROCESS, os.getpid()  # a forked child has the same text
