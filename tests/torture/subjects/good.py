"""Says what it sees of the world that it shares with the scripts before it."""

import hashlib
import json
import os
import sys
import tempfile
import time

import tensorflow

if sys.argv[1:] == ["slowly"]:
    time.sleep(2)


def digest(folder):
    whole = hashlib.sha256()
    for place, folders, names in os.walk(folder):
        folders[:] = sorted(set(folders) - {"__pycache__"})
        for name in sorted(names):
            with open(os.path.join(place, name), "rb") as file:
                whole.update(name.encode() + file.read())
    return whole.hexdigest()[:16]


def others():
    """The user's other processes that are no part of the tool, as far as this one can see."""
    found = []
    for pid in os.listdir("/proc"):
        try:
            with open("/proc/%s/cmdline" % pid, "rb") as file:
                command = file.read().replace(b"\0", b" ").decode()
        except OSError:
            continue
        if command and "agent.py" not in command and "torture" not in command:
            found.append(command if "either.py" not in command else "a script")
    return sorted(found)


def left():
    """What scripts before it left in the places that all of a container share."""
    found = [
        folder + "/" + name
        for folder in ("/tmp", "/dev/shm", "/var/tmp", "/dev/mqueue")
        for name in os.listdir(folder)
    ]
    for kind in ("shm", "sem", "msg"):
        with open("/proc/sysvipc/" + kind) as file:
            found += file.read().splitlines()[1:]
    return sorted(found)


with open("/proc/1/cmdline", "rb") as file:
    contained = b"agent.py" in file.read()
facts = {
    "left": left() if contained else [],
    "others": [one for one in others() if one != "a script"],
    "scratch": sorted(os.listdir(os.getcwd())),
    "temporary": sorted(os.listdir(tempfile.gettempdir())),
    "home": sorted(os.listdir(os.path.expanduser("~"))),
    "tensorflow": [tensorflow.WORD, digest(os.path.dirname(tensorflow.__file__))],
    "scripts": digest(os.path.dirname(os.path.abspath(__file__))),
    "names": sorted(os.environ),
    "umask": os.umask(0o022),
}
for name, value in facts.items():
    print("::observe %s=%s" % (name, json.dumps(value)))
