"""The system-call filter that an outside tool runs under: a small BPF program, built and installed without a library.

It denies what no decoder needs and what an exploit wants first: sockets, tracing and signalling other processes, new
processes, mounts and namespaces, kernel modules, keyrings, BPF, userfaultfd, io_uring. Everything else stays allowed: a
list of what is denied survives a new libc, a list of what is allowed does not. Format: ``struct sock_filter`` of
linux/filter.h; see seccomp(2). Numbers are those of the kernel's own tables for the two architectures we run on.
"""

import ctypes
import errno
import os
import platform
import struct
from collections.abc import Iterator

_ARCH = {"x86_64": 0xC000003E, "aarch64": 0xC00000B7}
# name: (x86_64, aarch64); None where the architecture does not have the call
_NUMBERS: dict[str, tuple[int | None, int | None]] = {
    "accept": (43, 202), "accept4": (288, 242), "acct": (163, 89), "add_key": (248, 217), "adjtimex": (159, 171),
    "bind": (49, 200), "bpf": (321, 280), "chroot": (161, 51), "clock_adjtime": (305, 266),
    "clock_settime": (227, 112), "clone": (56, 220), "clone3": (435, 435), "connect": (42, 203), "creat": (85, None),
    "delete_module": (176, 106), "execve": (59, 221), "execveat": (322, 281), "fanotify_init": (300, 262),
    "finit_module": (313, 273), "fork": (57, None), "fsconfig": (431, 431), "fsmount": (432, 432),
    "fsopen": (430, 430), "fspick": (433, 433), "init_module": (175, 105), "io_uring_enter": (426, 426),
    "io_uring_register": (427, 427), "io_uring_setup": (425, 425), "ioctl": (16, 29), "ioperm": (173, None),
    "iopl": (172, None), "kcmp": (312, 272), "kexec_file_load": (320, 294), "kexec_load": (246, 104),
    "keyctl": (250, 219), "kill": (62, 129), "listen": (50, 201), "mknod": (133, None), "mknodat": (259, 33),
    "mount": (165, 40), "mount_setattr": (442, 442), "move_mount": (429, 429), "move_pages": (279, 239),
    "migrate_pages": (256, 238), "modify_ldt": (154, None), "name_to_handle_at": (303, 264), "open": (2, None),
    "open_by_handle_at": (304, 265), "open_tree": (428, 428), "openat": (257, 56), "openat2": (437, 437),
    "perf_event_open": (298, 241), "personality": (135, 92), "pidfd_getfd": (438, 438), "pidfd_open": (434, 434),
    "pidfd_send_signal": (424, 424), "pivot_root": (155, 41), "prlimit64": (302, 261),
    "process_madvise": (440, 440), "process_vm_readv": (310, 270), "process_vm_writev": (311, 271),
    "ptrace": (101, 117), "quotactl": (179, 60), "reboot": (169, 142), "request_key": (249, 218),
    "rt_sigqueueinfo": (129, 138), "rt_tgsigqueueinfo": (297, 240), "setdomainname": (171, 162),
    "sethostname": (170, 161), "setns": (308, 268), "settimeofday": (164, 170), "socket": (41, 198),
    "swapoff": (168, 225), "swapon": (167, 224), "syslog": (103, 116), "tgkill": (234, 131), "tkill": (200, 130),
    "umount2": (166, 39), "unshare": (272, 97), "userfaultfd": (323, 282), "vfork": (58, None),
    "vhangup": (153, 58),
}  # fmt: skip
_SPECIAL = frozenset({"clone", "clone3", "ioctl", "kill", "prlimit64", "tgkill"})
_FILES = frozenset({"creat", "execve", "execveat", "open", "openat", "openat2"})
_CLONE_THREAD = 0x10000
_TIOCSTI, _TIOCLINUX = 0x5412, 0x541C

_LOAD, _JEQ, _JSET, _JGE, _RET = 0x20, 0x15, 0x45, 0x35, 0x06
_ALLOW, _KILL = 0x7FFF0000, 0x80000000
_DENY, _NO_SUCH_CALL = 0x00050000 | errno.EPERM, 0x00050000 | errno.ENOSYS
_X32_BIT = 0x40000000
_NR, _AUDIT_ARCH, _ARG0, _ARG1 = 0, 4, 16, 24  # offsets in struct seccomp_data, low words

