"""A process that stores things until somebody kills it, and says each time what is safe now."""

import random
import sys
from pathlib import Path

from evidence.objectstore_files import FileStore

MIB = 1024 * 1024
LARGE = 24 * MIB


def large() -> bytes:
    return random.Random(1).randbytes(LARGE)


def small(number: int) -> bytes:
    return random.Random(number).randbytes(1 + number * 37 % 20_000)


def write_large(store: FileStore) -> None:
    """One upload, in uneven pieces, from where it stands."""
    data, upload = memoryview(large()), store.incoming("received/large", size=LARGE)
    while upload.length < LARGE:
        upload.append(data[upload.length : upload.length + 200_003])
        print(upload.sync(), flush=True)
    upload.finish()


def write_small(store: FileStore) -> None:
    """Many objects, in every way there is."""
    for number in range(100_000):
        key, data = f"many/{number % 7}/{number}", small(number)
        if number % 2:
            store.put_once(key, data)
        else:
            upload = store.incoming(key, size=len(data))
            upload.append(data[upload.length :])
            upload.finish()
        print(number, flush=True)


if __name__ == "__main__":
    {"large": write_large, "small": write_small}[sys.argv[1]](FileStore(Path(sys.argv[2])))
