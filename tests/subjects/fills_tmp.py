"""One file as large as it may be, and then some; by itself at 3 GiB."""
import os
import tempfile

with tempfile.TemporaryFile() as file:
    for _ in range(3 << 10):
        os.write(file.fileno(), b"\0" * (1 << 20))
print("wrote 3 GiB unpunished")
