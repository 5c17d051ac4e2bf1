"""Many threads with one token that ends."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from nbauth.demo.server import DemoServer


def test_many_threads_and_rounds(kernel_process: Any, demo: DemoServer) -> None:
    """32 threads meet an ended token 100 times: one request each time, no error, and the family is never revoked."""
    seen = kernel_process.do("threads", count=32, rounds=100)
    assert seen == {"tokens": 100, "a_round": 1, "errors": []}
    tokens = demo.provider.requests.matching("*/token")
    assert [record.grant_type for record in tokens] == ["refresh_token"] * 100
    assert {record.status for record in tokens} == {200}
    assert kernel_process.do("get", url=f"{demo.api_url}/me") == 200
