"""From a token to a request, to pages, to a DataFrame."""

TYPE_CHECKING = False  # as in `nbauth`, which imports `paging` on first use
if TYPE_CHECKING:
    from nbauth.data import paging as paging  # under this name for callers, too
