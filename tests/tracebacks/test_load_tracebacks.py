"""Failed requests and loads: no exception of theirs shows the token that was sent."""

from __future__ import annotations

import dataclasses
import functools
import json
import threading
import time
from typing import TYPE_CHECKING, Any

import pytest
import requests
from rendered_exceptions import leaks

import nbauth
from nbauth import kernel
from nbauth.data.paging import Paging
from nbauth.errors import SignInRequired
from nbauth.net.secrecy import HiddenMapping, HiddenText, clears_frames
from nbauth.signin.single_flight import SingleFlight

if TYPE_CHECKING:
    from collections.abc import Callable

    from conftest import Watch

FAULTS: dict[str, dict[str, Any]] = {
    "reset": {"reset": True},
    "401": {"status": 401, "headers": {"WWW-Authenticate": "Bearer"}},
    "404": {"status": 404, "body": '{"error": {"message": "There is none."}}'},
    "a web page": {"html": True},
    "cut off": {"truncate_at": 500},
    "gzip that is none": {"status": 200, "headers": {"Content-Encoding": "gzip"}, "body": "none"},
    "redirected to nobody's http": {"status": 302, "headers": {"Location": "http://elsewhere.example/"}},
    "redirected in circles": {"status": 302, "headers": {"Location": "/v1.0/sunlight"}},
}
# A body that breaks in each format that is read.
BROKEN = {
    "application/json": '{"value": [{"a": 1}, {"a": ',
    "application/x-ndjson": '{"a": 1}\n{"a": \n',
    "text/csv": 'a,b\n1,2\n"3,4\n',
    "application/vnd.apache.parquet": "PAR1 and no more",
    "application/vnd.openxmlformats-officedocument.spreadsheetml.sheet": "PK and no more",
    "application/octet-stream": "\x00\x01",
}


def _hook(response: Any, **_: Any) -> None:
    raise ZeroDivisionError("a hook's mistake")


def _mistake(*_: Any) -> Any:
    raise ZeroDivisionError("a function's mistake")


@pytest.mark.parametrize("verb", ["read", "pages", "open", "session"])
def test_what_apis_answer(verb: str, watch: Watch) -> None:
    """Whatever an API answers, and wherever it is noticed, the token stays out of the exception."""
    watch.sign_in()
    api, url = watch.demo.api, f"{watch.demo.api_url}/sunlight"

    def act(target: str, **options: Any) -> Any:
        if verb == "session":
            answer = nbauth.session("demo").get(target, **options)
            answer.raise_for_status()
            return answer.json()
        made = getattr(nbauth, verb)(target, **options)
        return made.read() if verb == "open" else list(made)

    for fault, how in FAULTS.items():
        if verb == "open" and fault in ("a web page", "cut off"):
            continue  # to a file every body is right, and what breaks off is asked for again
        api.faults.add("*/sunlight", **how, times=None)
        watch.fails(fault, functools.partial(act, url))
        api.faults.clear()
    watch.fails("nobody's origin", lambda: act("https://elsewhere.example/"))
    watch.demo.provider.faults.add("*/token", status=503)
    api.faults.add("*/sunlight", **FAULTS["401"], times=None)
    watch.fails("401, and no new token", lambda: act(url))
    if verb == "session":
        api.faults.clear()
        watch.fails("a hook", lambda: act(url, hooks={"response": _hook}))
    assert watch.seen == {}
    assert len(watch.errors) >= 8


def test_formats_and_functions(watch: Watch) -> None:
    """A body that breaks, and a function of the notebook that does, are told without the token."""
    watch.sign_in()
    url = f"{watch.demo.api_url}/sunlight"
    for kind, body in BROKEN.items():
        watch.demo.api.faults.add("*/sunlight", status=200, headers={"Content-Type": kind}, body=body, times=None)
        watch.fails(kind, lambda: nbauth.read(url))
        watch.demo.api.faults.clear()
    watch.fails("next_page", lambda: nbauth.read(url, paging=Paging(next=_mistake)))
    assert watch.seen == {}


def test_an_interrupted_request(watch: Watch) -> None:
    """An interrupt while an API is waited for leaves no token in the frames of requests."""
    import _thread

    watch.sign_in()
    session = nbauth.session("demo")
    for name, act in {
        "session": lambda: session.get(f"{watch.demo.api_url}/me"),
        "open": lambda: nbauth.open(f"{watch.demo.api_url}/me").read(),
    }.items():
        watch.demo.api.faults.add("*/me", delay_s=0.6)
        timer = threading.Timer(0.2, _thread.interrupt_main)
        timer.start()
        assert isinstance(watch.fails(name, act), KeyboardInterrupt)
        timer.join()
    assert watch.seen == {}


def test_no_repr_shows_a_token(watch: Watch) -> None:
    """Neither repr nor `vars` of what a notebook can hold of a sign-in shows a token."""
    credential = watch.sign_in()
    session = nbauth.session("demo")
    answer = session.get(f"{watch.demo.api_url}/me")
    (account,) = nbauth.accounts()
    token = credential._memo[credential.profile.login_scopes]
    things = (session, vars(session), account, vars(account), answer, vars(answer), vars(answer.request))
    things += (credential, vars(credential), token, vars(token), dataclasses.asdict(token))
    assert [thing for thing in things if any(secret in repr(thing) for secret in watch.secrets)] == []


