"""The guarded way to the provider."""
