"""Files and folders: which are one user's own, and how they are written whole, locked and trusted."""
