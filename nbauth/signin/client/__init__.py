"""MSAL's client application, and what proves that it is the application."""
