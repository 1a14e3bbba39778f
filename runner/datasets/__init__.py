"""Finds the data that scripts download while they run, and fetches it beforehand."""
