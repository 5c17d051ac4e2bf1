"""What services answer their own client libraries, as far as the tests here ask: routes for `TokenCheckingServer`."""

from __future__ import annotations

import gzip
import json
import time
from typing import TYPE_CHECKING, Any

from loopback_api import Reply, as_json

from nbauth.demo.api.bearer import ApiError

if TYPE_CHECKING:
    from loopback_api import Seen
    from token_checking_server import TokenCheckingServer

__all__ = ["as_databricks", "as_hub", "as_mlflow", "as_openai", "as_snowflake", "as_trino", "text_of"]

# openai: https://platform.openai.com/docs/api-reference/chat, and Azure's paths for it.
WORDS = ["The", " sun", " rises."]
OF_A_DEPLOYMENT = "/openai/deployments/gpt/chat/completions"
OF_VERSION_1 = "/openai/v1/chat/completions"


def as_openai(server: TokenCheckingServer) -> None:
    """Answer each chat, at once or as server-sent events."""
    server.routes[OF_A_DEPLOYMENT] = server.routes[OF_VERSION_1] = _complete


def _complete(seen: Seen) -> Reply:
    if not json.loads(seen.body).get("stream"):
        message = {"role": "assistant", "content": "".join(WORDS)}
        return as_json(_chat("chat.completion", {"message": message, "finish_reason": "stop"}))
    parts = [_chat("chat.completion.chunk", {"delta": {"content": word}}) for word in WORDS]
    chunks = [b"data: " + json.dumps(part).encode() + b"\n\n" for part in parts]
    return Reply(chunks=[*chunks, b"data: [DONE]\n\n"], content_type="text/event-stream")


def _chat(kind: str, choice: dict[str, Any]) -> dict[str, Any]:
    return {"id": "1", "object": kind, "created": 1, "model": "gpt", "choices": [{"index": 0, **choice}]}


# Databricks: https://docs.databricks.com/api
ME, CLUSTERS = "/api/2.0/preview/scim/v2/Me", "/api/2.1/clusters/list"


def as_databricks(server: TokenCheckingServer) -> None:
    """Answer who asks, and a list of clusters on three pages."""
    server.routes[ME] = as_json({"userName": "alice@contoso.example"})
    server.routes[CLUSTERS] = _clusters


def _clusters(seen: Seen) -> Reply:
    number = int(seen.path.rpartition("page_token=")[2]) if "page_token=" in seen.path else 1
    following = {"next_page_token": str(number + 1)} if number < 3 else {}
    return as_json({"clusters": [{"cluster_id": f"c{number}"}], **following})


# Trino: https://trino.io/docs/current/develop/client-protocol.html
TRINO_PAGES = 4
_TRINO_COLUMN = {"name": "id", "type": "bigint", "typeSignature": {"rawType": "bigint", "arguments": []}}


def as_trino(server: TokenCheckingServer, *, pause_s: float = 0.0, elsewhere: str | None = None) -> None:
    """Answer every statement with pages of a row each.

    Args:
        server: the coordinator's stand-in.
        pause_s: how long each page takes.
        elsewhere: an origin that has the pages, in the place of the server's own.
    """

    def page(number: int) -> Reply:
        time.sleep(pause_s)
        is_last = number == TRINO_PAGES
        document: dict[str, Any] = {"id": "q1", "infoUri": server.origin, "columns": [_TRINO_COLUMN]}
        document["stats"] = {"state": "FINISHED" if is_last else "RUNNING"}
        document |= {"data": [[number]]} if number else {}
        if not is_last:
            document["nextUri"] = f"{elsewhere or server.origin}/v1/statement/executing/q1/{number + 1}"
        return as_json(document)

    server.routes["/v1/statement"] = page(0)
    for number in range(1, TRINO_PAGES + 1):
        server.routes[f"/v1/statement/executing/q1/{number}"] = lambda seen, number=number: (
            page(number) if seen.method == "GET" else Reply(status=204)
        )


# Snowflake: the answers that its connector takes; there is no public description.
SNOWFLAKE_LOGIN = "/session/v1/login-request"
_SNOWFLAKE_ROWS = {
    "parameters": [],
    "rowtype": [{"name": "ID", "type": "fixed", "nullable": False, "precision": 1, "scale": 0}],
    "rowset": [["1"]],
    "total": 1,
    "returned": 1,
    "queryId": "q1",
    "queryResultFormat": "json",
    "statementTypeId": 4096,
}


def as_snowflake(server: TokenCheckingServer) -> None:
    """Answer a login whose body holds a good token, and every statement of a session; made with ``in_header=False``."""

    def sign_in(seen: Seen) -> Reply:
        login = json.loads(text_of(seen))["data"]
        try:
            server.check(login["TOKEN"])
        except ApiError as error:
            return _snowflake(code="390303", message=f"Invalid OAuth access token. {error.message}")
        assert login["AUTHENTICATOR"] == "OAUTH"
        session = {"token": "session", "masterToken": "master", "validityInSeconds": 3600, "sessionId": 1}
        return _snowflake(session | {"parameters": [], "sessionInfo": {"roleName": "PUBLIC"}})

    server.routes[SNOWFLAKE_LOGIN] = sign_in
    server.routes["/queries/v1/query-request"] = _snowflake(_SNOWFLAKE_ROWS)
    server.routes["/session"] = server.routes["/telemetry/send"] = _snowflake()


def _snowflake(data: Any = None, *, code: str | None = None, message: str | None = None) -> Reply:
    return as_json({"data": data, "code": code, "message": message, "success": code is None})


def text_of(seen: Seen) -> str:
    """Return a request's body as text, compressed or not."""
    return (gzip.decompress(seen.body) if seen.headers.get("content-encoding") == "gzip" else seen.body).decode()


# MLflow: https://mlflow.org/docs/latest/api_reference/rest-api.html
GET_RUN, LOG_METRIC = "/api/2.0/mlflow/runs/get", "/api/2.0/mlflow/runs/log-metric"
_RUN = {"info": {"run_id": "r1", "run_uuid": "r1", "experiment_id": "0", "status": "RUNNING"}, "data": {}}


def as_mlflow(server: TokenCheckingServer) -> None:
    """Answer what is known of a run, and take its metrics."""
    server.routes[GET_RUN] = as_json({"run": _RUN})
    server.routes[LOG_METRIC] = as_json({})


# Hugging Face's Hub: https://huggingface.co/docs/hub/api
HUB_FILE = b'{"layers": 3}'


def as_hub(server: TokenCheckingServer) -> None:
    """Answer what is known of a model, and its one file."""
    commit = "a" * 40
    server.routes["/api/models/contoso/sun"] = as_json(
        {"id": "contoso/sun", "sha": commit, "siblings": [{"rfilename": "config.json"}]}
    )
    server.routes["/contoso/sun/resolve/main/config.json"] = Reply(
        HUB_FILE, headers={"ETag": '"1"', "X-Repo-Commit": commit}
    )
