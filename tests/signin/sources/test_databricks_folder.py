"""`source = "databricks"` where the notebook's folder has modules of its names; the rest is in tests/tools."""

from __future__ import annotations

import sys
from typing import TYPE_CHECKING, Any

import pytest

import nbauth
from nbauth.errors import SignInRequired

if TYPE_CHECKING:
    from pathlib import Path

    from nbauth.demo.server import DemoServer

RUNS = "from pathlib import Path\nPath(__file__).with_name('was_run').touch()\n"


@pytest.mark.parametrize("name", ["databricks/__init__.py", "databricks.py", "dbruntime/__init__.py", "dbruntime.py"])
def test_modules_of_the_notebook_s_folder(
    name: str, apart: Path, profile: Any, demo: DemoServer, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A databricks or dbruntime in the notebook's folder is not run, be the SDK installed or not."""
    monkeypatch.setenv("DATABRICKS_RUNTIME_VERSION", "16.4")
    for module in [each for each in sys.modules if each.partition(".")[0] in ("databricks", "dbruntime")]:
        monkeypatch.delitem(sys.modules, module)
    (apart / name).parent.mkdir(parents=True, exist_ok=True)
    (apart / name).write_text(RUNS)
    monkeypatch.syspath_prepend(str(apart))
    profile("databricks")
    with pytest.raises(SignInRequired, match=r"databricks-sdk is not installed|is one of the notebook's folder"):
        nbauth.login("lab")
    assert list(apart.rglob("was_run")) == []
    assert list(demo.api.requests) == []
