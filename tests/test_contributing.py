"""The examples of CONTRIBUTING.md: in a copy of the package, each is a new file and the lines of a registry."""

from __future__ import annotations

import io
import os
import re
import shutil
import subprocess
import sys
from pathlib import Path
from typing import TYPE_CHECKING

import pyarrow as pa
import pytest
from pyarrow import orc

import nbauth

if TYPE_CHECKING:
    from nbauth.demo.server import DemoServer

CONTRIBUTING = (Path(__file__).parent.parent / "CONTRIBUTING.md").read_text(encoding="utf-8")
BEFORE = """
import nbauth
from nbauth.demo.check import PersonPrompt
from nbauth.demo.person import Person

def prompt(choose="alice"):
    return PersonPrompt(Person(choose, ca_file={ca_file!r}), choose)

api = {api_url!r}
"""
# What somebody does with each example, and below what it prints.
USES = {
    "flow": """
print(nbauth.login("demo", flow="paste_fragment", prompt=prompt("bob")).username)
""",
    "adapter": """
nbauth.login("demo", flow="paste", prompt=prompt())
import httpx
from nbauth.adapters import HttpxAuth
print(httpx.get(f"{api}/me", auth=HttpxAuth()).json()["displayName"])
""",
    "style of paging": """
nbauth.login("nightly")
print(nbauth.read(f"{api}/pages", profile="nightly", paging="page_header")["a"].tolist())
""",
    "format": """
nbauth.login("nightly")
print(nbauth.read(f"{api}/table", profile="nightly")["a"].tolist())
""",
}
PRINTED = {
    "flow": "bob@contoso.example",
    "adapter": "Alice Adams",
    "style of paging": "[1, 2, 3]",
    "format": "[1, 2, 3]",
}


@pytest.fixture
def api(demo: DemoServer) -> DemoServer:
    """The demo, whose API has one more collection in pages, and a table in ORC."""
    json = {"Content-Type": "application/json"}
    demo.api.faults.add("*/pages", status=200, body='[{"a": 1}, {"a": 2}]', headers={**json, "X-Next-Page": "2"})
    demo.api.faults.add("*/pages", status=200, body='[{"a": 3}]', headers=json)
    file = io.BytesIO()
    orc.write_table(pa.table({"a": [1, 2, 3]}), file)
    demo.api.faults.add("*/table", status=200, body=file.getvalue(), headers={"Content-Type": "application/x-orc"})
    return demo


def example(kind: str) -> tuple[str, str, str, list[str]]:
    """Return an example's new file and its text, the registry's file, and the lines of its diff."""
    section = re.search(rf"^### An? {kind}$(.*?)(?=^##|\Z)", CONTRIBUTING, re.MULTILINE | re.DOTALL)
    assert section, f"CONTRIBUTING.md has no example of a {kind}"
    code = re.search(r"^```python\n# (nbauth/\S+\.py)\n(.*?)^```$", section[1], re.MULTILINE | re.DOTALL)
    diff = re.search(r"^```diff\n--- (nbauth/\S+\.py)\n(.*?)^```$", section[1], re.MULTILINE | re.DOTALL)
    assert code, section[1]
    assert diff, section[1]
    return code[1], code[2], diff[1], diff[2].splitlines()


def patched(text: str, diff: list[str]) -> str:
    """Return a text with the lines that a diff adds; those before and after them are there once, as it says."""
    before = "".join(f"{line[1:]}\n" for line in diff if line[0] == " ")
    assert text.count(before) == 1, f"the registry does not hold these lines once:\n{before}"
    return text.replace(before, "".join(f"{line[1:]}\n" for line in diff))


@pytest.mark.parametrize("kind", USES)
def test_example_works(kind: str, api: DemoServer, tmp_path: Path) -> None:
    """An example of ten lines works as it stands, with no more than its file and its line in the registry."""
    copy = tmp_path / "nbauth"
    shutil.copytree(Path(nbauth.__file__).parent, copy, ignore=shutil.ignore_patterns("__pycache__"))
    name, code, registry, diff = example(kind)
    assert not (tmp_path / name).exists()
    assert len([line for line in code.splitlines() if line]) <= 12
    assert len([line for line in diff if line[0] == "+"]) == 1
    (tmp_path / name).write_text(code, encoding="utf-8")
    changed = patched((tmp_path / registry).read_text(encoding="utf-8"), diff)
    (tmp_path / registry).write_text(changed, encoding="utf-8")
    where = f"assert nbauth.__file__.startswith({str(copy)!r})\n"
    done = subprocess.run(
        [sys.executable, "-c", BEFORE.format(ca_file=str(api.ca_file), api_url=api.api_url) + where + USES[kind]],
        env={**os.environ, "PYTHONPATH": str(tmp_path)},
        capture_output=True,
        text=True,
        timeout=60,
        check=False,
    )
    assert done.stdout.splitlines() == [PRINTED[kind]], done.stderr
