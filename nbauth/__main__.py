"""The command line: ``nbauth demo | profiles | init | trust | doctor | explain``."""

from __future__ import annotations

import argparse
import json
import sys
from pathlib import Path
from typing import TYPE_CHECKING

from nbauth import __version__
from nbauth.errors import ConfigError, NbauthError
from nbauth.next_step import Install, shown_in, to_run

if TYPE_CHECKING:
    from nbauth.signin.profile.config import Config
    from nbauth.signin.profile.profile import Profile

__all__ = ["main"]

_TEMPLATE = """\
# nbauth: who signs in, and where the tokens may go. Nothing secret belongs in this file.
default = "work"

[profiles.work]
client_id = "00000000-0000-0000-0000-000000000000"   # the application's id at the provider
tenant = "contoso.onmicrosoft.com"                    # or oidc_authority = "https://login.example.org/realms/lab"

[profiles.work.apis]                                  # origins, and the scopes that each of them needs
"https://graph.microsoft.com" = ["User.Read"]

# A notebook that runs unattended signs in as the application itself:
# [profiles.nightly]
# client_id = "00000000-0000-0000-0000-000000000000"
# tenant = "contoso.onmicrosoft.com"
# client_secret = { env = "NIGHTLY_SECRET" }          # or { file = "…" } or { keyring = "service/username" }
# [profiles.nightly.apis]
# "https://graph.microsoft.com" = ["https://graph.microsoft.com/.default"]
"""


def main(arguments: list[str] | None = None) -> int:
    """Run a command.

    Args:
        arguments: without the program's name; by default those of the process.

    Returns:
        The exit status: 0 when it did what was asked, 1 when not; of `doctor` also 3, for warnings.
    """
    parser = _parser()
    options = parser.parse_args(arguments)
    with shown_in("command_line"):
        try:
            return int(options.run(options))
        except NbauthError as error:
            print(f"nbauth: {error}", file=sys.stderr)
            return 1
        except KeyboardInterrupt:
            return 130


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(prog="nbauth", description="Sign-in for Jupyter notebooks.")
    parser.add_argument("--version", action="version", version=f"nbauth {__version__}")
    commands = parser.add_subparsers(required=True, metavar="COMMAND")

    demo = commands.add_parser("demo", help="try it without a tenant: a provider, an API and a notebook")
    mode = demo.add_mutually_exclusive_group()
    mode.add_argument("--check", action="store_true", help="do the main job with nobody there, and say how it went")
    mode.add_argument("--serve", action="store_true", help="only serve; print one line of JSON")
    mode.add_argument(
        "--run",
        dest="run_command",
        nargs=argparse.REMAINDER,
        help="run this command of a Jupyter server, and be reached by its jupyter-server-proxy; the last option",
    )
    demo.add_argument("--port", type=int, default=0, metavar="N", help="port of the provider (default: any)")
    demo.set_defaults(run=_demo)

    profiles = commands.add_parser("profiles", help="list the profiles that hold here")
    profiles.set_defaults(run=_profiles)

    init = commands.add_parser("init", help="write an nbauth.toml to start from")
    init.set_defaults(run=_init)

    trust = commands.add_parser("trust", help="approve of a configuration that came with a folder")
    trust.add_argument("file", nargs="?", type=Path, metavar="FILE", help="default: the one that holds here")
    how = trust.add_mutually_exclusive_group()
    how.add_argument("--show", action="store_true", help="only say what it would do, and whether it was approved")
    how.add_argument("--revoke", action="store_true", help="take the approval back")
    trust.set_defaults(run=_trust)

    doctor = commands.add_parser(
        "doctor",
        help="say what nbauth finds here, what the providers say, and what helps",
        epilog="Exit status: 0 where all works, 1 where something does not, 3 where something is to be looked at.",
    )
    doctor.add_argument("--json", action="store_true", help="as JSON, for administrators and bug reports; no secret")
    doctor.set_defaults(run=_doctor)

    explain = commands.add_parser(
        "explain", help="say what an error of nbauth's or on a provider's page means, and what helps"
    )
    explain.add_argument(
        "text",
        nargs="*",
        metavar="TEXT",
        help="its name, such as SignInRequired, its number, or its text (default: what is pasted)",
    )
    explain.add_argument("--profile", metavar="NAME", help="the profile that was signing in (default: the default one)")
    explain.set_defaults(run=_explain)
    return parser


def _demo(options: argparse.Namespace) -> int:
    try:
        from nbauth.demo import check, hosted, lab, serve
    except ImportError as error:
        print(f"nbauth demo needs {error.name}. {to_run(Install('nbauth[demo]'))}", file=sys.stderr)
        return 1
    if options.check:
        return check.run(port=options.port)
    if options.serve:
        return serve.run(port=options.port)
    if options.run_command is not None:
        return hosted.run(options.run_command, port=options.port)
    return lab.run(port=options.port)


