"""The runs in results/: written, read, merged, compared, and followed over time."""
