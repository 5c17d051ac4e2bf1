"""From rows to the columns of a frame."""
