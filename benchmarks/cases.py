"""One load in a process of its own: `python cases.py WORKLOAD CONTENDER URL`. Prints what it took and what came."""

import json
import os
import sys
import time
from pathlib import Path
from typing import TYPE_CHECKING, Any
from urllib.request import urlopen

from contenders import Place, imports
from shapes import TIMES
from workloads import WORKLOADS

if TYPE_CHECKING:
    import pandas as pd


def memory_mb(name: str) -> float:
    for line in Path("/proc/self/status").read_text().splitlines():
        if line.startswith(name):
            return int(line.split()[1]) / 1000
    raise RuntimeError(name)


def plain(value: Any) -> Any:
    """Return a value that is the same whether it is a Python object, NumPy's, or its JSON text."""
    if isinstance(value, str) and value[:1] in "{[" and value:
        value = json.loads(value)
    if hasattr(value, "tolist"):
        value = value.tolist()
    if isinstance(value, bool | int | float):
        return repr(float(value))
    return value if isinstance(value, str) else json.dumps(value, sort_keys=True)


def comparable(name: str, column: "pd.Series[Any]") -> "pd.Series[Any]":
    """Return the column as it is whatever dtype a tool gave it."""
    import pandas as pd

    if name in TIMES:
        return pd.to_datetime(column, utc=True).astype("datetime64[us, UTC]")
    if pd.api.types.is_numeric_dtype(column):
        return column.astype("Float64").astype("float64").round(6)  # pd.read_json's floats are not exact
    values = column.astype(object)
    present = values[values.notna()]
    if len(present) and present.map(lambda value: isinstance(value, bool | int | float)).all():
        return values.where(values.notna(), None).astype("float64").round(6)
    return present.map(plain).reindex(values.index, fill_value="")


def fingerprint(frame: "pd.DataFrame") -> str:
    """Return what is equal for frames that hold the same in the same order."""
    import numpy as np
    import pandas as pd

    places = np.arange(1, 2 * len(frame), 2, dtype="uint64")
    parts = [f"{len(frame)}"]
    for name in sorted(frame.columns):
        hashes = pd.util.hash_pandas_object(comparable(name, frame[name].reset_index(drop=True)), index=False)
        parts.append(f"{name}:{(hashes.to_numpy() * places).sum():x}")
    return " ".join(parts)


def main() -> None:
    workload, contender, url = sys.argv[1:]
    chosen = WORKLOADS[workload]
    if chosen.imports:
        imports()
    load = chosen.who[contender](Place(url, chosen.several))
    if chosen.again:
        load()
    times = max(chosen.again, 1)
    count = f"{os.environ['BENCHMARK_SERVER']}/count"
    urlopen(count).close()
    Path("/proc/self/clear_refs").write_text("5")  # the peak starts anew
    before_mb = memory_mb("VmRSS")
    cpu, began = time.process_time(), time.perf_counter()
    for _ in range(times):
        found = load()
    seconds, cpu_s = time.perf_counter() - began, time.process_time() - cpu
    peak_mb = memory_mb("VmHWM") - before_mb
    with urlopen(count) as answer:
        sent = json.load(answer)
    frame = found() if callable(found) else found
    print(
        json.dumps(
            {
                "seconds": seconds / times,
                "cpu_s": cpu_s / times,
                "peak_mb": peak_mb,
                "frame_mb": frame.memory_usage(deep=True).sum() / 1e6,
                "received_mb": sent["bytes"] / times / 1e6,
                "requests": sent["requests"] / times,
                "fingerprint": fingerprint(frame),
            }
        ),
        flush=True,
    )
    os._exit(0)  # some of the tools leave threads behind


if __name__ == "__main__":
    main()
