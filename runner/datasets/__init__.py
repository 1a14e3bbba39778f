"""Data that scripts download while they run: found in their text and fetched beforehand."""
