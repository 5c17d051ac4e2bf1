"""The sign-in panel: its widget, the prompt that it draws, and what both tell the page."""
