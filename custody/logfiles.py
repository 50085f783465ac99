"""The log's static files in the object store: tiles and entry bundles below ``log/``, as C2SP tlog-tiles has them."""

from custody.tile import WIDTH, BundleId, TileMissing
from evidence.errors import NotFound
from evidence.objectstore import ObjectStore, read_all

PREFIX = "log/"


class LogFiles:
    """Reads and writes the files of the log by their path below its prefix."""

    def __init__(self, objects: ObjectStore) -> None:
        self._objects = objects

    def read(self, path: str) -> bytes:
        """The bytes of a file; raises :class:`TileMissing` when there is none."""
        try:
            return read_all(self._objects, PREFIX + path)
        except NotFound as wrong:
            raise TileMissing(f"the log has no file {path}") from wrong

    def write(self, path: str, data: bytes) -> None:
        """Store a file durably; the same again is fine."""
        self._objects.put_once(PREFIX + path, data)

    def discard_partials(self, path: str) -> int:
        """Discard the partial forms of the full tile or bundle under a path; how many there were."""
        return self._objects.discard_partials(PREFIX + path)

    def go_beyond(self, size: int) -> bool:
        """Whether there are entry bundles that only a log of more than ``size`` entries has written."""
        index, width = divmod(size, WIDTH)
        if self._objects.stat(PREFIX + BundleId(index).path) is not None:
            return True
        partial = f"{PREFIX}{BundleId(index).path}.p/"
        return any(int(key.removeprefix(partial)) > width for key in self._objects.keys(partial))
