"""Three columns of a Parquet file, by ranges."""

from by_nbauth import signed_in
from contenders import HEADERS, Load, Place

COLUMNS = ["c7", "c23", "c42"]


def nbauth_address(place: Place) -> str:
    signed_in()
    return f"nbauth+{place.url}"


def nbauth_pandas(place: Place) -> Load:
    import pandas as pd

    url = nbauth_address(place)
    return lambda: pd.read_parquet(url, columns=COLUMNS)


def nbauth_arrow(place: Place) -> Load:
    import fsspec
    import pyarrow.parquet as pq

    address = nbauth_address(place)

    def load() -> Load:
        files, path = fsspec.core.url_to_fs(address)
        table = pq.read_table(path, filesystem=files, columns=COLUMNS)
        return table.to_pandas

    return load


def nbauth_open(place: Place) -> Load:
    import pyarrow.parquet as pq

    module = signed_in()

    def load() -> Load:
        with module.open(place.url) as file:
            table = pq.ParquetFile(file).read(columns=COLUMNS)
        return table.to_pandas

    return load


def nbauth_polars(place: Place) -> Load:
    import fsspec
    import polars as pl
    import pyarrow.dataset as ds

    address = nbauth_address(place)

    def load() -> Load:
        files, path = fsspec.core.url_to_fs(address)
        data = ds.dataset(path, filesystem=files, format="parquet")
        frame = pl.scan_pyarrow_dataset(data).select(COLUMNS).collect()
        return frame.to_pandas

    return load


def nbauth_duckdb(place: Place) -> Load:
    import duckdb
    import fsspec

    address = nbauth_address(place)

    def load() -> Load:
        with duckdb.connect() as connection:
            connection.register_filesystem(fsspec.filesystem(address.partition("://")[0]))
            table = connection.sql(f"SELECT {', '.join(COLUMNS)} FROM read_parquet('{address}')").fetch_arrow_table()
        return table.to_pandas

    return load


def with_polars(place: Place) -> Load:
    """Polars' own client."""
    import polars as pl

    def load() -> Load:
        options = {"allow_http": "true"}
        frame = pl.scan_parquet(place.url, storage_options=options).select(COLUMNS).collect()
        return frame.to_pandas

    return load


def with_fsspec(place: Place) -> Load:
    """fsspec's own http under pyarrow."""
    import fsspec
    import pyarrow.parquet as pq

    files = fsspec.filesystem("http", client_kwargs={"headers": HEADERS})

    def load() -> Load:
        table = pq.read_table(place.url, filesystem=files, columns=COLUMNS)
        return table.to_pandas

    return load


def with_fsspec_ahead(place: Place) -> Load:
    """fsspec's own http, told beforehand which columns are wanted."""
    import fsspec
    import pandas as pd
    from fsspec.parquet import open_parquet_file

    options = {"client_kwargs": {"headers": HEADERS}}
    fsspec.filesystem("http", **options)  # imports aiohttp

    def load() -> pd.DataFrame:
        with open_parquet_file(place.url, columns=COLUMNS, storage_options=options, engine="pyarrow") as file:
            return pd.read_parquet(file, columns=COLUMNS)

    return load


def whole_file(place: Place) -> Load:
    import io

    import pandas as pd
    import requests

    return lambda: pd.read_parquet(io.BytesIO(requests.get(place.url, headers=HEADERS).content), columns=COLUMNS)
