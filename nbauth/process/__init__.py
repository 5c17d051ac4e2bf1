"""This process: who visits it, work in it that no interrupt reaches, and which releases of libraries it may run."""
