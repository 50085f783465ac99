"""The ledger's static files as C2SP tlog-tiles has them: the checkpoint for all, tiles and entries for auditors."""

from fastapi import APIRouter
from starlette.responses import Response

from custody.ledger import log_key, newest_checkpoint
from custody.logfiles import LogFiles
from custody.tile import parse_path
from evidence.errors import NotFound
from portal.dependencies import ReadsLog, ReadsPublic

router = APIRouter()


@router.get("/log/checkpoint")
def checkpoint(visit: ReadsPublic) -> Response:
    """The newest signed checkpoint. It says how large the ledger is and what its root is, nothing else."""
    with visit.ground.database.read() as session:
        newest = newest_checkpoint(session)
    if newest is None:
        raise NotFound("Nothing is published yet.")
    return Response(newest.note, media_type="text/plain; charset=utf-8", headers={"Cache-Control": "no-cache"})


@router.get("/log/vkey")
def public_key(visit: ReadsPublic) -> Response:
    """The log's public key, as C2SP signed-note writes it. Whoever verifies should also have it from another source."""
    return Response(f"{log_key(visit.ground)}\n", media_type="text/plain; charset=utf-8")


@router.get("/log/{path:path}")
def file(path: str, visit: ReadsLog) -> Response:
    """A tile or an entry bundle; raises ``TileMalformed`` or ``TileMissing``."""
    parse_path(path)
    return Response(LogFiles(visit.ground.objects).read(path), media_type="application/octet-stream")
