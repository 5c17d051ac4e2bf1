"""This process: who visits it, and work in it that no interrupt reaches."""
