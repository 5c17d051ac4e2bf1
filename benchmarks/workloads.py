"""What is loaded, by whom, and which figures are compared with which target."""

from dataclasses import dataclass
from functools import partial

import by_chains
import by_files
import by_nbauth
import by_parquet
from contenders import Contender


@dataclass(frozen=True)
class Workload:
    """Data, the way to it, and who loads it.

    Attributes:
        path: of the server, with `{rows}`; with `{number}` where there are several.
        who: the contenders. All have to bring the same, value by value.
        sizes: how many rows, one run for each.
        quick: how many with `--quick`; 0 where it is left out then.
        rtt_ms: how long the line is, there and back.
        tls: whether it is https.
        several: how many URLs.
        imports: whether what all of them import is there beforehand.
        again: how often it is loaded after a first time that is not measured; the figures are of one.
    """

    path: str
    who: dict[str, Contender]
    sizes: tuple[int, ...] = (100_000,)
    quick: int = 50_000
    rtt_ms: int = 0
    tls: bool = False
    several: int = 0
    imports: bool = True
    again: int = 0


NBAUTH = {"nbauth": by_nbauth.read}
NAIVE = {"naive loop": by_chains.naive}
BOTH = NBAUTH | NAIVE
PLAIN = {"nbauth without extra": by_nbauth.plain}
NORMALIZED = {"json_normalize": by_chains.normalized}
FLOOR = {"floor": by_chains.floor}
SESSIONS = BOTH | {"httpx": by_chains.with_httpx, "aiohttp": by_chains.with_aiohttp}
AHEAD = {"nbauth, 8 at once": partial(by_nbauth.read, concurrency=8)}
SEVERAL = NBAUTH | {
    "loop of requests": by_chains.naive_several,
    "8 threads of requests": partial(by_chains.naive_several, threads=8),
    "aiohttp, 8 at once": by_chains.with_aiohttp,
}
SMALL = {
    "nbauth": by_nbauth.read,
    "requests.Session": by_chains.naive,
    "requests.get": by_chains.requests_each,
    "httpx.Client": by_chains.with_httpx,
}
PARQUET = {
    "nbauth: pandas": by_parquet.nbauth_pandas,
    "nbauth: pyarrow": by_parquet.nbauth_arrow,
    "nbauth: open": by_parquet.nbauth_open,
    "nbauth: polars": by_parquet.nbauth_polars,
    "nbauth: duckdb": by_parquet.nbauth_duckdb,
    "polars": by_parquet.with_polars,
    "fsspec": by_parquet.with_fsspec,
    "fsspec, columns told": by_parquet.with_fsspec_ahead,
    "the whole file": by_parquet.whole_file,
}

