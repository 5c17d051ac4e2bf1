"""notebooks/one_sign_in.ipynb, executed with nobody there, on the demo's API, Azurite and a server that chats."""

from __future__ import annotations

import json
import re
from pathlib import Path
from typing import TYPE_CHECKING

import nbformat
import pytest
from nbclient import NotebookClient
from service_answers import as_openai
from token_checking_server import serving_those_with_a_token

from nbauth.__main__ import main

if TYPE_CHECKING:
    from conftest import Azurite

    from nbauth.demo.server import DemoServer

NOTEBOOK = Path(__file__).parents[2] / "notebooks" / "one_sign_in.ipynb"
# nbclient leaves its event loop's sockets to the collector.
pytestmark = [
    pytest.mark.filterwarnings("ignore::ResourceWarning"),
    pytest.mark.filterwarnings("ignore::pytest.PytestUnraisableExceptionWarning"),
]


def test_runs(azurite: Azurite, demo: DemoServer, apart: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """It runs from its start to its end, shows what the sign-in is lent to, and no secret."""
    with serving_those_with_a_token(demo, resource="https://cognitiveservices.azure.com") as models:
        as_openai(models)
        text = demo.config_path.read_text(encoding="utf-8").replace('default = "demo"', 'default = "nightly"')
        text = text.replace('"ca.pem"', f'"{demo.ca_file}"')
        text = text.replace('"nightly.secret"', f'"{demo.config_path.parent / "nightly.secret"}"')
        for url, resource in ((azurite.blob, "https://storage.azure.com"), (models.origin, models.resource)):
            text += f"{json.dumps(url)} = [{json.dumps(f'{resource}/.default')}]\n"
        (apart / "nbauth.toml").write_text(text, encoding="utf-8")
        monkeypatch.delenv("NBAUTH_CONFIG")
        monkeypatch.setenv("NBAUTH_DEMO_API", demo.api_url)
        monkeypatch.setenv("NBAUTH_DEMO_STORAGE", azurite.blob_url)
        monkeypatch.setenv("NBAUTH_DEMO_MODELS", models.origin)
        assert main(["trust", str(apart)]) == 0
        notebook = nbformat.read(NOTEBOOK, as_version=4)
        NotebookClient(notebook, timeout=100, resources={"metadata": {"path": str(apart)}}).execute()
    outputs = [output for cell in notebook.cells for output in cell.get("outputs", [])]
    shown = "\n".join(o.get("text", "") + o.get("data", {}).get("text/plain", "") for o in outputs)
    assert f"Signed in to nightly as {demo.confidential_client_id}" in shown
    assert "['sunlight.parquet']" in shown
    assert shown.count("Longyearbyen") == 2  # Polars, and Dask
    assert "'The sun rises.'" in shown
    lent = re.findall(r"^(.*?)  +nightly  +(\S.*)$", shown.partition("lent to")[2], re.MULTILINE)
    assert {tool.partition(" (")[0] for tool, _ in lent} >= {"nbauth.auth", "Azure credential", "Polars"}
    assert (dict(lent)["Polars"], dict(lent)["token provider"]) == (azurite.blob, models.origin)
    secrets = [secret for secret in demo.provider.issued_secrets if len(secret) > 20]
    assert secrets
    assert [secret for secret in secrets if secret in json.dumps(notebook)] == []
