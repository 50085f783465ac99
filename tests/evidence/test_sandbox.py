"""What a confined child can and cannot do, with and without bubblewrap around it."""

import os
import platform
import re
import sys
import threading
from dataclasses import replace
from pathlib import Path

import pytest

from evidence import sandbox, sandbox_seccomp
from evidence.sandbox import Confined, Ended, Limits, World, confinement, python_argv, run

HEADERS = {
    "x86_64": Path("/usr/include/x86_64-linux-gnu/asm/unistd_64.h"),
    "aarch64": Path("/usr/include/asm-generic/unistd.h"),
}


@pytest.fixture(params=[True, False], ids=["bubblewrap", "kernel-only"])
def world(request: pytest.FixtureRequest) -> World:
    return replace(World.of_python(), bubblewrap=request.param)


def python(code: str, world: World, **limits: float) -> Ended:
    argv = [sys.executable, "-I", "-S", "-c", code]
    return run(argv, limits=Limits(**{"wall": 20.0, **limits}), world=world)  # type: ignore[arg-type]


def test_a_tool_that_ends_well_gives_its_output(world: World) -> None:
    ended = run(["/bin/echo", "hello"], limits=Limits(), world=world)
    assert (ended.code, ended.stdout, ended.trouble) == (0, b"hello\n", None)


def test_what_is_said_to_be_in_force_was_tried(world: World) -> None:
    measures = {m.name: m for m in confinement(with_bubblewrap=world.bubblewrap)}
    assert measures["no new privileges"].in_force
    assert measures["system-call filter"].in_force
    assert measures["opening a socket"].in_force
    assert measures["starting a process"].in_force


@pytest.mark.parametrize(
    "act",
    [
        "import socket; socket.create_connection(('127.0.0.1', 9))",
        "import socket; socket.socket(socket.AF_UNIX)",
        "import os; os.fork()",
        "import os; os.kill(1, 0)",
        (
            "import ctypes; l = ctypes.CDLL(None, use_errno=True); r = l.ptrace(0, 0, 0, 0)\n"
            "if r: raise PermissionError(ctypes.get_errno())"
        ),
        (
            "import ctypes; l = ctypes.CDLL(None, use_errno=True); r = l.unshare(0x10000000)\n"
            "if r: raise PermissionError(ctypes.get_errno())"
        ),
    ],
    ids=["connect", "unix socket", "fork", "signal", "ptrace", "namespace"],
)
def test_what_an_exploit_wants_is_refused(act: str, world: World) -> None:
    ended = python(act, world)
    assert ended.code == 1
    assert b"PermissionError" in ended.stderr


def test_threads_are_allowed(world: World) -> None:
    ended = python("import threading; t = threading.Thread(target=print, args=('in',)); t.start(); t.join()", world)
    assert ended.stdout == b"in\n"


def test_only_named_paths_are_readable(world: World, tmp_path: Path) -> None:
    for name in ("shown", "hidden"):
        (tmp_path / name).mkdir()
        (tmp_path / name / "file").write_text(name)
    seen = replace(world, readable=(*world.readable, str(tmp_path / "shown")))
    assert python(f"print(open({str(tmp_path / 'shown' / 'file')!r}).read())", seen).stdout == b"shown\n"
    assert python(f"open({str(tmp_path / 'hidden' / 'file')!r})", seen).trouble == "it ended with code 1"
    assert python(f"open({str(tmp_path / 'shown' / 'file')!r}, 'w')", seen).trouble == "it ended with code 1"


def test_only_named_paths_are_writable(world: World, tmp_path: Path) -> None:
    room = replace(world, writable=(str(tmp_path),))
    made = f"open({str(tmp_path / 'made')!r}, 'w').write('x')"
    assert python(made, room, file_size=100).trouble is None
    assert (tmp_path / "made").stat().st_uid == os.geteuid()
    python(f"open({str(tmp_path / 'big')!r}, 'wb').write(bytes(1000))", room, file_size=100)
    assert (tmp_path / "big").stat().st_size <= 100


def test_a_descriptor_needs_no_path(world: World, tmp_path: Path) -> None:
    (tmp_path / "object").write_bytes(b"evidence")
    with (tmp_path / "object").open("rb") as opened:
        argv = [sys.executable, "-I", "-S", "-c", f"import os; print(os.pread({opened.fileno()}, 8, 0).decode())"]
        ended = run(argv, limits=Limits(), world=world, fds=[opened.fileno()])
    assert ended.stdout == b"evidence\n"


