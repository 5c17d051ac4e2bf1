"""The styles of paging: a file each, and a line in the registry."""

from nbauth.data.paging.styles.registry import STYLES, Named, Paging, style_from_json, style_of, style_to_json
from nbauth.data.paging.styles.style import Style

__all__ = ["STYLES", "Named", "Paging", "Style", "style_from_json", "style_of", "style_to_json"]
