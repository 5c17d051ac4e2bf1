"""Connections that stay open between loads, and when they do not."""

from __future__ import annotations

import gc
import threading
import time
from typing import TYPE_CHECKING, Any

import pytest
import requests
from loopback_api import Reply, as_json, serving

from nbauth.net import requests_internals
from nbauth.net.kept_connections import ConnectionKeeper
from nbauth.process.visitors import Visitor
from nbauth.signin.changes import ChangeNotifier

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    from loopback_api import Seen, Server

    from nbauth.net.kept_connections import KeptConnections

ORIGINS = ("https://api.example.com",)


@pytest.fixture
def api() -> Iterator[Server]:
    """An API that answers 1."""
    with serving() as server:
        server.routes["/x"] = as_json(1)
        yield server


@pytest.fixture
def changes() -> ChangeNotifier:
    """The changes of some sign-ins."""
    return ChangeNotifier()


@pytest.fixture
def kept(changes: ChangeNotifier) -> Iterator[Callable[..., KeptConnections]]:
    """Return what gives the connections that are kept now."""
    keeper = ConnectionKeeper()

    def of(visitor: Any = None, origins: tuple[str, ...] = ORIGINS, profiles: object = "profiles") -> KeptConnections:
        return keeper.of(visitor, origins, profiles, watch=changes.watch)

    yield of
    keeper.close()


class _User:
    """A session, whose connections they are."""

    def __init__(self, kept: KeptConnections) -> None:
        self.session = requests.Session()
        self.session.adapters.update(kept.adapters)
        kept.join(self)

    def get(self, api: Server, method: str = "GET") -> int:
        return self.session.request(method, f"{api.origin}/x").status_code


def test_from_load_to_load(kept: Callable[..., KeptConnections], api: Server) -> None:
    """What one session has left open, the next one uses."""
    for _ in range(3):
        connections = kept()
        user = _User(connections)
        user.get(api)
        connections.leave(user)
    assert api.connections == 1


def test_whose_they_are(kept: Callable[..., KeptConnections]) -> None:
    """Another visitor, other origins and other profiles have other connections; what is over is forgotten."""

    class Visit:
        is_over = False

    visits = [Visit(), Visit()]
    first, second = (Visitor("Voila", visit, lambda visit: visit.is_over) for visit in visits)
    of_all = [kept(), kept(first), kept(second), kept(None, (*ORIGINS, "https://b.example.com"))]
    assert len({id(each) for each in of_all}) == 4
    assert kept(first) is of_all[1]
    visits[0].is_over = True
    assert kept(None, profiles="others") is not of_all[0]
    assert [each.has_ended for each in of_all] == [True, True, False, False]


def test_a_change_of_the_sign_ins(kept: Callable[..., KeptConnections], changes: ChangeNotifier, api: Server) -> None:
    """After a change none of them is used again: they are closed at once, or when the last load is done with them."""
    connections = kept()
    running = _User(connections)
    running.get(api)
    changes.notify()
    assert kept() is not connections
    assert running.get(api) == 200
    assert api.connections == 1
    connections.leave(running)
    adapter: Any = connections.adapters["http://"]
    assert len(adapter.poolmanager.pools) == 0


def test_nobody_uses_them(kept: Callable[..., KeptConnections], changes: ChangeNotifier, api: Server) -> None:
    """A session that was let go of, and not closed, keeps none of them open."""
    connections = kept()
    _User(connections).get(api)
    changes.notify()
    adapter: Any = connections.adapters["http://"]
    assert len(adapter.poolmanager.pools) == 0


def test_a_finalizer_that_leaves(kept: Callable[..., KeptConnections]) -> None:
    """Where the garbage collector closes a file that was left open just while a session begins, nothing hangs."""
    connections = kept()

    class Left:
        def __init__(self) -> None:
            self.itself = self
            connections.join(self)

        def __del__(self) -> None:
            connections.leave(self)

    class Begins:
        def __hash__(self) -> int:
            gc.collect()
            return 1

    def begin() -> None:
        Left()
        connections.join(Begins())

    thread = threading.Thread(target=begin, daemon=True)
    thread.start()
    thread.join(10)
    assert not thread.is_alive()


def test_a_kernel_that_ends(api: Server, changes: ChangeNotifier) -> None:
    """It closes them though a session was never closed, as a file system's is; that one may go on over another."""
    keeper = ConnectionKeeper()
    connections = keeper.of(None, ORIGINS, "profiles", watch=changes.watch)
    user = _User(connections)
    user.get(api)
    adapter: Any = connections.adapters["http://"]
    keeper.close()
    assert len(adapter.poolmanager.pools) == 0
    assert user.get(api) == 200
    assert api.connections == 2
    connections.close()


def test_idle_for_long(kept: Callable[..., KeptConnections], api: Server, monkeypatch: pytest.MonkeyPatch) -> None:
    """A connection that nothing went over for long is not trusted to be there still; nor after the clock went back."""
    user = _User(kept())
    user.get(api)
    now = time.time()
    for moment, connections in [(now + 60, 1), (now + 200, 2), (now, 3)]:
        monkeypatch.setattr(requests_internals.time, "time", lambda moment=moment: moment)
        assert user.get(api) == 200
        assert api.connections == connections


def _breaks_off_once(api: Server) -> None:
    """Have the server reset the connection that it has, as one does that just gives it up."""
    broke: list[Seen] = []

    def answer(seen: Seen) -> Reply:
        if not broke:
            broke.append(seen)
            return Reply(reset=True)
        return as_json(2)

    api.routes["/x"] = answer


@pytest.mark.parametrize("method", ["GET", "HEAD"])
def test_just_given_up(method: str, kept: Callable[..., KeptConnections], api: Server) -> None:
    """A request that may be repeated goes over a new connection where the server gives up the kept one."""
    user = _User(kept())
    user.get(api)
    _breaks_off_once(api)
    assert user.get(api, method) == 200
    assert api.connections == 2


def test_given_up_under_a_post(kept: Callable[..., KeptConnections], api: Server) -> None:
    """A POST is not repeated: nobody knows whether it was done."""
    user = _User(kept())
    user.get(api)
    _breaks_off_once(api)
    with pytest.raises(requests.ConnectionError):
        user.get(api, "POST")
    assert api.connections == 1


def test_a_new_one_that_breaks(kept: Callable[..., KeptConnections], api: Server) -> None:
    """A connection that breaks in its first request is an error, and nothing is repeated."""
    _breaks_off_once(api)
    with pytest.raises(requests.ConnectionError):
        _User(kept()).get(api)
    assert api.connections == 1


def test_more_than_are_kept(
    kept: Callable[..., KeptConnections], api: Server, caplog: pytest.LogCaptureFixture
) -> None:
    """Where more loads run at once than connections are kept for, the others are closed, and nobody is warned."""
    user = _User(kept())
    answers = [user.session.get(f"{api.origin}/x", stream=True) for _ in range(23)]
    assert [answer.json() for answer in answers] == [1] * 23
    assert api.connections == 23
    answers = [user.session.get(f"{api.origin}/x", stream=True) for _ in range(21)]
    assert [answer.json() for answer in answers] == [1] * 21
    assert api.connections == 24
    assert [record for record in caplog.records if record.levelname == "WARNING"] == []
