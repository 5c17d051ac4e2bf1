"""What a profile says. Nothing here reads from the network."""
