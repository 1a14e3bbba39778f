"""Looks for a secret of the caller's: its environment, other processes', files, sockets."""

import json
import os
import sys

NAME = "TORTURE" + "_SECRET"  # in two, or it would find this script
found = [name for name in os.environ if NAME in name]


def holds(path, word):
    try:
        with open(path, "rb") as file:
            return word in file.read(1 << 20)
    except OSError:
        return False


pid, own = os.getpid(), []
while pid > 0:
    own.append(str(pid))
    with open("/proc/%d/stat" % pid) as file:
        pid = int(file.read().rsplit(")", 1)[1].split()[1])
look = own[:3] if sys.argv[1] == "near" else os.listdir("/proc")
for pid in look:
    if pid.isdigit() and holds("/proc/%s/environ" % pid, NAME.encode()):
        found.append("the environment of process " + pid)
if sys.argv[1] == "far":
    found += [path for path in sys.argv[2:] if os.path.exists(path)]
    for folder in ("/root", "/home", "/mnt", "/media", "/srv", "/var/lib/docker"):
        try:
            found += [os.path.join(folder, name) for name in os.listdir(folder) if name[0] != "."]
        except OSError:
            pass
    found += [path for path in ("/etc/shadow", "/dev/mem", "/dev/kmsg") if os.access(path, os.R_OK)]
print("::observe found=%s" % json.dumps(found))
