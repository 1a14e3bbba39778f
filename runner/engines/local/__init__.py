"""The embedded engine: a virtual environment per environment. It is not a sandbox."""
