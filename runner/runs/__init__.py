"""The runs in results/: written, read, merged and compared."""
