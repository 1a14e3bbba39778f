"""Writes into files that are not its own, and says which it could."""

import json
import os
import sys


def files(place):
    if place == "scripts":
        here = os.path.dirname(os.path.abspath(__file__))
        return [os.path.join(here, name) for name in ("writes_to.py", "good.py")]
    if place == "tensorflow":
        import tensorflow

        return [tensorflow.__file__]
    return [os.path.join(place, name) for name in ("cells.jsonl", "run.json", "forged.json")]


written = []
for place in sys.argv[1:]:
    for path in files(place):
        try:
            with open(path, "a") as file:
                file.write("\nWORD = 'owned'\n")
            written.append(os.path.basename(path))
        except OSError:
            pass
print("::observe written=%s" % json.dumps(written))
