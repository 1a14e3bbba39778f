"""Not a subject: needs_sibling.py imports it."""
WORD = "found"
