"""The allocator of what Arrow holds for a load while it grows. Needs pyarrow.

Arrow's default pool is made for tables that stay: it holds on to the memory that page after page leaves. With the
system's pool a load takes a sixth to a third less memory. The default pool is one for the whole process and belongs to
the person, whose own threads may use it meanwhile. So it is never swapped: each call of Arrow's is told the pool.
"""

from __future__ import annotations

from typing import Any

import pyarrow as pa

__all__ = ["POOL"]

POOL: Any = pa.system_memory_pool()
