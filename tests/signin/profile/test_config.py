from __future__ import annotations

import codecs
import os
import re
from contextlib import nullcontext
from typing import TYPE_CHECKING

import pytest
from hypothesis import given
from hypothesis import strategies as st

import nbauth
from nbauth import kernel
from nbauth.errors import ConfigError, OriginNotAllowed
from nbauth.files.user_directories import config_directory
from nbauth.signin.profile import config as configuration
from nbauth.signin.profile.config import Config
from nbauth.signin.profile.profile import Profile
from nbauth.signin.profile.resolve import by_name, by_url, to_forget

if TYPE_CHECKING:
    from pathlib import Path

PROFILE = """
[profiles.{name}]
client_id = "id-{name}"
tenant = "contoso.onmicrosoft.com"
[profiles.{name}.apis]
"{origin}" = ["scope"]
"""


def _write(path: Path, text: str) -> Path:
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(text)
    return path


def _profile(name: str = "work", origin: str = "https://api.example.com") -> str:
    return PROFILE.format(name=name, origin=origin)


def test_search_order(tmp_path: Path) -> None:
    """NBAUTH_CONFIG comes first, then the nearest file above the notebook, then the user's directory."""
    user = _write(tmp_path / "config/nbauth/nbauth.toml", _profile())
    os.environ["XDG_CONFIG_HOME"] = str(tmp_path / "config")
    notebook = tmp_path / "project/notebooks"
    notebook.mkdir(parents=True)
    assert configuration.find(notebook, {}) == user
    above = _write(tmp_path / "project/nbauth.toml", _profile())
    assert configuration.find(notebook, {}) == above
    beside = _write(notebook / "nbauth.toml", _profile())
    assert configuration.find(notebook, {}) == beside
    named = _write(tmp_path / "named.toml", _profile())
    assert configuration.find(notebook, {"NBAUTH_CONFIG": str(named)}) == named
    with pytest.raises(ConfigError, match=r"NBAUTH_CONFIG names .*gone\.toml"):
        configuration.find(notebook, {"NBAUTH_CONFIG": str(tmp_path / "gone.toml")})


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("profiles = [", "is not TOML"),
        ("", "expected at least one table"),
        ("defualt = 'x'\n" + _profile(), "defualt: unknown key; did you mean default?"),
        (_profile().replace("client_id", "cleint_id"), "cleint_id: unknown key; did you mean client_id?"),
        (_profile().replace("tenant =", "banana ="), "banana: unknown key; expected one of client_id"),
        ("default = 'other'\n" + _profile(), "default: expected one of work; found 'other'"),
        ('[profiles.work]\ntenant = "t"\n[profiles.work.apis]\n"https://a.example" = ["s"]', "client_id: is missing"),
        ('[profiles.work]\nclient_id = "id"\ntenant = "t"\n', "apis: is missing"),
        ("[profiles]\nwork = 5\n", "expected a table, found 5"),
        (_profile().replace('["scope"]', '"scope"'), "expected a list of texts"),
        ("default = ['work']\n" + _profile(), r"default: expected one of work; found \['work'\]"),
        *(
            (_profile().replace("tenant =", f"{key}\ntenant ="), f"{name}: expected the path of a file, found '")
            for path in (r"a\u0000b", "x" * 300, "~nobody-of-this-name/x")
            for name, key in (
                ("ca_bundle", f'ca_bundle = "{path}"'),
                ("client_secret.file", f'client_secret = {{ file = "{path}" }}'),
                ("client_certificate.path", f'client_certificate = {{ path = "{path}" }}'),
            )
        ),
    ],
)
def test_mistakes_in_a_file(tmp_path: Path, text: str, message: str) -> None:
    """Every mistake in a file names the file, the key and what is expected."""
    path = _write(tmp_path / "nbauth.toml", text)
    with pytest.raises(ConfigError, match=message) as caught:
        configuration.load(path)
    assert str(path) in str(caught.value)


