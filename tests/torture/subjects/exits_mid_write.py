"""Is gone in the middle of a line, of a character, and of what another thread writes."""

import os
import threading
import time

with open("half", "w") as half:
    half.write("{")
    half.flush()
    os.write(1, b'::observe whole=1\n::observe half={"a": ')
    threading.Thread(target=lambda: [os.write(2, b"y" * 4096) for _ in range(10**6)]).start()
    time.sleep(0.1)
    os.write(1, b"\xf0\x9f\x98")
    os._exit(0)
