"""From a token to a request, to pages, to a DataFrame."""