WORKLOADS = {
    "1,000-row pages": Workload(
        "/chain/orders/{rows}/1000",
        BOTH
        | NORMALIZED
        | {
            "dlt": by_chains.with_dlt,
            "azure-core": by_chains.with_azure,
            "httpx": by_chains.with_httpx,
            "aiohttp": by_chains.with_aiohttp,
            "rows once": by_chains.rows_once,
        }
        | FLOOR
        | PLAIN
        | {
            "nbauth, Arrow dtypes": partial(by_nbauth.read, dtype_backend="pyarrow"),
            "nbauth to Parquet": by_nbauth.to_parquet,
            "naive loop to Parquet": by_files.naive_to_parquet,
        },
        sizes=(10_000, 100_000, 1_000_000),
    ),
    "100-row pages": Workload("/chain/orders/{rows}/100", BOTH | FLOOR, quick=30_000),
    "200-row pages": Workload("/chain/orders/{rows}/200", BOTH | FLOOR, quick=30_000),
    "5,000-row pages": Workload("/chain/orders/{rows}/5000", BOTH | FLOOR),
    "TLS": Workload("/chain/orders/{rows}/1000", SESSIONS, tls=True),
    "TLS and gzip": Workload("/gzip/chain/orders/{rows}/1000", SESSIONS, tls=True),
    "60 columns": Workload("/chain/wide/{rows}/1000", BOTH | NORMALIZED | PLAIN, (20_000,), 5_000),
    "nested, object": Workload("/chain/nested/{rows}/1000", BOTH | PLAIN, (50_000,), 10_000),
    "nested, flatten": Workload(
        "/chain/nested/{rows}/1000",
        {"nbauth": partial(by_nbauth.read, nested="flatten")} | NORMALIZED,
        (50_000,),
        10_000,
    ),
    "nested, json": Workload(
        "/chain/nested/{rows}/1000", {"nbauth": partial(by_nbauth.read, nested="json")} | NAIVE, (50_000,), 10_000
    ),
    "95 % null": Workload("/chain/sparse/{rows}/1000", BOTH | PLAIN, (50_000,), 10_000),
    "GUIDs and ETags": Workload("/chain/entities/{rows}/1000", BOTH | PLAIN, (50_000,), 10_000),
    "five dates": Workload("/chain/dates/{rows}/1000", BOTH | PLAIN, (50_000,), 10_000),
    "long text": Workload("/chain/texts/{rows}/1000", BOTH, (10_000,), 3_000),
    "next links, 20 ms": Workload("/chain/orders/{rows}/1000", BOTH | AHEAD | FLOOR, (50_000,), 20_000, rtt_ms=20),
    "next links, 80 ms": Workload("/chain/orders/{rows}/1000", BOTH | AHEAD, (40_000,), 20_000, rtt_ms=80),
    "100-row pages, 80 ms": Workload("/chain/orders/{rows}/100", BOTH | AHEAD, (8_000,), 4_000, rtt_ms=80),
    "offsets, 20 ms": Workload(
        "/offset/orders/{rows}/1000", AHEAD | {"naive loop": by_chains.naive_offset}, (50_000,), 20_000, rtt_ms=20
    ),
    "24 URLs": Workload("/part/{number}", SEVERAL, several=24, quick=0),
    "24 URLs, 20 ms": Workload("/part/{number}", SEVERAL, several=24, rtt_ms=20, quick=0),
    "24 URLs, 80 ms": Workload("/part/{number}", SEVERAL, several=24, rtt_ms=80),
    "small read again": Workload("/chain/orders/100/100", SMALL, again=20, tls=True, quick=0),
    "small read again, 20 ms": Workload("/chain/orders/100/100", SMALL, again=10, tls=True, rtt_ms=20, quick=0),
    "small read again, 80 ms": Workload("/chain/orders/100/100", SMALL, again=5, tls=True, rtt_ms=80),
    "3 of 60 Parquet columns": Workload("/wide.parquet", PARQUET, quick=0),
    "3 of 60 Parquet columns, 20 ms": Workload("/wide.parquet", PARQUET, rtt_ms=20, quick=0),
    "3 of 60 Parquet columns, 80 ms": Workload("/wide.parquet", PARQUET, rtt_ms=80),
    "CSV": Workload(
        "/csv/{rows}",
        {
            "nbauth": by_nbauth.read,
            "pd.read_csv(url)": by_files.pandas_csv,
            "pd.read_csv(url, parse_dates)": partial(by_files.pandas_csv, parse_dates=["time"]),
            "polars": by_files.polars_csv,
            "pyarrow": by_files.arrow_csv,
        },
        (10_000, 100_000, 1_000_000),
        100_000,
    ),
    "NDJSON": Workload(
        "/ndjson/{rows}",
        {"nbauth": by_nbauth.read, "pd.read_json(url)": by_files.pandas_ndjson, "polars": by_files.polars_ndjson},
        (10_000, 100_000, 1_000_000),
        50_000,
    ),
    "CSV to Parquet": Workload(
        "/csv/{rows}",
        {
            "nbauth": by_nbauth.to_parquet,
            "pyarrow": by_files.arrow_csv_to_parquet,
            "polars": by_files.polars_csv_to_parquet,
        },
        (1_000_000,),
        100_000,
    ),
    "first read": Workload(
        "/chain/orders/20/100",
        {
            "nbauth, a person signed in": by_nbauth.first_read_person,
            "nbauth, sign-in of a job": by_nbauth.first_read_unattended,
            "msal, requests and pandas": by_nbauth.first_read_msal,
        },
        imports=False,
    ),
}

