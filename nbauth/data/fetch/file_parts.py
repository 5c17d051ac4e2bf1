"""The parts of a file that have come, are coming, or are still to come: for several readers, and each byte once."""

from __future__ import annotations

import threading
import time
from bisect import bisect_right, insort
from collections import deque
from typing import TYPE_CHECKING

from nbauth.process.visitors import carried

if TYPE_CHECKING:
    from nbauth.data.fetch.byte_ranges import Ranges

__all__ = ["FileParts"]

_AT_ONCE = 8  # of the ten connections that a session keeps
_MOST_AHEAD = 24 * 1024 * 1024
_MOST_HELD = 32 * 1024 * 1024
_GIVE_WAY_S = 0.005
_WAKE_S = 0.2  # on Windows an interrupt does not end a wait


class _Part:
    """A part, without those around it.

    Attributes:
        start: its first byte.
        stop: the one after its last.
        thread: what fetches it; None as long as nothing does.
        data: its bytes, once they are here.
        read_until: up to where it was read, from its start on.
        is_ahead: whether nobody has asked for it yet.
        done: set as soon as nothing fetches it any more.
    """

    def __init__(self, start: int, stop: int, thread: threading.Thread | None, data: bytes | None = None) -> None:
        self.start = start
        self.stop = stop
        self.thread = thread
        self.data = data
        self.read_until = start
        self.is_ahead = thread is None and data is None
        self.done = threading.Event()

    @property
    def size(self) -> int:
        """Its bytes."""
        return self.stop - self.start