def _config() -> Config:
    from nbauth import kernel

    config = kernel.config()
    if config.problem is not None:
        raise config.problem
    return config


def _profiles(_options: argparse.Namespace) -> int:
    from nbauth.frontend.text import printable
    from nbauth.net.origins import display_url
    from nbauth.signin.profile import approvals, resolve
    from nbauth.signin.profile.config import unused_application

    config = _config()
    if not config.profiles:
        print(printable(f"No profile is configured. {resolve.where_looked(config)} {resolve.START}"))
        return 1
    print(printable(config.source))
    if unused := unused_application(config):
        print(printable(unused))
    request = approvals.request_for(config)
    if request.reasons and not approvals.is_approved(request):
        print("It is not approved. Run: nbauth trust --show")
    for name, profile in config.profiles.items():
        mark = "*" if name == resolve.default_name(config) else " "
        names = profile.resolved_authority.kind != "sources"
        where = [display_url(profile.authority_url)] if names else []
        print(f"{mark} {name}: {', '.join((profile.kind or '', *where, *profile.source))}")
        for origin, scopes in profile.apis.items():
            print(printable(f"    {display_url(origin)}: {' '.join(scopes) or '(no scopes)'}"))
    return 0


def _init(_options: argparse.Namespace) -> int:
    path = Path.cwd() / "nbauth.toml"
    try:
        with path.open("x", encoding="utf-8") as file:
            file.write(_TEMPLATE)
    except FileExistsError:
        print(f"{path} is there already and was left as it is.", file=sys.stderr)
        return 1
    except OSError as error:
        raise ConfigError(f"{path} cannot be written: {error.strerror or error}.") from None
    print(f"Wrote {path}. Put in your application's client_id and tenant, then run: nbauth doctor")
    print("A notebook then signs in with %load_ext nbauth and %login, a script with nbauth.login().")
    return 0


def _trust(options: argparse.Namespace) -> int:
    from nbauth.frontend.text import one_line, printable, wrapped
    from nbauth.signin.profile import approvals
    from nbauth.signin.profile.config import load

    path: Path | None = options.file
    if path is not None:
        path = (path / "nbauth.toml" if path.is_dir() else path).absolute()
    request = approvals.request_for(_config() if path is None else load(path))
    source = printable(request.source)
    if options.revoke:
        print(f"{source}: {'is no longer approved' if approvals.revoke(request) else 'was not approved'}.")
        return 0
    if not request.reasons:
        print(f"{source}: needs no approval.")
        return 0
    print(f"{source}:")
    for reason in request.reasons:
        print("\n".join(wrapped(one_line(reason), head="  ", deeper=6)))
    if options.show:
        is_approved = approvals.is_approved(request)
        print(
            "It is approved as it is now." if is_approved else f"It is not approved. Run: {printable(request.command)}"
        )
        return 0 if is_approved else 1
    approvals.keep(request)
    print("Approved, until it or one of its certificate authorities changes. To undo: nbauth trust --revoke")
    return 0


def _doctor(options: argparse.Namespace) -> int:
    from nbauth.doctor import examine, lines_of

    if options.json:
        report = examine()
        print(json.dumps(report.to_json(), indent=2))
    else:
        report = examine(lambda finding: print("\n".join(lines_of(finding)), flush=True))
        print(f"\n{report.sum}")
    return report.exit_status


def _explain(options: argparse.Namespace) -> int:
    from nbauth.doctor.symptoms import PAGE, symptoms
    from nbauth.frontend.text import printable
    from nbauth.signin.client.error_catalogue import explain

    if not options.text and sys.stdin.isatty():
        print("Paste the error, or the text of the provider's page, and end with Ctrl+D on a line of its own:")
    text = " ".join(options.text) or sys.stdin.read()
    # What the provider said tells more than the name of the error that it became.
    explained = explain(text, _profile_of(options.profile))
    if explained is None:
        if known := symptoms(text):
            print("\n\n".join("\n".join(symptom.lines()) for symptom in known))
            print(f"\nAll of them: {PAGE}")
            return 0
        print(
            "Nothing in this text is known here. Give the error's name, number or code, such as SignInRequired, "
            "AADSTS50011 or redirect_uri_mismatch, or all the text of the page.",
            file=sys.stderr,
        )
        return 1
    print(printable(str(explained)))
    for source in explained.sources:
        print(source)
    return 0 if explained.is_known else 1


def _profile_of(name: str | None) -> Profile | None:
    """Return the profile that an explanation names, or None: an error is explained where no file can be read, too."""
    from nbauth import kernel
    from nbauth.signin.profile import resolve

    try:
        return resolve.by_name(kernel.config(), name)
    except ConfigError:
        if name is not None:
            raise
        return None


if __name__ == "__main__":
    sys.exit(main())