# Workload, contender, against whom, in which figure, the target, and the one to come.
# "itself" is the frame's own size; "1" is one second or one MB.
ROWS = (
    ("1,000-row pages", "nbauth", "naive loop", "cpu_s", ".36; .28"),
    ("1,000-row pages", "nbauth", "json_normalize", "cpu_s", ".25; .20"),
    ("1,000-row pages", "nbauth", "dlt", "cpu_s", ".24; .19"),
    ("1,000-row pages", "nbauth", "azure-core", "cpu_s", ""),
    ("1,000-row pages", "nbauth", "httpx", "cpu_s", ""),
    ("1,000-row pages", "nbauth", "aiohttp", "cpu_s", ""),
    ("1,000-row pages", "nbauth", "rows once", "cpu_s", ""),
    ("1,000-row pages", "nbauth", "floor", "cpu_s", "1.5; 1.25"),
    ("1,000-row pages", "nbauth without extra", "naive loop", "cpu_s", ".95; .80"),
    ("1,000-row pages", "nbauth to Parquet", "nbauth", "cpu_s", "1.1; .9"),
    ("1,000-row pages", "nbauth to Parquet", "naive loop to Parquet", "cpu_s", ""),
    ("1,000-row pages", "nbauth", "itself", "peak_mb", "1.49"),
    ("1,000-row pages", "nbauth, Arrow dtypes", "itself", "peak_mb", "1.40"),
    ("1,000-row pages", "naive loop", "itself", "peak_mb", ""),
    ("1,000-row pages", "nbauth to Parquet", "1", "peak_mb", "46"),
    ("100-row pages", "nbauth", "naive loop", "cpu_s", ".30; .15"),
    ("100-row pages", "nbauth", "floor", "cpu_s", ""),
    ("200-row pages", "nbauth", "naive loop", "cpu_s", ".30; .15"),
    ("5,000-row pages", "nbauth", "naive loop", "cpu_s", ""),
    ("TLS", "nbauth", "naive loop", "cpu_s", ""),
    ("TLS and gzip", "nbauth", "naive loop", "cpu_s", ".42; .35"),
    ("TLS and gzip", "nbauth", "httpx", "cpu_s", ""),
    ("TLS and gzip", "nbauth", "aiohttp", "cpu_s", ""),
    ("60 columns", "nbauth", "naive loop", "cpu_s", ".45; .38"),
    ("60 columns", "nbauth without extra", "naive loop", "cpu_s", ""),
    ("nested, object", "nbauth", "naive loop", "cpu_s", ".90; .85"),
    ("nested, flatten", "nbauth", "json_normalize", "cpu_s", ".70; .50"),
    ("nested, json", "nbauth", "naive loop", "cpu_s", ".80; .68"),
    ("95 % null", "nbauth", "naive loop", "cpu_s", ""),
    ("GUIDs and ETags", "nbauth", "naive loop", "cpu_s", ""),
    ("five dates", "nbauth", "naive loop", "cpu_s", ""),
    ("long text", "nbauth", "naive loop", "cpu_s", ""),
    ("next links, 20 ms", "nbauth", "naive loop", "seconds", ""),
    ("next links, 20 ms", "nbauth", "floor", "seconds", ""),
    ("next links, 20 ms", "nbauth, 8 at once", "naive loop", "seconds", ".25; .18"),
    ("next links, 80 ms", "nbauth, 8 at once", "naive loop", "seconds", ".25; .18"),
    ("100-row pages, 80 ms", "nbauth, 8 at once", "naive loop", "seconds", ".25; .18"),
    ("offsets, 20 ms", "nbauth, 8 at once", "naive loop", "seconds", ""),
    ("24 URLs", "nbauth", "loop of requests", "seconds", ""),
    ("24 URLs, 20 ms", "nbauth", "loop of requests", "seconds", ""),
    ("24 URLs, 80 ms", "nbauth", "loop of requests", "seconds", ".18; .13"),
    ("24 URLs, 80 ms", "nbauth", "8 threads of requests", "seconds", ""),
    ("24 URLs, 80 ms", "nbauth", "aiohttp, 8 at once", "seconds", ""),
    ("small read again", "nbauth", "requests.Session", "seconds", ""),
    ("small read again, 20 ms", "nbauth", "requests.Session", "seconds", ""),
    ("small read again, 80 ms", "nbauth", "requests.Session", "seconds", "1.3; 1.1"),
    ("small read again, 80 ms", "nbauth", "requests.get", "seconds", ""),
    *(
        (f"3 of 60 Parquet columns, {rtt} ms", f"nbauth: {tool}", "polars", "seconds", "2; 1.3" if rtt == 80 else "")
        for rtt in (20, 80)
        for tool in ("pandas", "pyarrow", "open", "polars", "duckdb")
    ),
    ("3 of 60 Parquet columns, 80 ms", "nbauth: pyarrow", "fsspec", "seconds", ""),
    *(
        ("3 of 60 Parquet columns, 80 ms", name, "wanted", "received_mb", "1.5; 1.1" if "nbauth" in name else "")
        for name in PARQUET
    ),
    ("CSV", "nbauth", "pd.read_csv(url)", "cpu_s", "1.1; 1.05"),
    ("CSV", "nbauth", "pd.read_csv(url, parse_dates)", "cpu_s", ".9; .85"),
    ("CSV", "nbauth", "pd.read_csv(url, parse_dates)", "peak_mb", ""),
    ("CSV", "nbauth", "polars", "cpu_s", ""),
    ("CSV", "nbauth", "pyarrow", "cpu_s", ""),
    ("NDJSON", "nbauth", "pd.read_json(url)", "cpu_s", ".30; .25"),
    ("NDJSON", "nbauth", "pd.read_json(url)", "peak_mb", ""),
    ("NDJSON", "nbauth", "polars", "cpu_s", ""),
    ("CSV to Parquet", "nbauth", "pyarrow", "cpu_s", "2; 1.5"),
    ("CSV to Parquet", "nbauth", "polars", "cpu_s", ""),
    ("CSV to Parquet", "nbauth", "1", "peak_mb", ""),
    ("first read", "nbauth, a person signed in", "1", "seconds", ".15; .10"),
    ("first read", "nbauth, sign-in of a job", "1", "seconds", ""),
    ("first read", "nbauth, sign-in of a job", "msal, requests and pandas", "seconds", ""),
)
