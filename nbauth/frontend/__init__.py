"""What the person sees: prompts, progress and tables."""
