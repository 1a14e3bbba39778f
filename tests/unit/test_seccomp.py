"""What containers may ask of the kernel. That it is so in a container is shown by `breaks-out`."""

from __future__ import annotations

import json
from typing import Any

import pytest

from runner import paths

PROFILE: dict[str, Any] = json.loads(paths.system_calls().read_text("utf-8"))
NAMESPACES = 0x7E020000
"""Mount, cgroup, UTS, IPC, user, PID and network: the flags of clone(2)."""
NEVER = """
    acct add_key bpf chroot clock_adjtime clock_settime clone3 delete_module fanotify_init
    finit_module fsconfig fsmount fsopen fspick get_mempolicy init_module io_setup io_submit
    io_uring_enter io_uring_register io_uring_setup ioperm iopl kcmp kexec_load keyctl
    landlock_create_ruleset lookup_dcookie mbind memfd_secret modify_ldt mount mount_setattr
    move_mount move_pages mq_getsetattr mq_notify mq_open mq_timedreceive mq_timedsend mq_unlink
    msgctl msgget msgrcv msgsnd name_to_handle_at open_by_handle_at open_tree perf_event_open
    personality pidfd_getfd pivot_root process_madvise process_mrelease process_vm_readv
    process_vm_writev ptrace quotactl reboot remap_file_pages request_key seccomp semctl semget
    semop semtimedop set_mempolicy setdomainname sethostname setns settimeofday swapoff swapon
    sync syncfs syslog umount umount2 unshare uselib userfaultfd vhangup vmsplice
"""


def allowed() -> dict[str, list[list[dict[str, int]]]]:
    """Each call with the conditions under which it is let through, of which one must hold."""
    found: dict[str, list[list[dict[str, int]]]] = {}
    for rule in PROFILE["syscalls"]:
        for name in rule["names"] if rule["action"] == "SCMP_ACT_ALLOW" else ():
            found.setdefault(name, []).append(rule.get("args") or [])
    return found


def test_what_is_not_listed_is_refused() -> None:
    assert PROFILE["defaultAction"] == "SCMP_ACT_ERRNO"
    assert PROFILE["defaultErrnoRet"] == 1  # EPERM
    assert PROFILE["architectures"] == ["SCMP_ARCH_X86_64"], "not the 32-bit ways into the kernel"
    assert {rule["action"] for rule in PROFILE["syscalls"]} == {"SCMP_ACT_ALLOW", "SCMP_ACT_ERRNO"}


def test_no_call_is_listed_twice_without_a_condition() -> None:
    """One rule without a condition would make all others of the call void."""
    for name, conditions in allowed().items():
        assert conditions == [[]] or all(conditions), name


@pytest.mark.parametrize("call", NEVER.split())
def test_no_script_needs(call: str) -> None:
    assert call not in allowed()


def test_calls_that_depend_on_what_is_asked_for() -> None:
    def values(call: str) -> list[tuple[int, int, str, int]]:
        return [
            (one["index"], one["value"], str(one["op"]), one.get("valueTwo", 0))
            for (one,) in allowed()[call]
        ]

    equal = "SCMP_CMP_EQ"
    assert values("clone") == [(0, NAMESPACES, "SCMP_CMP_MASKED_EQ", 0)]
    assert values("socket") == [(0, family, equal, 0) for family in (1, 2, 10, 16)]
    assert values("socketpair") == [(0, 1, equal, 0)]
    assert values("prlimit64") == [(0, 0, equal, 0), (2, 0, equal, 0)]


def test_clone3_is_said_not_to_exist() -> None:
    (rule,) = [rule for rule in PROFILE["syscalls"] if "clone3" in rule["names"]]
    assert (rule["action"], rule["errnoRet"]) == ("SCMP_ACT_ERRNO", 38)  # ENOSYS
