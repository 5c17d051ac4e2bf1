"""After whole sign-ins and loads, no secret that was used stands anywhere but where it belongs."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING, Any

import nbauth
from nbauth.demo.person import Person

if TYPE_CHECKING:
    from pathlib import Path

    import pytest

    from nbauth.demo.server import DemoServer

# Everything goes to a DEBUG log in the notebook's directory, so that the search below finds what any library logs.
SET_UP = """
import logging
logging.basicConfig(filename="debug.log", level=logging.DEBUG, force=True)
%load_ext nbauth
import nbauth
"""
LOOK_AROUND = """
import pickle, sys, traceback
from nbauth import kernel
session = nbauth.session()
response = session.get(f"{api}/cities", params={"x": 1})
profile = kernel.config().profiles["demo"]
credential = kernel.credential_of(profile, profile.login_scopes)
things = [nbauth.accounts(), session, response, response.request.headers, response.headers, credential, profile]
state = kernel._state
things += [state, vars(state), vars(state.connections), vars(state.sign_ins), list(state.sign_ins)]
things += [nbauth.client("demo")]
things += [vars(response), vars(response.request)]
for thing in things:
    print(repr(thing), thing)
print(pickle.dumps(response))
for thing in (session, credential):
    try:
        pickle.dumps(thing)
    except TypeError as error:
        print(error)
"""
LEND = """
import requests, subprocess
provide, signs, lent = nbauth.token_provider(api), nbauth.auth(), nbauth.share()
token = provide()
prepared = signs(requests.Request("GET", f"{api}/cities").prepare())
sent = requests.get(f"{api}/cities", auth=signs)
print(repr([provide, signs, lent, lent.__dict__, token, (token[:20], token[-40:]), prepared.headers, vars(prepared)]))
print(sent.request.headers, vars(sent.request), vars(provide), vars(signs), kernel.loans(), vars(kernel._state.loans))
print(pickle.dumps(sent), pickle.dumps(prepared))
for thing in (provide, signs, lent, token, {"a": [token]}):
    try:
        print(pickle.dumps(thing))
    except Exception as error:
        print(error)
reads = "import logging, sys; logging.basicConfig(filename='child.log', level=logging.DEBUG); "
reads += "import nbauth; print(len(nbauth.read(sys.argv[1])))"
done = subprocess.run([sys.executable, "-c", reads, f"{api}/cities"], capture_output=True, text=True, check=True)
print(done, {"token": token})
token
"""
FAIL = """
def act(session=session, credential=credential, lent=(provide, signs, lent, token, prepared.headers, sent)):
    token_holder = list(kernel._state.sign_ins)
    return nbauth.read(f"{api}/status/500")
act()
"""


def _canaries(demo: DemoServer) -> set[str]:
    # User codes have nine characters and are there to be shown; everything else has at least forty.
    return {secret for secret in demo.provider.issued_secrets if len(secret) > 20}


def _found(secrets: set[str], text: str) -> list[str]:
    # A part of a secret is a leak, too: tokens are looked for by their signature's middle.
    return [secret for secret in secrets if secret in text or secret[-40:-8] in text]


def test_no_secret_anywhere(demo: DemoServer, front_end: Any, apart: Path) -> None:
    """No output, repr, log, traceback, pickle, history or file holds a token, code, verifier or secret."""
    person = Person("alice", ca_file=demo.ca_file)

    def paste(outcome: Any) -> str | None:
        address = re.search(r"http://localhost:\d+/\S+/authorize\?\S+", outcome.shown)
        return person.address_after(address.group()) if address else None

    def type_code(outcome: Any) -> None:
        code = re.search(r"type the code (\S+)", outcome.shown)
        if code:
            person.enter_code(f"{demo.provider.page_origin}/common/oauth2/deviceauth", code.group(1))

    outcomes = [
        front_end.run(SET_UP),
        front_end.run(f"api = {demo.api_url!r}"),
        front_end.run("%login --flow paste", answer=paste),
        front_end.run("df = %read {api}/sunlight\ndf.head()"),
        front_end.run("%whoami"),
        front_end.run(LOOK_AROUND),
        front_end.run(LEND),
        front_end.run("%whoami"),
        front_end.run(FAIL),
        front_end.run("%tb"),
        front_end.run("%xmode Verbose"),
        front_end.run(FAIL),
        front_end.run("1 / 0 if kernel._state else credential"),
        front_end.run("%login nightly"),
        front_end.run("%read {api}/cities --profile nightly"),
        front_end.run("%logout --everywhere"),
        front_end.run("%login --flow device_code", on_message=_once(type_code)),
        front_end.run("nbauth.login('demo', account='bob@contoso.example', flow='paste')", answer=paste),
        front_end.run("%history -n"),
        front_end.run("print(In, Out)"),
    ]
    assert [o.status for o in outcomes].count("error") == 4, [o.error for o in outcomes if o.error]
    secrets = _canaries(demo)
    assert len(secrets) > 12  # both flows' codes and verifiers, and every token
    for outcome in outcomes:
        assert _found(secrets, str(outcome.messages) + str(outcome.prompts)) == []
    front_end.close()
    looked_at = 0
    for path in apart.parent.rglob("*"):
        if path.is_file() and path != demo.directory:
            looked_at += 1
            assert _found(secrets, path.read_bytes().decode("latin-1")) == [], path
    log = (apart / "debug.log").read_text()
    assert "msal" in log
    assert "urllib3" in (apart / "child.log").read_text()
    assert "token provider" in str(outcomes[7].messages)
    assert "nbauth.signin.http.transport" in log
    assert (apart / ".nbauth/http_cache").exists()
    assert looked_at > 4


def _once(act: Any) -> Any:
    done: list[bool] = []

    def maybe(outcome: Any) -> None:
        if "type the code" in outcome.shown and not done:
            done.append(True)
            act(outcome)

    return maybe


def test_the_canaries_sing(demo: DemoServer, person: Any, caplog: pytest.LogCaptureFixture) -> None:
    """The search finds a secret where there is one, whole or cut."""
    nbauth.login("demo", flow="paste", prompt=person(), timeout_s=20)
    secrets = _canaries(demo)
    assert all(_found(secrets, f"x{secret}x") for secret in secrets)
    assert all(_found(secrets, f"x{secret[:-5]}") for secret in secrets)
    assert _found(secrets, caplog.text) == []
