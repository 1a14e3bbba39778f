"""Data that scripts would download while they run: told from their text, fetched beforehand."""
