"""What changed from run to run, in words, as text and as JSON."""
