"""The docks' door: uploads on the raw interface under ``/files``, everything else a dock says under ``/dock/``.

Opening the door also takes up what a kill left half done: uploads whose bytes and manifest are both here.
"""

import threading
from datetime import timedelta
from typing import Any

import structlog
from sqlalchemy import select

from evidence.errors import DocklineError
from evidence.ground import Ground
from evidence.models import Recording, Upload
from ingest import receive
from ingest.dock_api import create_dock_api
from ingest.reception import Reception
from ingest.upload import UploadState
from ingest.upload_api import PREFIX, Receive, Scope, Send, UploadApp

_LEFTOVERS = timedelta(days=2)  # how long after a duplicate was matched its staged copy may still have to be removed

log = structlog.get_logger()


class Door:
    """The ASGI application of both parts."""

    def __init__(self, ground: Ground) -> None:
        self.reception = Reception(ground)
        self._uploads = UploadApp(self.reception)
        self._docks: Any = create_dock_api(ground)

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Pass a request on by its path."""
        to_uploads = scope["type"] == "http" and (scope["path"] + "/").startswith(f"{PREFIX}/")
        await (self._uploads if to_uploads else self._docks)(scope, receive, send)


def create_door(ground: Ground) -> Door:
    """The door of an installation. What was left half done is finished in a thread of its own."""
    door = Door(ground)
    threading.Thread(target=_recover_aside, args=(ground,), name="upload-recovery", daemon=True).start()
    return door


def _recover_aside(ground: Ground) -> None:
    try:
        recover(ground)
    except Exception:  # the thread's edge: the door is open all the same, and each dock's question tries again
        log.exception("what was left half done could not be looked at")


def recover(ground: Ground) -> int:
    """Finish what was complete when the process before this one ended; returns how many uploads were looked at."""
    with ground.database.read() as session:
        waiting = session.scalars(
            select(Upload.id).where(Upload.state == UploadState.COMPLETE.value, Upload.manifest != "")
        ).all()
        leftovers = session.scalars(
            select(Upload)
            .join(Recording, Recording.id == Upload.recording_id)
            .where(
                Upload.state == UploadState.STORED.value,
                Upload.object_key != Recording.object_key,
                Upload.touched_at > ground.clock.now() - _LEFTOVERS,
            )
        ).all()
    for upload_id in waiting:
        try:
            receive.complete(ground, upload_id)
        except DocklineError as wrong:  # the dock asks again, and each of its questions tries again
            log.warning("upload not finished", upload=upload_id, why=str(wrong))
    for upload in leftovers:
        ground.objects.incoming(upload.object_key, size=upload.length).abandon()
    return len(waiting) + len(leftovers)
