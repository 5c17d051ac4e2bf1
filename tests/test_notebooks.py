"""The documentation's notebooks, executed; and notebooks that run with nobody there."""

from __future__ import annotations

import re
import time
from pathlib import Path
from typing import TYPE_CHECKING, Any

import nbformat
import papermill
import pytest
from nbclient import NotebookClient
from nbclient.exceptions import CellExecutionError
from papermill.exceptions import PapermillExecutionError

from nbauth.__main__ import main
from nbauth.demo.person import Person

if TYPE_CHECKING:
    from fake_front_end import FakeFrontEnd, Outcome

    from nbauth.demo.server import DemoServer

NOTEBOOKS = Path(__file__).parent.parent / "notebooks"
VEGA_LITE = "application/vnd.vegalite.v5+json"
# nbclient leaves its event loop's sockets to the collector.
pytestmark = [
    pytest.mark.filterwarnings("ignore::ResourceWarning"),
    pytest.mark.filterwarnings("ignore::pytest.PytestUnraisableExceptionWarning"),
]


@pytest.fixture
def unattended(demo: DemoServer, apart: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """Return a directory whose default profile is the job's; a person approved of it."""
    text = demo.config_path.read_text().replace('default = "demo"', 'default = "nightly"')
    text = text.replace('"ca.pem"', f'"{demo.ca_file}"')
    text = text.replace('"nightly.secret"', f'"{demo.config_path.parent / "nightly.secret"}"')
    (apart / "nbauth.toml").write_text(text)
    monkeypatch.delenv("NBAUTH_CONFIG")
    monkeypatch.setenv("NBAUTH_DEMO_API", demo.api_url)
    assert main(["trust", str(apart)]) == 0
    return apart


def _execute(notebook: nbformat.NotebookNode, folder: Path) -> nbformat.NotebookNode:
    return NotebookClient(notebook, timeout=100, resources={"metadata": {"path": str(folder)}}).execute()


def _texts(notebook: nbformat.NotebookNode) -> str:
    outputs = [output for cell in notebook.cells for output in cell.get("outputs", [])]
    return "\n".join(o.get("text", "") + o.get("data", {}).get("text/plain", "") for o in outputs)


def _of(cell: nbformat.NotebookNode) -> nbformat.NotebookNode:
    return nbformat.v4.new_notebook(cells=[cell])


def _chart(notebook: nbformat.NotebookNode) -> Any:
    outputs = [output for cell in notebook.cells for output in cell.get("outputs", [])]
    (chart,) = filter(None, (output.get("data", {}).get(VEGA_LITE) for output in outputs))
    return chart


def test_quickstart_runs_unattended(unattended: Path, demo: DemoServer) -> None:
    """The quickstart notebook runs with a confidential client, draws a line for each city, and ends signed in."""
    notebook = _execute(nbformat.read(NOTEBOOKS / "quickstart.ipynb", as_version=4), unattended)
    texts = _texts(notebook)
    assert f"Signed in to nightly as {demo.confidential_client_id}" in texts
    assert "datetime64[us, UTC]" in texts or "datetime64[ns, UTC]" in texts
    assert "(200, " in texts
    assert "Signed out" not in texts
    chart = _chart(notebook)
    assert {value["name"] for value in chart["data"]["values"]} >= {"Quito", "Zürich", "Tromsø"}
    assert chart["encoding"]["y"]["title"] == "day_length_min"


def test_quickstart_runs_without_the_demo(unattended: Path, demo: DemoServer, monkeypatch: pytest.MonkeyPatch) -> None:
    """Where a profile of one's own holds, the quickstart reads another address, and draws what is there."""
    monkeypatch.delenv("NBAUTH_DEMO_API")
    own = (NOTEBOOKS / "quickstart.ipynb").read_text(encoding="utf-8")
    assert "https://graph.microsoft.com/v1.0/me" in own
    own = own.replace("https://graph.microsoft.com/v1.0/me", f"{demo.api_url}/cities/Cairo")
    chart = _chart(_execute(nbformat.reads(own, as_version=4), unattended))
    assert chart["data"]["values"] == [{"name": "Cairo", "rows": 1}]


def test_tables_and_reports(unattended: Path) -> None:
    """The notebook of tables and reports reads each stand-in, and shows a service's own words for a wrong query."""
    texts = _texts(_execute(nbformat.read(NOTEBOOKS / "tables_and_reports.ipynb", as_version=4), unattended))
    assert "DayLengthMin" in texts
    assert "Cities[Country]" in texts
    assert "Alice Adams" in texts
    assert "This stand-in knows one query" in texts


def test_dashboard(unattended: Path) -> None:
    """The dashboard draws nothing while nobody is signed in, and then the days of a city."""
    notebook = nbformat.read(NOTEBOOKS / "dashboard.ipynb", as_version=4)
    look = "print([output['data']['text/plain'] for output in chart.outputs], city.value)"
    notebook.cells += [nbformat.v4.new_code_cell(cell) for cell in (look, "nbauth.login()", look)]
    before, _, after = [_texts(_of(cell)) for cell in _execute(notebook, unattended).cells[-3:]]
    assert before == "[] None\n"
    assert after == "['21 days'] Auckland\n"


@pytest.mark.filterwarnings("ignore::DeprecationWarning")
def test_the_same_by_day_and_by_night(
    demo: DemoServer, apart: Path, front_end: FakeFrontEnd, monkeypatch: pytest.MonkeyPatch
) -> None:
    """unattended.ipynb runs as a person's, who types a code, and as a job's, and comes to the same result."""
    path, result = NOTEBOOKS / "unattended.ipynb", apart / "result.ipynb"
    by_day, typed, person = "", [], Person("alice", ca_file=demo.ca_file)

    def type_code(outcome: Outcome) -> None:
        code = re.search(r"type the code (\S+)", outcome.shown)
        if code and not typed:
            typed.append(code.group(1))
            person.enter_code(f"{demo.provider.page_origin}/common/oauth2/deviceauth", code.group(1))

    front_end.run(f"import os\nos.environ['NBAUTH_DEMO_API'] = {demo.api_url!r}")
    for cell in nbformat.read(path, as_version=4).cells:
        if cell.cell_type == "code":
            outcome = front_end.run(cell.source, on_message=type_code)
            assert outcome.status == "ok", outcome.error
            by_day += outcome.text
    monkeypatch.setenv("NBAUTH_DEMO_API", demo.api_url)
    monkeypatch.setenv("NBAUTH_PROFILE", "nightly")
    papermill.execute_notebook(path, result, progress_bar=False, cwd=apart)
    by_night = _texts(nbformat.read(result, as_version=4))
    rows = re.compile(r"Longyearbyen: .*rows")
    assert rows.search(by_day)[0] == rows.search(by_night)[0]
    assert "alice@contoso.example" in by_day
    assert demo.confidential_client_id in by_night
    assert not [secret for secret in demo.provider.issued_secrets if secret in by_day + result.read_text()]


@pytest.mark.parametrize("path", sorted(NOTEBOOKS.glob("*.ipynb")), ids=lambda path: path.name)
def test_notebooks_are_stored_without_outputs(path: Path) -> None:
    """A notebook in the repository holds no outputs, and is valid."""
    notebook = nbformat.read(path, as_version=4)
    nbformat.validate(notebook)
    assert all(not cell.get("outputs") and cell.get("execution_count") is None for cell in notebook.cells)


def _notebook(*cells: str) -> nbformat.NotebookNode:
    return nbformat.v4.new_notebook(cells=[nbformat.v4.new_code_cell(cell) for cell in cells])


@pytest.mark.parametrize("line", ["%login", "%login --flow device_code", "nbauth.login(flow='paste')"])
def test_a_person_is_needed(line: str, demo: DemoServer, apart: Path) -> None:
    """Under nbclient a profile that needs a person fails at once, in one line that says what to do."""
    notebook = _notebook("%load_ext nbauth\nimport nbauth", line, "print('not reached')")
    started = time.monotonic()
    with pytest.raises(CellExecutionError, match=r"this notebook runs unattended.*client_secret"):
        _execute(notebook, apart)
    assert time.monotonic() - started < 20
    (output,) = notebook.cells[1].outputs
    assert len(output.traceback) == 1
    assert len(demo.provider.requests) == 0
    assert notebook.cells[2].outputs == []


@pytest.mark.filterwarnings("ignore::DeprecationWarning")
def test_papermill(unattended: Path, demo: DemoServer, monkeypatch: pytest.MonkeyPatch) -> None:
    """Under papermill a confidential profile works as it is, and a person's fails at once."""
    path, result = unattended / "job.ipynb", unattended / "result.ipynb"
    read = f"import nbauth\nprint(len(nbauth.read('{demo.api_url}/sunlight')))"
    nbformat.write(_with_kernel(_notebook(read)), path)
    papermill.execute_notebook(path, result, progress_bar=False, cwd=unattended)
    assert "5000" in _texts(nbformat.read(result, as_version=4))
    nbformat.write(_with_kernel(_notebook("import nbauth\nnbauth.login('demo')")), path)
    with pytest.raises(PapermillExecutionError, match="runs unattended"):
        papermill.execute_notebook(path, result, progress_bar=False, cwd=unattended)


def _with_kernel(notebook: nbformat.NotebookNode) -> Any:
    notebook.metadata["kernelspec"] = {"name": "python3", "language": "python", "display_name": "Python 3"}
    return notebook
