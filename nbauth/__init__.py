"""Sign-in for Jupyter notebooks and the data tools in them."""
