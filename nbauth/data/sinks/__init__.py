"""Where the rows of a load go: a frame, pages, a Parquet file."""
