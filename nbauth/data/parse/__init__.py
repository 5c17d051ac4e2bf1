"""From bytes to rows, one file for each format."""
