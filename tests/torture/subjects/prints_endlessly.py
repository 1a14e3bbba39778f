"""Never stops to print: lines, one line, or bytes that are no UTF-8."""

import os
import sys

chunk = {
    "lines": b"and so on\n" * 6000,
    "line": b"y" * 65536,
    "bytes": bytes(range(128, 256)) * 512,
    "errors": b"E] " * 20000,
}[sys.argv[1]]
while True:
    os.write(2 if sys.argv[1] == "errors" else 1, chunk)
