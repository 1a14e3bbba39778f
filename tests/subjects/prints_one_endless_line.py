"""Output without a single end of line."""
import os

chunk = b"y" * (1 << 16)
for _ in range(200):
    os.write(1, chunk)
