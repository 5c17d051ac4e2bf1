"""One file for each tool that takes the sign-in; imported on use."""
