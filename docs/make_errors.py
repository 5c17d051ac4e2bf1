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

nbauth looks at the number first, then at Entra's suberror, then at the provider's words if they are known, then at the
OAuth error code. If none of them is in the table, nbauth shows the provider's own words, shortened and without what
looks like a secret, and names no cause. It does the same for OAuth's general codes: `access_denied` with a number or
words that nbauth does not know may mean anything. Microsoft may change its numbers at any time, and asks not to depend
on them. The OAuth error code then still says what kind of failure it is.

Some providers refuse without an OAuth error. Then nbauth shows what they say in `message`, `detail` or Okta's
`errorSummary`, in plain text, or in a page's title. If they say nothing at all, as with a 403 without a body, the next
step is the one for a client that is not accepted.

A wrong client id or redirect URI shows only on the provider's own page, and nbauth is not told. `nbauth explain` says
what such a page means. Give it the error's number or code, the page's text, or its address:

    nbauth explain AADSTS50011
    nbauth explain --profile work        and paste the page

For your administrator: `error.correlation_id` and `error.trace_id` are what they search for in their sign-in log.
`error.answer` is all that the provider said. In a notebook the last error is `sys.last_value`. A job's log has both ids
if it keeps the logger `nbauth` at INFO.

The next step is a line that you can type where you see the error:

| where | the line |
|---|---|
| a notebook or IPython, after `%load_ext nbauth` | `%login work --account NAME` |
| elsewhere in Python | `nbauth.login("work", account="NAME")` |
| the command line | `python -c 'import nbauth; nbauth.login("work", account="NAME")'` |

`error.next_step` is the same text. If an error comes from another process, the line fits the process that shows it.

In the table below, which shows the magics:

- `SignInRequired` means that a person has to sign in again. If they are signing in at that moment, it is `SignInFailed`
  instead. If the provider asks for claims, it is always `SignInRequired`, and `error.claims` has them;
- `work` is the profile, and `nbauth.toml` the file that it is read from;
- `--flow paste` is `--flow loopback` if the kernel runs on your own machine.

What you see may be no error of the provider's: [When something is wrong](wrong.md).

None of it was tried on an Entra tenant. The sources say what the codes mean, and the provider that comes with nbauth
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
