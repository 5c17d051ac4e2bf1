"""What the pages of `docs/` show is run: each call by the public functions, against the service as it is documented."""

from __future__ import annotations

import re
import tomllib
from pathlib import Path
from typing import TYPE_CHECKING, Any
from urllib.parse import urlsplit

import pandas as pd
import pytest
from documented import ANSWERS, Service, documented, records_of
from loopback_api import FakeAuthorizer
from played_api import session_of

from nbauth.api import loading
from nbauth.signin.profile.profile import Profile

if TYPE_CHECKING:
    from collections.abc import Iterator

DOCS = Path(__file__).parents[3] / "docs"
PAGES = sorted((DOCS / "services").glob("*.md"))
LOADING = [DOCS / "loading.md", *sorted((DOCS / "loading").glob("*.md"))]
BLOCK = re.compile(r"^```(python|toml)\n(.*?)^```$", re.MULTILINE | re.DOTALL)
CASES = [case for file in ANSWERS for case in documented(file).values() if case.rows is not None]


def blocks(page: Path, language: str) -> list[str]:
    """Return the code of a page."""
    return [code for kind, code in BLOCK.findall(page.read_text(encoding="utf-8")) if kind == language]


def profiles(page: Path) -> Iterator[Profile]:
    """Return the profiles of a page, which are as `nbauth.toml` has them."""
    for code in blocks(page, "toml"):
        for name, keys in tomllib.loads(code)["profiles"].items():
            yield Profile(name, **keys)


class _Authorizer(FakeAuthorizer):
    def who(self, url: str) -> str:
        return "somebody"


@pytest.fixture
def service(monkeypatch: pytest.MonkeyPatch, page: Path) -> Service:
    """Answer what the public functions ask for, at the origins that the page's profiles name."""
    here = {urlsplit(origin).netloc for profile in profiles(page) for origin in profile.apis} or {"api.contoso.com"}
    service = Service(*(case for case in CASES if urlsplit(case.url).netloc in here))
    monkeypatch.setattr(
        loading, "_authorizer_for", lambda urls, profile: _Authorizer(*(f"https://{host}" for host in here))
    )
    for name in ("session_of", "load_session_of"):
        monkeypatch.setattr(
            loading, name, lambda authorizer, **_: session_of(service, *(f"https://{host}" for host in here))
        )
    return service


@pytest.mark.filterwarnings("error")
@pytest.mark.parametrize("page", [page for page in PAGES if blocks(page, "python")], ids=lambda page: page.stem)
def test_page(page: Path, service: Service) -> None:
    """Each call of a service's page brings the rows of a documented answer, with nothing said."""
    names: dict[str, Any] = {}
    for code in blocks(page, "python"):
        names.pop("df", None)
        service.met.clear()
        exec(compile(code, page.name, "exec"), names)  # noqa: S102 - our own documentation
        assert isinstance(names["df"], pd.DataFrame)
        met = {case.name: case for case in service.met}
        assert len(met) == 1, f"{sorted(met)} answered {code}"
        assert [records_of(names["df"])] == [case.rows for case in met.values()]


@pytest.mark.filterwarnings("error")
@pytest.mark.parametrize("page", [page for page in LOADING if blocks(page, "python")], ids=lambda page: page.stem)
def test_loading(page: Path, service: Service) -> None:
    """What the pages about loading show runs as it stands, and the last frame of each block is what was answered."""
    names: dict[str, Any] = {}
    for code in blocks(page, "python"):
        service.met.clear()
        exec(compile(code, page.name, "exec"), names)  # noqa: S102 - our own documentation
        assert service.met, code
        if code.rstrip().splitlines()[-1].startswith("df = "):
            assert records_of(names["df"]) == service.met[-1].rows


@pytest.mark.parametrize("page", [page for page in PAGES if page.name != "README.md"], ids=lambda page: page.stem)
def test_says_what_was_tried(page: Path) -> None:
    """Each page says that the service itself was not tried, names its sources, and stands in the list of pages."""
    content = page.read_text(encoding="utf-8")
    assert "Shape tried, service not tried" in content
    assert "\nSources: " in content
    assert f"]({page.name})" in (DOCS / "services" / "README.md").read_text(encoding="utf-8")
