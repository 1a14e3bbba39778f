"""What a script finds of the data that it was given, and what it may do beside it."""

import json
import os

home = os.path.expanduser("~")
with open(os.path.join(home, "data", "table.csv")) as file:
    table = file.read()
datasets = os.path.join(home, ".keras", "datasets")
with open(os.path.join(datasets, "small.txt")) as file:
    small = file.read()
os.mkdir(os.path.join(datasets, "unpacked"))  # as Keras does beside an archive
seen = {"table": table, "small": small, "listed": sorted(os.listdir(datasets))}
print("::observe found=" + json.dumps(seen))
