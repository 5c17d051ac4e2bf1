"""From a profile to an account and its tokens."""
