"""Files: killed at any moment, nothing that was acknowledged is lost, and everything can go on."""

import os
import random
import resource
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest

from evidence.errors import AlreadyStored, OutOfSpace
from evidence.objectstore import read_all
from evidence.objectstore_files import FileStore
from tests.contract.busy_writer import LARGE, large, small
from tests.servers import die_with_parent

moments = pytest.mark.parametrize("seed", range(5))


def killed_after(seconds: float, what: str, root: Path) -> list[int]:
    """What the writer had said when it was killed."""
    writer = subprocess.Popen(
        [sys.executable, "-m", "tests.contract.busy_writer", what, str(root)], stdout=subprocess.PIPE,
        preexec_fn=die_with_parent,  # noqa: PLW1509 - one system call
    )  # fmt: skip
    assert writer.stdout is not None
    said = [writer.stdout.readline()]
    time.sleep(seconds)
    writer.kill()
    said += writer.stdout.readlines()
    writer.wait()
    return [int(line) for line in said if line.endswith(b"\n")]


@pytest.mark.crash
@moments
def test_an_upload_keeps_what_was_durable_when_its_process_was_killed(tmp_path: Path, seed: int) -> None:
    said = killed_after(random.Random(seed).random() * 0.2, "large", tmp_path)
    store = FileStore(tmp_path)
    upload = store.incoming("received/large", size=LARGE)
    if store.stat("received/large") is None:
        assert upload.length >= said[-1]
        assert upload.read(0, upload.length) == large()[: upload.length]
        upload.append(large()[upload.length :])
    assert upload.finish().size == LARGE
    assert read_all(store, "received/large") == large()


@pytest.mark.crash
@moments
def test_objects_that_were_acknowledged_survive_and_the_rest_can_be_put_again(tmp_path: Path, seed: int) -> None:
    said = killed_after(random.Random(seed).random() * 0.3, "small", tmp_path)
    store = FileStore(tmp_path)
    there = {int(key.rpartition("/")[2]) for key in store.keys("many/")}
    assert set(said) <= there
    assert len(there - set(said)) <= 1
    for number in [*there, max(there) + 1]:
        key, data = f"many/{number % 7}/{number}", small(number)
        if number in there:
            assert read_all(store, key) == data
        upload = store.incoming(key, size=len(data))
        assert upload.length == 0 or number not in there
        assert store.put_once(key, data).size == len(data)
        assert upload.finish().size == len(data)


def test_a_finish_that_died_before_it_gave_the_name_is_run_again(tmp_path: Path) -> None:
    staged = staged_file(tmp_path, b"footage")
    staged.chmod(0o400)
    upload = FileStore(tmp_path).incoming("received/rec_1", size=7)
    assert upload.sync() == 7
    assert upload.finish().size == 7
    assert not staged.exists()


def test_a_finish_that_died_after_it_gave_the_name_leaves_nothing_to_write_through(tmp_path: Path) -> None:
    staged = staged_file(tmp_path, b"footage")
    FileStore(tmp_path).publish("received/rec_1", staged)
    upload = FileStore(tmp_path).incoming("received/rec_1", size=7)
    assert (upload.length, staged.exists()) == (0, False)
    upload.append(b"forgery")
    with pytest.raises(AlreadyStored):
        upload.finish()
    assert read_all(FileStore(tmp_path), "received/rec_1") == b"footage"


def test_an_object_is_a_file_that_nobody_may_write(tmp_path: Path) -> None:
    store = FileStore(tmp_path)
    store.put_once("received/rec_1", b"footage")
    path = tmp_path / "objects" / "received" / "rec_1"
    assert path.stat().st_mode & 0o777 == 0o400
    assert (tmp_path / "objects").stat().st_mode & 0o077 == 0


def test_what_a_dead_process_left_in_scratch_goes_after_a_day(tmp_path: Path) -> None:
    FileStore(tmp_path)
    old, new = tmp_path / "scratch" / "old", tmp_path / "scratch" / "new"
    for left in (old, new):
        left.write_bytes(b"half")
    os.utime(old, (time.time() - 90_000,) * 2)
    FileStore(tmp_path)
    assert (old.exists(), new.exists()) == (False, True)


def test_a_full_disk_is_said_in_words_and_what_was_durable_stays(tmp_path: Path) -> None:
    store = FileStore(tmp_path)
    upload = store.incoming("received/rec_1", size=300_000)
    upload.append(b"a" * 100_000)
    assert upload.sync() == 100_000
    with no_file_over(150_000):
        with pytest.raises(OutOfSpace):
            upload.append(b"b" * 200_000)
        with pytest.raises(OutOfSpace):
            store.put_once("plans/one", b"c" * 200_000)
    assert store.stat("plans/one") is None
    assert list((tmp_path / "scratch").iterdir()) == []
    upload.close()
    upload = store.incoming("received/rec_1", size=300_000)
    assert upload.length >= 100_000
    upload.truncate(100_000)
    upload.append(b"b" * 200_000)
    assert upload.finish().size == 300_000
    assert read_all(store, "received/rec_1") == b"a" * 100_000 + b"b" * 200_000


@contextmanager
def no_file_over(size: int) -> Iterator[None]:
    """The kernel refuses to let files grow (EFBIG), as a quota or a full disk would."""
    soft, hard = resource.getrlimit(resource.RLIMIT_FSIZE)
    resource.setrlimit(resource.RLIMIT_FSIZE, (size, hard))
    try:
        yield
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, (soft, hard))


def staged_file(root: Path, data: bytes) -> Path:
    upload = FileStore(root).incoming("received/rec_1", size=len(data))
    upload.append(data)
    upload.sync()
    upload.close()
    return root / "staging" / "received" / "rec_1"
