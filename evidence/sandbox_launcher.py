"""The step between us and an outside tool: a tiny process that confines itself and then becomes the tool.

It is a program of its own, not code between fork and exec, because our servers have threads and Python code after a
fork of a threaded process can hang. It imports nothing but the standard library. The policy comes as JSON in the first
argument, the tool's argument list follows.
"""

import json
import os
import sys
from collections.abc import Callable
from typing import Any

from evidence import sandbox_kernel as kernel
from evidence import sandbox_seccomp as seccomp

REFUSED = 126  # exit code: a measure that the policy insists on could not be taken


def _attempt(report: dict[str, str], name: str, measure: Callable[[], object]) -> None:
    try:
        measure()
        report[name] = "yes"
    except OSError as refused:
        report[name] = f"no: {refused}"


def confine(policy: dict[str, Any]) -> dict[str, str]:
    """Take every measure in the right order; what was taken and what was not, by name."""
    report: dict[str, str] = {}
    kernel.die_with_parent()
    kernel.limit_resources(**policy["limits"])
    _attempt(report, "own network and user namespace", kernel.leave_network)
    _attempt(report, "Landlock", lambda: kernel.landlock(policy["readable"], policy["writable"]))
    _attempt(report, "no capabilities", kernel.drop_capabilities)
    _attempt(report, "no new privileges", kernel.no_new_privileges)
    kernel.die_with_parent()  # a change of credentials has cleared it
    if seccomp.supported():
        _attempt(report, "system-call filter", lambda: seccomp.install(files=True))
    else:
        report["system-call filter"] = "no: unknown processor architecture"
    return report


def seal() -> None:
    """For our own Python children, once everything is imported: no file can be opened and no program started any more.

    What the kernel does not have is left out; the filter of :func:`confine` stays in force in any case.
    """
    report: dict[str, str] = {}
    _attempt(report, "Landlock", lambda: kernel.landlock([], []))
    if seccomp.supported():
        _attempt(report, "system-call filter", lambda: seccomp.install(files=False))


def main() -> None:
    """Confine this process and become the tool that the arguments name."""
    policy = json.loads(sys.argv[1])
    report = confine(policy)
    missing = [name for name in policy.get("insist", []) if report.get(name) != "yes"]
    if missing:
        sys.stderr.write(f"not started: {', '.join(f'{name} ({report[name]})' for name in missing)}\n")
        sys.exit(REFUSED)
    if policy.get("report"):
        os.write(1, json.dumps(report).encode() + b"\n")
    try:
        os.execve(sys.argv[2], sys.argv[2:], dict(os.environ))  # noqa: S606 - a program, never a shell
    except OSError as failed:
        sys.stderr.write(f"{sys.argv[2]}: {failed}\n")
        sys.exit(REFUSED)