_PR_SET_NO_NEW_PRIVS, _PR_SET_SECCOMP, _SECCOMP_MODE_FILTER = 38, 22, 2


def supported() -> bool:
    """Whether this machine's architecture is one whose call numbers are known here."""
    return platform.machine() in _ARCH


def numbers(machine: str) -> dict[str, int]:
    """Call numbers of an architecture by name, for the filter and for the test that compares them with the kernel's."""
    column = list(_ARCH).index(machine)
    return {name: pair[column] for name, pair in _NUMBERS.items() if pair[column] is not None}  # type: ignore[misc]


def program(machine: str, pid: int, *, files: bool) -> bytes:
    """The filter for one process. ``files=False`` also denies opening any file and starting any program."""
    calls = numbers(machine)
    denied = sorted(
        number for name, number in calls.items() if name not in _SPECIAL and (not files or name not in _FILES)
    )
    return b"".join(_prologue(machine)) + b"".join(_specials(calls, pid)) + b"".join(_denials(denied))


def _step(code: int, operand: int, when_true: int = 0, when_false: int = 0) -> bytes:
    return struct.pack("=HBBI", code, when_true, when_false, operand)


def _prologue(machine: str) -> Iterator[bytes]:
    yield _step(_LOAD, _AUDIT_ARCH)
    yield _step(_JEQ, _ARCH[machine], 1, 0)
    yield _step(_RET, _KILL)
    yield _step(_LOAD, _NR)
    if machine == "x86_64":  # the x32 calls would step around the numbers below
        yield _step(_JGE, _X32_BIT, 0, 1)
        yield _step(_RET, _KILL)


def _specials(calls: dict[str, int], pid: int) -> Iterator[bytes]:
    yield _step(_JEQ, calls["clone3"], 0, 1)
    yield _step(_RET, _NO_SUCH_CALL)  # its flags lie in memory; libc then falls back to clone, whose flags are visible
    yield from _on_argument(calls["clone"], _ARG0, [_step(_JSET, _CLONE_THREAD, 1, 0), _step(_RET, _DENY)])
    for name in ("kill", "tgkill"):  # abort() and raise() signal oneself; nobody else
        yield from _on_argument(calls[name], _ARG0, [_step(_JEQ, pid, 1, 0), _step(_RET, _DENY)])
    own = [_step(_JEQ, 0, 2, 0), _step(_JEQ, pid, 1, 0), _step(_RET, _DENY)]
    yield from _on_argument(calls["prlimit64"], _ARG0, own)
    typing = [_step(_JEQ, _TIOCSTI, 1, 0), _step(_JEQ, _TIOCLINUX, 0, 1), _step(_RET, _DENY)]
    yield from _on_argument(calls["ioctl"], _ARG1, typing)


def _on_argument(number: int, offset: int, judged: list[bytes]) -> Iterator[bytes]:
    yield _step(_JEQ, number, 0, len(judged) + 2)
    yield _step(_LOAD, offset)
    yield from judged
    yield _step(_RET, _ALLOW)


def _denials(denied: list[int]) -> Iterator[bytes]:
    for number in denied:
        yield _step(_JEQ, number, 0, 1)
        yield _step(_RET, _DENY)
    yield _step(_RET, _ALLOW)


class _Program(ctypes.Structure):
    _fields_ = (("length", ctypes.c_ushort), ("filter", ctypes.c_void_p))


def install(*, files: bool) -> None:
    """Put this process under the filter for good. Raises ``OSError`` where the kernel will not have it."""
    libc = ctypes.CDLL(None, use_errno=True)
    libc.prctl.argtypes = [ctypes.c_int, *[ctypes.c_ulong] * 4]
    if libc.prctl(_PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0):
        raise OSError(ctypes.get_errno(), "no_new_privs was refused")
    code = program(platform.machine(), os.getpid(), files=files)
    buffer = ctypes.create_string_buffer(code, len(code))
    whole = _Program(len(code) // 8, ctypes.addressof(buffer))
    if libc.prctl(_PR_SET_SECCOMP, _SECCOMP_MODE_FILTER, ctypes.addressof(whole), 0, 0):
        raise OSError(ctypes.get_errno(), "the system-call filter was refused")