def test_the_environment_is_empty_but_for_four_words(world: World) -> None:
    ended = python("import os; print(sorted(os.environ))", world)
    assert set(re.findall(r"'(\w+)'", ended.stdout.decode())) <= {
        "HOME", "LANG", "LC_CTYPE", "PATH", "PWD", "PYTHONDONTWRITEBYTECODE", "TZ",
    }  # fmt: skip


def test_a_hang_is_killed_and_said(world: World) -> None:
    ended = python("import time; time.sleep(60)", world, wall=0.6)
    assert ended.trouble == "it ran longer than 0.6 seconds and was stopped"


def test_too_much_memory_fails_inside(world: World) -> None:
    assert b"MemoryError" in python("bytearray(3 << 30)", world).stderr


def test_too_much_processor_time_is_said(world: World) -> None:
    ended = python("while True: pass", world, cpu=1)
    assert ended.trouble == "it was stopped for using more processor time or memory than allowed"


def test_too_much_output_is_stopped(world: World) -> None:
    ended = python("while True: print('x' * 1000)", world, output=10_000)
    assert ended.trouble == "it wrote more than 10000 bytes and was stopped"
    assert len(ended.stdout) <= 10_000


def test_a_crash_is_said_with_its_signal(world: World) -> None:
    assert python("import os; os.abort()", world).trouble == "it crashed (signal 6)"


def test_a_tool_that_is_not_there_is_said(world: World) -> None:
    ended = run(["/nowhere/tool"], limits=Limits(), world=world)
    assert ended.code == sandbox.NOT_STARTED
    assert b"/nowhere/tool" in ended.stderr


def test_output_can_be_followed_as_it_comes(world: World) -> None:
    seen: list[bytes] = []
    run(["/bin/echo", "line"], limits=Limits(), world=world, on_output=seen.append)
    assert b"".join(seen) == b"line\n"


def test_a_lasting_child_is_spoken_to_over_its_socket_and_dies_whole(world: World) -> None:
    code = "import socket, sys; s = socket.socket(fileno=int(sys.argv[1])); s.sendall(s.recv(10).upper()); s.recv(1)"
    child = Confined([sys.executable, "-I", "-S", "-c", code], limits=Limits(), world=world)
    child.channel.sendall(b"ping")
    assert child.channel.recv(10) == b"PING"
    assert child.alive
    child.kill()
    assert not child.alive


def test_a_child_outlives_the_thread_that_asked_for_it(world: World) -> None:
    children: list[Confined] = []
    code = "import socket, sys; s = socket.socket(fileno=int(sys.argv[1])); s.sendall(b'up'); s.recv(1)"

    def ask() -> None:
        child = Confined([sys.executable, "-I", "-S", "-c", code], limits=Limits(), world=world)
        child.channel.recv(2)
        children.append(child)

    asking = threading.Thread(target=ask)
    asking.start()
    asking.join()
    assert children[0].alive
    children[0].kill()


def test_a_sealed_child_opens_nothing_more(world: World) -> None:
    code = (
        f"import sys, types; room = sys.modules['evidence'] = types.ModuleType('evidence')\n"
        f"room.__path__ = [{str(sandbox.ROOT / 'evidence')!r}]\n"
        "from evidence.sandbox_launcher import seal\n"
        "seal()\n"
        "for path in (sys.executable, '/proc/self/maps'):\n"
        "    try: open(path); print('opened')\n"
        "    except OSError: print('refused')\n"
        "import os\n"
        "try: os.execv('/bin/true', ['true'])\n"
        "except OSError: print('refused')\n"
    )
    assert python(code, world).stdout == b"refused\n" * 3


def test_our_own_modules_run_as_confined_children(world: World) -> None:
    ended = run(python_argv("evidence.digest"), limits=Limits(), world=world)
    assert ended.trouble is None


@pytest.mark.parametrize("machine", sorted(HEADERS))
def test_call_numbers_are_the_kernels(machine: str) -> None:
    if not HEADERS[machine].exists():
        pytest.skip("the kernel's headers are not installed (linux-libc-dev)")
    text = HEADERS[machine].read_text()
    known = {name: int(number) for name, number in re.findall(r"#define __NR(?:3264)?_(\w+)\s+(\d+)", text)}
    ours = sandbox_seccomp.numbers(machine)
    assert {name: known.get(name) for name in ours} == ours


def test_the_filter_knows_this_machine() -> None:
    assert platform.machine() in HEADERS
    assert sandbox_seccomp.supported()
