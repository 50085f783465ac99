"""Writing past the page cache takes what is aligned and leaves the rest; the file is the same either way."""

import mmap
import os
from pathlib import Path

import pytest

from evidence.directfile import BLOCK, DirectFile
from evidence.objectstore import read_all
from evidence.objectstore_files import FileStore

MIB = 1024 * 1024


def aligned(data: bytes) -> memoryview:
    buffer = mmap.mmap(-1, len(data))
    buffer[:] = data
    return memoryview(buffer)


def test_an_unaligned_offset_is_left_to_the_ordinary_descriptor(tmp_path: Path) -> None:
    (tmp_path / "file").touch()
    assert DirectFile(tmp_path / "file").write(aligned(bytes(BLOCK)), 1) == 0


def test_only_whole_blocks_are_taken(tmp_path: Path) -> None:
    (tmp_path / "file").touch()
    direct = DirectFile(tmp_path / "file")
    assert direct.write(aligned(b"x" * (BLOCK + 7)), 0) in {0, BLOCK}  # 0 where the file system knows nothing of it
    assert direct.write(aligned(b"x" * 7), 0) == 0
    direct.close()


@pytest.mark.parametrize("large", [False, True])
def test_an_upload_is_the_same_file_whether_it_was_announced_small_or_large(tmp_path: Path, large: bool) -> None:
    store = FileStore(tmp_path)
    pieces = [os.urandom(2 * MIB)] * (32 if large else 2) + [os.urandom(MIB + 13), os.urandom(2 * MIB)]
    whole = b"".join([*pieces, pieces[0]])
    incoming = store.incoming("masters/one", size=len(whole))
    for piece in pieces:
        incoming.append(aligned(piece))
    incoming.append(pieces[0])  # plain bytes begin anywhere in memory
    assert incoming.sync() == len(whole)
    incoming.finish()
    assert read_all(store, "masters/one") == whole
