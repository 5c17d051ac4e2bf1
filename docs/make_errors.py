"""Write docs/errors.md from the error catalogue: ``python docs/make_errors.py``. A test holds both in step."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

from nbauth.next_step import Login, filled
from nbauth.signin.client.error_catalogue import entries

if TYPE_CHECKING:
    from nbauth.signin.client.error_catalogue import Entry

PAGE = Path(__file__).with_name("errors.md")

_HEAD = """\
# What a provider's error means

An identity provider that gives no token answers with an error code, and Microsoft Entra with a number, `AADSTS…`, as
well. nbauth turns the usual ones into an exception that says what happened, why it usually happens, and what to do:

    SignInFailed: Profile 'work': the redirect URI is not registered (AADSTS50011). The application … does not list
    http://localhost. Register it under Mobile and desktop applications, or set redirect_uri in nbauth.toml.

The number decides, then Entra's suberror, then the provider's words where they are known, then the OAuth error code.
What none of them explains is shown in the provider's own words, shortened and without what looks like a secret, and no
cause is asserted. That holds for OAuth's general codes, too: `access_denied` with a number or words that nbauth does
not know may mean anything. Microsoft may change numbers at any time and asks not to depend on them; the OAuth error
code then still says what kind of failure it is.

A provider that refuses without an OAuth error is shown in its own words, too: those of the members that are named for
them, such as `message`, `detail` or Okta's `errorSummary`, plain text, or a page's title. Where it says nothing at all,
as with a bare 403, the next step is the one for a client that is not accepted.

A wrong client id or redirect URI shows only on the provider's own page, and nbauth never hears of it. Then
`nbauth explain` says what the page means, from the error's number or code, from the page's text, or from its address:

    nbauth explain AADSTS50011
    nbauth explain --profile work        and paste the page

For an administrator: `error.correlation_id` and `error.trace_id` are what they find the sign-in by in their log, and
`error.answer` is all that the provider said. In a notebook the last exception is `sys.last_value`; a job's log has
them where it keeps the logger `nbauth` at INFO.

The next step is a line to type where the error is shown: in a notebook or an IPython with the magics
`%login work --account NAME`, elsewhere in Python `nbauth.login("work", account="NAME")`, on the command line
`python -c 'import nbauth; nbauth.login("work", account="NAME")'`. The magics are there after `%load_ext nbauth`.
`error.next_step` is the same text. An error that comes from another process is written for the one that shows it.

In the table below, which shows the magics,

- `SignInRequired` stands for a person who has to sign in again; where they are just doing so it is `SignInFailed`. An
  answer that asks a person for claims is always `SignInRequired`, and carries them;
- `work` stands for the profile and `nbauth.toml` for the file that it is read from; where the kernel runs on your own
  machine, `--flow loopback` stands in place of `--flow paste`.

None of it was tried on an Entra tenant: the sources say what the codes mean, and the provider that comes with nbauth
answers with each of them in the tests.

The page is made from `nbauth/signin/client/errors.toml` by `python docs/make_errors.py`.

| codes | what happened, and why | next step | exception | who mends it | source |
|---|---|---|---|---|---|
"""
_EXCEPTIONS = {
    "sign_in_required": "SignInRequired",
    "refused": "SignInRefused",
    "failed": "SignInFailed",
    "config": "ConfigError",
    "unavailable": "ProviderUnavailable",
}
_WORDS = {
    "where": "nbauth.toml",
    "client_id": "CLIENT_ID",
    "redirect_uri": "http://localhost",
    "scopes": "SCOPE …",
    "host": "login.microsoftonline.com",
    "tenant": "TENANT",
    "asked": "SCOPE … (nbauth adds openid profile offline_access)",
    "credential": "the credential",
}
_SITUATIONS = {
    "device_code": "After a device code",
    "secret": "With a secret",
    "certificate": "With a certificate",
    "assertion": "With an assertion",
    "told": "Where the provider says more",
    "job": "For a job",
}
_LOGINS = {
    "login": Login("work"),
    "login_scopes": Login("work", scopes=("SCOPE",)),
    "login_account": Login("work", account="NAME"),
    "browser": Login("work", flow="paste"),
}


def page() -> str:
    """Return the whole page."""
    return _HEAD + "".join(_row(entry) for entry in entries())


def _row(entry: Entry) -> str:
    title = entry.title.format_map(_WORDS)
    steps = [entry.cure, *(f"{_SITUATIONS[name]}: {step}" for name, step in entry.cures.items())]
    cells = (
        ", ".join(f"`{code}`" for code in entry.codes),
        f"{title[0].upper()}{title[1:]}. {entry.cause.format_map(_WORDS)}",
        "<br>".join(filled(step, {**_WORDS, **_LOGINS}).text("magic") for step in steps),
        f"`{_EXCEPTIONS[entry.kind]}`",
        entry.mends,
        ", ".join(f"[{number}]({source})" for number, source in enumerate(entry.sources, 1)),
    )
    return f"| {' | '.join(cells)} |\n"


if __name__ == "__main__":
    PAGE.write_text(page(), encoding="utf-8")
