"""Tries the known ways out of a container, and says which were open."""

import ctypes
import json
import mmap
import os
import resource
import socket
import stat

libc = ctypes.CDLL(None, use_errno=True)
ways = []


def attempt(name, call, *args):
    try:
        if call(*args) != -1:  # 0 is a success of the C library's
            ways.append(name)
    except OSError:
        pass


def writes(path):
    with open(path, "w") as file:
        file.write("|/tmp/owned")


def reads(path):
    with open(path, "rb") as file:
        file.read(1)


def calls_as_32_bit_programs_do():
    code = mmap.mmap(-1, 4096, prot=7)
    code.write(b"\xb8\x14\x00\x00\x00\xcd\x80\xc3")  # getpid, by the old way into the kernel
    child = os.fork()
    if child == 0:
        os._exit(
            ctypes.CFUNCTYPE(ctypes.c_int)(ctypes.addressof(ctypes.c_char.from_buffer(code)))() < 0
        )
    return -1 if os.waitpid(child, 0)[1] else 0


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
# What any user may do outside a container, and no script that uses TensorFlow needs.
attempt("another's memory", libc.process_vm_readv, os.getpid(), None, 0, None, 0, 0)
attempt("io_uring", libc.syscall, 425, 4, ctypes.create_string_buffer(120))
attempt("userfaultfd", libc.syscall, 323, 1)
attempt("a session's keys", libc.syscall, 250, 0, -3, 0)
attempt("a user namespace by clone3", libc.syscall, 435, (ctypes.c_uint64 * 8)(0x10000000), 64)
attempt("a queue of messages", libc.syscall, 240, b"torture", 0o102, 0o600, None)
attempt("System V's queues", libc.msgget, 0, 0o1600)
attempt("System V's semaphores", libc.semget, 0, 1, 0o1600)
attempt("secret memory", libc.syscall, 447, 0)
attempt("a filter of its own", libc.syscall, 317, 2, 0, ctypes.byref(ctypes.c_uint32(0x7FFF0000)))
attempt("another descriptor", libc.syscall, 438, libc.syscall(434, os.getpid(), 0), 0, 0)
attempt("asynchronous reads", libc.syscall, 206, 1, (ctypes.c_uint64 * 1)())
attempt("the host's disks", libc.syscall, 306, 1)
attempt("another's limits", resource.prlimit, os.getppid(), resource.RLIMIT_MSGQUEUE, (0, 0))
attempt("32-bit calls", calls_as_32_bit_programs_do)
for name, family in (("the kernel's ciphers", 38), ("virtual machines", 40), ("packets", 17)):
    attempt("a socket of " + name, socket.socket, family, socket.SOCK_SEQPACKET)
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
attempt("be traced", libc.ptrace, 0, 0, None, None)  # the last: signals then stop it
print("::observe ways=%s" % json.dumps(ways))