# The door itself, and the search


def test_the_search_finds() -> None:
    """What is looked for is found in variables, contexts that are suppressed, arguments, requests and attributes."""
    secret = "secret-of-mine" * 4

    def in_a_variable() -> None:
        held = secret
        raise ValueError(len(held))

    def in_a_context() -> None:
        try:
            int(secret, 0)
        except ValueError:
            raise KeyError("no") from None

    def in_a_request() -> None:
        request = requests.Request("POST", "https://a.example", headers={"Authorization": secret}).prepare()
        raise requests.ConnectionError("no", request=request)

    def in_a_list() -> None:
        held = [{"a": [secret]}]
        raise ValueError(len(held))

    for act in (in_a_variable, in_a_context, in_a_request, in_a_list):
        with pytest.raises(Exception) as caught:
            _by_way_of_others(act)
        assert leaks(caught.value, {secret}), act.__name__


def _by_way_of_others(act: Callable[[], None]) -> None:
    json.loads("{}", object_hook=lambda _: act())


def test_what_a_caller_handled_stays() -> None:
    """A door clears what came through it, and nothing of what its caller was handling before."""

    @clears_frames
    def door() -> None:
        kept = "below"
        try:
            int(kept)
        except ValueError:
            raise TypeError("converted") from None

    def caller() -> None:
        mine = "the caller's"
        try:
            {}[mine]
        except KeyError:
            door()

    with pytest.raises(TypeError, match="converted") as caught:
        caller()
    error = caught.value
    assert isinstance(error.__context__, KeyError)  # the one between is cut off
    assert error.__context__.__traceback__ is not None
    assert error.__context__.__traceback__.tb_frame.f_locals["mine"] == "the caller's"
    names = [entry.name for entry in caught.traceback]
    assert names[-3:] == ["caller", "door", "door"]
    assert caught.traceback[-1].frame.f_locals == {}


def test_an_interrupt_at_the_door() -> None:
    """An interrupt while frames are cleared does not leave the rest as they were."""

    class Interrupting(Exception):
        looked_at = False

        @property
        def exceptions(self) -> tuple[()]:
            if not self.looked_at:
                self.looked_at = True
                raise KeyboardInterrupt
            return ()

    @clears_frames
    def door() -> None:
        kept = "secret-of-mine"
        try:
            int(kept[:0])
        except ValueError as error:
            raise Interrupting from error

    with pytest.raises(KeyboardInterrupt) as caught:
        door()
    assert isinstance(caught.value.__context__, Interrupting)
    assert leaks(caught.value, {"secret-of-mine"}) == []


def test_hidden_values() -> None:
    """A hidden text is a text for those who send it; its parts and joins are hidden, and none can be pickled."""
    import copy
    import pickle

    text, members = HiddenText("secret-of-mine"), HiddenMapping({"access_token": "secret-of-mine"})
    assert text == "secret-of-mine"
    assert repr([text, text[:6], "Bearer " + text, text + "!", str(text), copy.deepcopy(text)]) == repr(["***"] * 6)
    assert type(text.reveal()) is str
    assert repr(members) == "HiddenMapping(access_token)"
    assert members == {"access_token": "secret-of-mine"}
    for hidden in (text, members, {"a": text}):
        with pytest.raises(TypeError, match="cannot be pickled"):
            pickle.dumps(hidden)


def test_a_look_up_that_waits(watch: Watch) -> None:
    """A token that the API refused is in no frame of a look-up that fails, whoever asked for the next one."""
    credential = watch.sign_in()
    scopes = credential.profile.login_scopes
    watch.demo.provider.faults.add("*/token", reset=True, times=None)
    refused = [credential.token(scopes)]
    watch.fails("a plain text", lambda: credential.token(scopes, rejected=refused[0]))
    kernel.logout("demo")
    credential.settle(time.monotonic() + 5)
    watch.fails("signed out", lambda: credential.token(scopes))
    assert watch.seen == {}


def test_those_who_wait_for_one_call() -> None:
    """A call that fails is told to each who waits for it without the frames of the others."""
    began, all_wait = threading.Event(), threading.Event()

    def fails(_: str) -> None:
        began.set()
        all_wait.wait(10)
        raise SignInRequired("No.", profile="lab", scopes=("a",))

    single_flight = SingleFlight(fails, name="call")
    told: list[BaseException] = []

    def wait(mine: str) -> None:
        try:
            single_flight.wait("key", timeout_s=10)
        except SignInRequired as error:
            told.append(error)
            assert mine

    threads = [threading.Thread(target=wait, args=(f"secret-of-visitor-{number}",)) for number in range(3)]
    for thread in threads:
        thread.start()
    while len(single_flight._boxes.get("key", ())) < len(threads):
        began.wait(0.01)
    all_wait.set()
    for thread in threads:
        thread.join()
    held = [[name for name in _mine_in(error) if name.startswith("secret-of-visitor")] for error in told]
    assert sorted(len(names) for names in held) == [1, 1, 1]
    assert [vars(error) for error in told] == [vars(told[0])] * 3


def _mine_in(error: BaseException) -> list[str]:
    """Return the values of `mine` in an error's frames."""
    frames, found = error.__traceback__, []
    while frames is not None:
        found.append(str(frames.tb_frame.f_locals.get("mine")))
        frames = frames.tb_next
    return found
