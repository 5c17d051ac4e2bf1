"""The contract's assertions tell what they compared."""

from __future__ import annotations

import pytest

pytest.register_assert_rewrite("openid_contract")
