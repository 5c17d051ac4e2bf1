"""What the sign-in and the data tools share on the way to a server."""
