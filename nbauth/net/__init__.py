"""What the way to the provider and the way to the data share."""
