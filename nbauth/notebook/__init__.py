"""What the person sees: magics, prompts, progress and tables."""
