"""Keeping it in order: what works here, what this tool made, what the index has that is new."""