@given(st.binary(max_size=300))
def test_whatever_a_file_holds(tmp_path_factory: pytest.TempPathFactory, data: bytes) -> None:
    """Reading any file gives profiles or a ConfigError."""
    path = tmp_path_factory.mktemp("toml") / "nbauth.toml"
    path.write_bytes(data)
    with pytest.raises(ConfigError):
        configuration.load(path)


def test_paths_are_relative_to_the_file(tmp_path: Path) -> None:
    """A file that a profile names is looked for beside nbauth.toml, wherever the kernel runs."""
    _write(tmp_path / "ca.pem", "-")
    _write(tmp_path / "secret", "s3cret\n")
    text = _profile().replace("tenant", 'ca_bundle = "ca.pem"\nclient_secret = { file = "secret" }\ntenant')
    loaded = configuration.load(_write(tmp_path / "nbauth.toml", text)).profiles["work"]
    assert loaded.ca_bundle == str(tmp_path / "ca.pem")
    assert loaded.client_secret is not None
    assert loaded.client_secret.read() == "s3cret"
    assert "s3cret" not in repr(loaded)


def test_where_it_was_looked_for(apart: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Where there is none, the error names each directory in the order of the search, and the variables."""
    notebook = apart / "notebooks"
    notebook.mkdir()
    monkeypatch.setenv("NBAUTH_NOTEBOOK_DIR", str(notebook))
    folders = [notebook, *notebook.parents]
    listed = f"{', '.join(map(str, folders))} or {config_directory()}"
    said = rf"There is no nbauth\.toml in {re.escape(listed)}, NBAUTH_CONFIG is not set, and AZURE_CLIENT_ID"
    with pytest.raises(ConfigError, match=f"No profile is configured. {said}"):
        nbauth.login()
    with pytest.raises(ConfigError, match=rf"nothing may be sent to https://api\.example\.com. {said}"):
        nbauth.read("https://api.example.com/x")
    _write(folders[0] / "nbauth.toml", _profile())
    assert kernel.config().looked_in == ()


def test_azure_variables() -> None:
    """The variables of Azure's own tools make the profile default; the credential is read where it is used."""
    environ = {"AZURE_TENANT_ID": "contoso", "AZURE_CLIENT_ID": "id", "AZURE_CLIENT_SECRET": "s3cret"}
    made = configuration.from_environment(environ).profiles["default"]
    assert made.kind == "application"
    assert made.authority_url == "https://login.microsoftonline.com/contoso"
    assert dict(made.apis) == {
        "https://graph.microsoft.com": ("https://graph.microsoft.com/.default",),
        "https://management.azure.com": ("https://management.azure.com/.default",),
    }
    assert made.client_secret is not None
    assert made.client_secret.read(environ) == "s3cret"
    assert "s3cret" not in repr(made)


def test_azure_variables_of_a_person_and_of_other_credentials(tmp_path: Path) -> None:
    """Without a credential the profile is a person's; a certificate and a federated token file are taken, too."""
    base = {"AZURE_TENANT_ID": "contoso", "AZURE_CLIENT_ID": "id"}
    person = configuration.from_environment(base).profiles["default"]
    assert (person.kind, person.login_scopes) == ("person", ("User.Read",))
    certificate = {"AZURE_CLIENT_CERTIFICATE_PATH": str(tmp_path / "c.pem"), "AZURE_CLIENT_CERTIFICATE_PASSWORD": "p"}
    made = configuration.from_environment(base | certificate).profiles["default"]
    assert made.client_certificate is not None
    assert made.client_certificate.path == str(tmp_path / "c.pem")
    federated = configuration.from_environment(base | {"AZURE_FEDERATED_TOKEN_FILE": "/token"}).profiles["default"]
    assert federated.client_assertion is not None
    assert federated.client_assertion.place == "/token"


def test_azure_variables_of_another_host() -> None:
    """AZURE_AUTHORITY_HOST names the instance; NBAUTH_APIS says where tokens may go."""
    environ = {
        "AZURE_TENANT_ID": "contoso",
        "AZURE_CLIENT_ID": "id",
        "AZURE_AUTHORITY_HOST": "https://login.example.com/",
        "NBAUTH_APIS": '{"https://api.example.com": ["scope"]}',
    }
    made = configuration.from_environment(environ).profiles["default"]
    assert made.authority_url == "https://login.example.com/contoso"
    assert dict(made.apis) == {"https://api.example.com": ("scope",)}


@pytest.mark.parametrize(
    ("environ", "message"),
    [
        ({"AZURE_CLIENT_ID": "id", "AZURE_CLIENT_SECRET": "s"}, "AZURE_TENANT_ID is not"),
        ({"AZURE_CLIENT_ID": "id", "AZURE_TENANT_ID": "t", "AZURE_AUTHORITY_HOST": "http://x"}, "expected https"),
        ({"AZURE_CLIENT_ID": "id", "AZURE_TENANT_ID": "t", "NBAUTH_APIS": "["}, "NBAUTH_APIS: is not JSON"),
        ({"AZURE_CLIENT_ID": "id", "AZURE_TENANT_ID": "t", "NBAUTH_APIS": "[]"}, "expected a JSON object"),
    ],
)
def test_mistakes_in_variables(environ: dict[str, str], message: str) -> None:
    """A mistake in a variable names the variable."""
    with pytest.raises(ConfigError, match=message):
        configuration.from_environment(environ)


@pytest.mark.parametrize(
    "host",
    [
        "login.chinacloudapi.cn",
        "https://login.chinacloudapi.cn/",
        "HTTPS://Login.ChinaCloudAPI.cn:443\r\n",
        "login.partner.microsoftonline.cn",
    ],
)
def test_hosts_of_another_cloud(host: str) -> None:
    """A cloud's Graph and Resource Manager are known by each name of its host, as azure-identity writes it, too."""
    environ = {"AZURE_TENANT_ID": "contoso.com", "AZURE_CLIENT_ID": "id", "AZURE_AUTHORITY_HOST": host}
    assert list(configuration.from_environment(environ).profiles["default"].apis) == [
        "https://microsoftgraph.chinacloudapi.cn",
        "https://management.chinacloudapi.cn",
    ]


def test_blanks_at_the_edges_of_variables(tmp_path: Path) -> None:
    """A line break, a blank or a byte order mark at the edge of a variable is no part of what it says."""
    environ = {
        "AZURE_TENANT_ID": "\ufeffcontoso.com\n",
        "AZURE_CLIENT_ID": " id\r\n",
        "AZURE_CLIENT_CERTIFICATE_PATH": f"{tmp_path}/c.pem\n",
        "AZURE_CLIENT_SECRET": "\n",
        "NBAUTH_APIS": '\ufeff{"https://api.example.com": ["scope"]}\n',
    }
    made = configuration.from_environment(environ).profiles["default"]
    assert (made.client_id, made.tenant, list(made.apis)) == ("id", "contoso.com", ["https://api.example.com"])
    assert made.client_certificate is not None
    assert made.client_certificate.path == f"{tmp_path}/c.pem"


def test_a_byte_order_mark(tmp_path: Path) -> None:
    """A file that an editor of Windows began with a byte order mark is read; UTF-16 is said to be no UTF-8."""
    path = tmp_path / "nbauth.toml"
    path.write_bytes(codecs.BOM_UTF8 + _profile().encode())
    assert list(configuration.load(path).profiles) == ["work"]
    path.write_bytes(_profile().encode("utf-16"))
    with pytest.raises(ConfigError, match=r"is not UTF-8 text\. Save it as UTF-8"):
        configuration.load(path)


@pytest.mark.parametrize(
    "environ",
    [
        {"AZURE_CLIENT_ID": "id"},
        {"AZURE_CLIENT_ID": "id", "AZURE_CLIENT_SECRET": "s3cret"},
        {"AZURE_CLIENT_ID": "id", "AZURE_TENANT_ID": "t", "AZURE_AUTHORITY_HOST": "http://x"},
        {"AZURE_CLIENT_ID": "i d", "AZURE_TENANT_ID": "t"},
    ],
)
def test_variables_that_make_no_profile(environ: dict[str, str], monkeypatch: pytest.MonkeyPatch) -> None:
    """Variables that make no profile leave those that were made in code alone, and are spoken of where they matter."""
    for name, value in environ.items():
        monkeypatch.setenv(name, value)
    kernel.add_profile(Profile("made", client_id="id", tenant="t", apis={"https://api.example.com": ["scope"]}))
    config = kernel.config()
    assert by_name(config, "made").name == by_url(config, "https://api.example.com/x").name == "made"
    with pytest.raises(ConfigError) if len(environ) > 1 else nullcontext():
        assert by_name(config, "default").name == "made"
    kernel.reset()
    with pytest.raises(ConfigError, match=r"AZURE_|client_id"):
        by_name(kernel.config(), None)
    with pytest.raises(ConfigError):
        by_url(kernel.config(), "https://api.example.com/x")


def test_sign_out_beside_variables_that_are_wrong(monkeypatch: pytest.MonkeyPatch) -> None:
    """Variables that are wrong keep nobody from signing out, and are named after it."""
    monkeypatch.setenv("AZURE_CLIENT_ID", "id")
    monkeypatch.setenv("AZURE_CLIENT_SECRET", "s3cret")
    kernel.add_profile(Profile("made", client_id="id", tenant="t", apis={"https://api.example.com": ["scope"]}))
    profiles, problem = to_forget(kernel.config, None, in_use=())
    assert [profile.name for profile in profiles] == ["made"]
    assert "AZURE_TENANT_ID is not" in str(problem)


def _loaded(tmp_path: Path, text: str) -> Config:
    return configuration.load(_write(tmp_path / "nbauth.toml", text))


def test_which_profile_is_the_default(tmp_path: Path) -> None:
    """The word default is what the file names, else the profile of that name, else the only one."""
    two = _profile("one") + _profile("two")
    assert by_name(_loaded(tmp_path, "default = 'two'\n" + two), "default").name == "two"
    assert by_name(_loaded(tmp_path, two + _profile("default")), "default").name == "default"
    assert by_name(_loaded(tmp_path, _profile("only")), None).name == "only"
    with pytest.raises(ConfigError, match="names no default among one, two"):
        by_name(_loaded(tmp_path, two), "default")
    with pytest.raises(ConfigError, match=r"no profile 'three' in .*; known: one, two"):
        by_name(_loaded(tmp_path, two), "three")
    with pytest.raises(ConfigError, match="nbauth init"):
        by_name(Config(), "default")


def test_profile_of_a_url(tmp_path: Path) -> None:
    """A URL gets the profile that names its origin; among several the default one; otherwise the caller says."""
    url = "https://api.example.com/rows"
    two = _profile("one") + _profile("two") + _profile("three", "https://other.example")
    assert by_url(_loaded(tmp_path, two), "https://other.example/x").name == "three"
    assert by_url(_loaded(tmp_path, "default = 'two'\n" + two), url).name == "two"
    assert by_url(_loaded(tmp_path, two), url, only="one").name == "one"
    with pytest.raises(ConfigError, match="several profiles: one, two"):
        by_url(_loaded(tmp_path, two), url)
    with pytest.raises(OriginNotAllowed, match=r'Add "https://nobody.example" = \["SCOPE"\]'):
        by_url(_loaded(tmp_path, two), "https://nobody.example/")
    with pytest.raises(OriginNotAllowed, match=r"'three' does not name https://api\.example\.com"):
        by_url(_loaded(tmp_path, two), url, only="three")
