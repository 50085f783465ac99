"""What the Linux kernel itself offers to confine a process: Landlock, namespaces, capabilities, limits.

Every function here acts on the calling process and cannot be undone by it. They are called in the child, by
:mod:`evidence.sandbox_launcher`, before the outside tool starts. Sources: landlock(7), unshare(2), user_namespaces(7),
capabilities(7), prctl(2).
"""

import ctypes
import os
import resource
import struct
from collections.abc import Sequence
from contextlib import suppress
from pathlib import Path

_CREATE_RULESET, _ADD_RULE, _RESTRICT_SELF = 444, 445, 446  # the same on every architecture
_VERSION_FLAG = 1
_READ = 0b1101  # execute, read file, read directory
_FILE_ONLY = 0b111 | 1 << 14 | 1 << 15  # rights that a rule for a file (not a directory) may carry
_RIGHTS_BY_ABI = {1: 1 << 13, 2: 1 << 14, 3: 1 << 15, 5: 1 << 16}  # all bits below this one
_CLONE_NEWUSER, _CLONE_NEWNET, _CLONE_NEWIPC = 0x10000000, 0x40000000, 0x08000000
_PR_SET_PDEATHSIG, _PR_SET_DUMPABLE, _PR_SET_SECUREBITS, _PR_CAPBSET_DROP = 1, 4, 28, 24
_PR_SET_NO_NEW_PRIVS = 38
_SECBITS = 0b101111  # root is nobody special, and none of it can be changed back
_NOBODY = 65534


def _libc() -> ctypes.CDLL:
    libc = ctypes.CDLL(None, use_errno=True)
    libc.prctl.argtypes = [ctypes.c_int, *[ctypes.c_ulong] * 4]
    libc.syscall.restype = ctypes.c_long
    return libc


def _refused(what: str) -> OSError:
    return OSError(ctypes.get_errno(), f"{what} was refused: {os.strerror(ctypes.get_errno())}")


def no_new_privileges() -> None:
    """From here on no program that is started gains rights. Raises ``OSError``."""
    if _libc().prctl(_PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0):
        raise _refused("no_new_privs")


def die_with_parent() -> None:
    """Be killed when the thread that started this process ends."""
    _libc().prctl(_PR_SET_PDEATHSIG, 9, 0, 0, 0)


def landlock_version() -> int:
    """The kernel's Landlock ABI; 0 where there is none."""
    return max(0, int(_libc().syscall(_CREATE_RULESET, None, ctypes.c_size_t(0), ctypes.c_uint(_VERSION_FLAG))))


def landlock(readable: Sequence[str], writable: Sequence[str]) -> int:
    """Allow reading and running below some paths, everything below others, and nothing elsewhere; the ABI used.

    Descriptors that are open already stay usable. Also no TCP from ABI 4 on, and no signals or abstract sockets to
    the outside from ABI 6 on. Raises ``OSError`` where the kernel has no Landlock.
    """
    version = landlock_version()
    if not version:
        raise OSError("this kernel has no Landlock")
    rights = max(limit for abi, limit in _RIGHTS_BY_ABI.items() if abi <= version) - 1
    attributes = struct.pack("=QQQ", rights, 0b11 if version >= 4 else 0, 0b11 if version >= 6 else 0)
    size = 24 if version >= 6 else 16 if version >= 4 else 8
    libc = _libc()
    ruleset = libc.syscall(_CREATE_RULESET, attributes, ctypes.c_size_t(size), ctypes.c_uint(0))
    if ruleset < 0:
        raise _refused("a Landlock ruleset")
    for paths, allowed in ((readable, _READ), (writable, rights)):
        for path in paths:
            _allow_beneath(libc, ruleset, path, allowed & rights)
    no_new_privileges()
    if libc.syscall(_RESTRICT_SELF, ctypes.c_int(ruleset), ctypes.c_uint(0)):
        raise _refused("Landlock")
    os.close(ruleset)
    return version


def _allow_beneath(libc: ctypes.CDLL, ruleset: int, path: str, allowed: int) -> None:
    try:
        at = os.open(path, os.O_PATH | os.O_CLOEXEC)
    except FileNotFoundError:
        return
    rule = struct.pack("=Qi", allowed if Path(path).is_dir() else allowed & _FILE_ONLY, at)
    failed = libc.syscall(_ADD_RULE, ctypes.c_int(ruleset), ctypes.c_int(1), rule, ctypes.c_uint(0))
    os.close(at)
    if failed:
        raise _refused(f"a Landlock rule for {path}")


def leave_network() -> None:
    """Move into an empty network and a user namespace of one's own. Raises ``OSError`` where that is not allowed."""
    uid, gid = os.geteuid(), os.getegid()
    if _libc().unshare(_CLONE_NEWUSER | _CLONE_NEWNET | _CLONE_NEWIPC):
        raise _refused("a namespace of its own")
    with suppress(OSError):
        Path("/proc/self/setgroups").write_text("deny", encoding="ascii")
    Path("/proc/self/uid_map").write_text(f"{_NOBODY} {uid} 1", encoding="ascii")
    Path("/proc/self/gid_map").write_text(f"{_NOBODY} {gid} 1", encoding="ascii")


def drop_capabilities() -> None:
    """Give up every capability, and the way back to them, where there are any to give up."""
    libc = _libc()
    for capability in range(64):
        libc.prctl(_PR_CAPBSET_DROP, capability, 0, 0, 0)
    libc.prctl(_PR_SET_SECUREBITS, _SECBITS, 0, 0, 0)
    header = struct.pack("=Ii", 0x20080522, 0)  # _LINUX_CAPABILITY_VERSION_3
    if libc.capset(header, bytes(24)):
        raise _refused("giving up capabilities")


def limit_resources(*, memory: int, cpu: int, file_size: int, open_files: int) -> None:
    """Bound address space (bytes), processor time (seconds), the size of any file written, and open files. No cores."""
    for what, most in (
        (resource.RLIMIT_AS, memory),
        (resource.RLIMIT_CPU, cpu),
        (resource.RLIMIT_FSIZE, file_size),
        (resource.RLIMIT_NOFILE, open_files),
        (resource.RLIMIT_CORE, 0),
    ):
        hard = resource.getrlimit(what)[1]
        value = most if hard == resource.RLIM_INFINITY else min(most, hard)
        resource.setrlimit(what, (value, value))