class FileParts:
    """Fetches parts of a file for those who read it now, and ahead of them in threads that end with their work.

    What was read to its end is let go of. What was fetched ahead and is not read goes when there is too much of it.

    Args:
        source: where the bytes come from, with its first ones.
        keep_from: from where on bytes are kept: each reader looks at a file's index.

    Attributes:
        lock: held while anything in here changes; who holds it may call anything in here.
    """

    def __init__(self, source: Ranges, *, keep_from: int) -> None:
        self._source = source
        self._keep_from = keep_from
        self.lock = threading.RLock()
        self._parts: dict[int, _Part] = {}  # by their starts, the oldest first
        self._starts: list[int] = []
        self._queue: deque[_Part] = deque()
        self._threads: set[threading.Thread] = set()
        self._at_once = _AT_ONCE
        self._held = self._ahead = 0
        self._joined = 1
        self._left: deque[None] = deque()
        source.on_throttle(self._slow_down)
        if source.first:
            self._add(_Part(source.first_at, source.first_at + len(source.first), None, source.first))

    def read(self, start: int, stop: int, *, until: int) -> bytes:
        """Return the bytes from `start` until `stop`; where some have to be fetched at the end, fetch up to `until`.

        Errors are those of `Ranges.fetch`.
        """
        mine: list[_Part] = []
        try:
            with self.lock:
                parts = self._cover(start, stop, until, threading.current_thread(), mine)
            pieces = [(part, self._bytes_of(part, mine)) for part in parts]
        finally:
            for part in mine:
                if part.data is None:  # an error or an interrupt: nobody may wait for it
                    self._give_up(part)
        with self.lock:
            for part in parts:
                self._was_read(part, start, stop)
            self._let_go()
        cut = [data[max(0, start - part.start) : stop - part.start] for part, data in pieces]
        return cut[0] if len(cut) == 1 else b"".join(cut)

    def ends_at(self, byte: int) -> bool:
        """Tell whether the bytes before this one are here, and were asked for."""
        with self.lock:
            part = self._part_at(byte - 1)
            return part is not None and not part.is_ahead

    def has_room(self) -> bool:
        """Tell whether more may be fetched ahead."""
        return self._ahead < _MOST_AHEAD

    def want(self, start: int, stop: int) -> None:
        """Note bytes that are to be fetched ahead, as far as they are not here; `start_threads` has it done."""
        with self.lock:
            self._cover(start, stop, stop, None, self._queue)

    def start_threads(self) -> None:
        """Have fetched what is wanted. Not while the lock is held: a thread that starts may run a finalizer."""
        self._start_thread(_GIVE_WAY_S)

    def join(self) -> bool:
        """Count one more reader; tell whether it may read: not after the last one has left."""
        with self.lock:
            is_open = len(self._left) < self._joined
            self._joined += is_open
        return is_open

    def leave(self) -> None:
        """Count one reader less; with the last one, what is fetched ends. A finalizer may call it, in any thread."""
        self._left.append(None)
        # Whoever holds the lock may be waiting for this very thread.
        if threading.current_thread() not in self._threads and self.lock.acquire(blocking=False):
            try:
                is_over = len(self._left) == self._joined
                is_busy = is_over and any(part.thread is not None and part.data is None for part in self._all())
                if is_over:
                    self._queue.clear()
            finally:
                self.lock.release()
            if is_busy:
                self._source.stop()

    def _start_thread(self, pause_s: float) -> None:
        """Start a thread, if one is missing; it starts the next one, so that nobody who reads waits for them."""
        with self.lock:
            is_over = len(self._left) == self._joined
            if is_over or not self._queue or len(self._threads) >= self._at_once:
                return
            thread = threading.Thread(target=carried(self._work), args=(pause_s,), name="nbauth-ranges", daemon=True)
            self._threads.add(thread)
        try:
            thread.start()
        except RuntimeError:  # the interpreter ends: readers fetch by themselves
            self._threads.discard(thread)

    def _part_at(self, byte: int) -> _Part | None:
        index = bisect_right(self._starts, byte) - 1
        part = self._parts[self._starts[index]] if index >= 0 else None
        return part if part is not None and byte < part.stop else None

    def _cover(
        self, start: int, stop: int, until: int, thread: threading.Thread | None, new: list[_Part] | deque[_Part]
    ) -> list[_Part]:
        """Return the parts that the bytes from `start` until `stop` are in; those that are missing are `new`."""
        found = []
        while start < stop:
            part = self._part_at(start)
            if part is None:
                index = bisect_right(self._starts, start)
                end = min(until, self._starts[index]) if index < len(self._starts) else until
                part = _Part(start, end, thread)
                new.append(part)
                self._add(part)
            found.append(part)
            start = part.stop
        return found

    def _all(self) -> list[_Part]:
        return list(self._parts.values())

    def _add(self, part: _Part) -> None:
        self._parts[part.start] = part
        insort(self._starts, part.start)
        self._held += part.size
        self._ahead += part.size if part.is_ahead else 0

    def _remove(self, part: _Part) -> None:
        if self._parts.get(part.start) is part:
            del self._parts[part.start]
            del self._starts[bisect_right(self._starts, part.start) - 1]
            self._held -= part.size
            self._asked_for(part)

    def _asked_for(self, part: _Part) -> None:
        if part.is_ahead:
            part.is_ahead = False
            self._ahead -= part.size

    def _bytes_of(self, part: _Part, mine: list[_Part]) -> bytes:
        with self.lock:
            self._asked_for(part)
            if part.thread is None and part.data is None:  # no thread has come to it yet
                mine.append(part)
                part.thread = threading.current_thread()
        if part in mine:
            self._fetch(part)
        while part.data is None and part.thread is not None and part.thread.is_alive():  # none is after a fork
            if part.done.wait(_WAKE_S):
                break
        if part.data is not None:
            return part.data
        self._give_up(part)
        return self._source.fetch(part.start, part.stop)  # what failed ahead of a reader is the reader's to hear of

    def _fetch(self, part: _Part) -> None:
        part.data = self._source.fetch(part.start, part.stop)
        part.done.set()

    def _give_up(self, part: _Part) -> None:
        with self.lock:
            self._remove(part)
        part.done.set()

    def _was_read(self, part: _Part, start: int, stop: int) -> None:
        if start <= part.read_until:
            part.read_until = max(part.read_until, min(stop, part.stop))
        if part.read_until == part.stop and part.start < self._keep_from:
            self._remove(part)

    def _let_go(self) -> None:
        for part in self._all() if self._held > _MOST_HELD else ():
            if part.data is not None and part.start < self._keep_from:
                self._remove(part)
            if self._held <= _MOST_HELD:
                break

    def _work(self, pause_s: float) -> None:
        time.sleep(pause_s)  # a connection that is open is for who reads now: a new one takes a round trip
        self._start_thread(0.0)
        while (part := self._next()) is not None:
            try:
                self._fetch(part)
            except BaseException:  # noqa: BLE001 - who reads it asks again, and hears of it
                self._give_up(part)
                with self.lock:
                    self._at_once = 0

    def _next(self) -> _Part | None:
        """Return what the calling thread fetches next; None if it ends."""
        here = threading.current_thread()
        with self.lock:
            is_over = len(self._left) == self._joined
            while self._queue and not is_over and len(self._threads) <= self._at_once:
                part = self._queue.popleft()
                if part.thread is None:  # else its reader did not wait
                    part.thread = here
                    return part
            self._threads.discard(here)
            return None

    def _slow_down(self) -> None:
        with self.lock:
            self._at_once = min(self._at_once, max(1, self._at_once // 2))
