"""From a request to pages, to batches of rows, to a DataFrame or a Parquet file."""

TYPE_CHECKING = False  # as in `nbauth`, which imports `paging` on first use
if TYPE_CHECKING:
    from nbauth.data import paging as paging  # under this name for callers, too
