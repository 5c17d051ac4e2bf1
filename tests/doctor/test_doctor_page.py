"""The documentation's example of `nbauth doctor` is what it prints."""

from __future__ import annotations

import re
from pathlib import Path
from typing import TYPE_CHECKING

from nbauth.doctor import examine, lines_of
from nbauth.doctor.finding import Finding

if TYPE_CHECKING:
    import pytest

    from nbauth.demo.server import DemoServer

PAGE = Path(__file__).parent.parent.parent / "docs/command-line.md"
OF_THIS_MACHINE = ("versions", "extras", "front end", "authorities", "proxy", "remember")
CONFIGURATION = """\
default = "work"

[profiles.work]
client_id = "{public}"
authority = "{authority}"
redirect_uri = "https://hub.contoso.com/callback.html"
ca_bundle = "{ca}"
apis = {{ "{api}" = ["api://nbauth-demo/Data.Read"] }}

[profiles.nightly]
client_id = "{confidential}"
authority = "{authority}"
client_secret = {{ env = "NIGHTLY_SECRET" }}
ca_bundle = "{ca}"
apis = {{ "{api}" = ["api://nbauth-demo/.default"] }}
"""


def _parsed(text: str) -> list[tuple[str, str, str]]:
    """Return level, topic, and text with cure of each finding that lines show."""
    found = re.findall(r"^(\w+) +([^:\n]+): (.*?)(?=^\w|\Z|^$)", text, flags=re.MULTILINE | re.DOTALL)
    return [(level, topic, " ".join(said.split())) for level, topic, said in found]


def example(demo: DemoServer, folder: Path, monkeypatch: pytest.MonkeyPatch) -> str:
    """Return what the doctor prints of a configuration, with names in place of this machine's."""
    path = folder / "nbauth.toml"
    names = {"authority": demo.authority, "ca": demo.ca_file, "api": demo.api_origin}
    clients = {"public": demo.client_id, "confidential": demo.confidential_client_id}
    path.write_text(CONFIGURATION.format(**names, **clients))
    monkeypatch.setenv("NBAUTH_CONFIG", str(path))
    monkeypatch.setenv("NIGHTLY_SECRET", demo.client_secret)
    report = examine()
    tenant = demo.authority.rpartition("/")[2]
    shown = {
        demo.authority: f"https://login.contoso.com/{tenant}",
        demo.authority.removeprefix("https://").partition("/")[0]: "login.contoso.com",
        demo.api_origin: "https://api.contoso.com",
        str(folder): "/home/jo/work",
    }

    def named(text: str) -> str:
        for before, after in shown.items():
            text = text.replace(before, after)
        return text

    findings = [
        Finding(topic=f.topic, level=f.level, text=named(f.text), cure=None if f.cure is None else named(str(f.cure)))
        for f in report.findings
    ]
    return "\n".join([*(line for f in findings for line in lines_of(f, width=100)), "", report.sum])


def test_the_example(demo: DemoServer, apart: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Each finding about the configuration and the providers is the same; of the machine, what is looked at."""
    page = PAGE.read_text(encoding="utf-8").partition("```text\n")[2].partition("```")[0]
    printed = example(demo, apart, monkeypatch)
    told, expected = _parsed(page), _parsed(printed)
    assert len(expected) >= 10
    assert [topic for _, topic, _ in told] == [topic for _, topic, _ in expected]
    assert [line for line in told if line[1] not in OF_THIS_MACHINE] == [
        line for line in expected if line[1] not in OF_THIS_MACHINE
    ]
    assert page.splitlines()[-1] == printed.splitlines()[-1]
