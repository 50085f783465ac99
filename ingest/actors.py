"""Ingest's part in the workers: none. What it has to finish, it finishes in the process that holds the upload.

A staged upload has one writer, the docks' door, and the door also finishes it (:mod:`ingest.reception`) and takes up
what a kill left half done (:func:`ingest.door.recover`). A worker beside it would be a second writer.
"""

from collections.abc import Callable, Mapping

from evidence.ground import Ground
from evidence.outbox import Begun


def handlers(_ground: Ground) -> Mapping[str, Callable[[Begun], None]]:
    """The kinds of jobs that ingest does: none."""
    return {}
