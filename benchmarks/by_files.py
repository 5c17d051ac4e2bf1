"""Tables of text, and what is written to Parquet."""

from typing import Any

from by_chains import naive
from contenders import HEADERS, Load, Place, target


def pandas_csv(place: Place, **options: Any) -> Load:
    import pandas as pd

    return lambda: pd.read_csv(place.url, **options)


def pandas_ndjson(place: Place) -> Load:
    import pandas as pd

    return lambda: pd.read_json(place.url, lines=True)


def polars_csv(place: Place) -> Load:
    import polars as pl
    import requests

    def load() -> Load:
        frame = pl.read_csv(requests.get(place.url, headers=HEADERS).content, try_parse_dates=True)
        return frame.to_pandas

    return load


def polars_ndjson(place: Place) -> Load:
    import polars as pl
    import requests

    def load() -> Load:
        frame = pl.read_ndjson(requests.get(place.url, headers=HEADERS).content)
        return frame.to_pandas

    return load


def arrow_csv(place: Place) -> Load:
    import io

    import requests
    from pyarrow import csv

    return lambda: csv.read_csv(io.BytesIO(requests.get(place.url, headers=HEADERS).content)).to_pandas()


def naive_to_parquet(place: Place) -> Load:
    import pandas as pd

    bring = naive(place)

    def load() -> Load:
        path = target("data.parquet")
        bring().to_parquet(path)
        return lambda: pd.read_parquet(path)

    return load


def arrow_csv_to_parquet(place: Place) -> Load:
    """pyarrow's own: block by block from the answer into the file."""
    import pandas as pd
    import pyarrow.parquet as pq
    import requests
    from pyarrow import csv

    def load() -> Load:
        path = target("data.parquet")
        with requests.get(place.url, headers=HEADERS, stream=True) as response:
            response.raw.auto_close = False
            reader = csv.open_csv(response.raw)
            with pq.ParquetWriter(path, reader.schema, compression="zstd") as writer:
                for batch in reader:
                    writer.write_batch(batch)
        return lambda: pd.read_parquet(path)

    return load


def polars_csv_to_parquet(place: Place) -> Load:
    import pandas as pd
    import polars as pl
    import requests

    def load() -> Load:
        path = target("data.parquet")
        content = requests.get(place.url, headers=HEADERS).content
        pl.read_csv(content, try_parse_dates=True).write_parquet(path)
        return lambda: pd.read_parquet(path)

    return load
