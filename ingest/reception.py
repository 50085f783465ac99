"""The uploads that are open in this process, and who feeds which of them.

One process receives uploads, and for each of them one request at a time. A newer request overtakes an older one instead
of being sent away: the older one is nearly always a connection that died without this side having noticed, and a dock
that has to wait for its time-out would lose minutes. The older request's bytes are settled first, so that the newer one
is told the truth about how many there are.
"""

import asyncio
from collections.abc import AsyncIterator, Callable
from concurrent.futures import ThreadPoolExecutor
from contextlib import suppress
from dataclasses import dataclass, field
from typing import Any, TypeVar

from evidence.errors import DocklineError
from evidence.ground import Ground
from ingest import receive, refusals, upload
from ingest.buffers import BufferPool, Lanes
from ingest.dock import KnownDock
from ingest.intake import Intake, verify_staged
from ingest.refusals import DockRefused
from ingest.upload import KnownUpload, UploadState

SAVE_EVERY = 2.0  # seconds between two savings of marks while bytes arrive
KEPT_OPEN = 128  # uploads that keep their running hash in memory between two requests

T = TypeVar("T")


@dataclass(slots=True)
class _Held:
    """An upload in this process: its lock, its intake, and the task that feeds it now."""

    lock: asyncio.Lock = field(default_factory=asyncio.Lock)
    intake: Intake | None = None
    feeding: asyncio.Task[None] | None = None
    newest: int = 0  # the number of the request that came last
    waits_for_dock: bool = False
    why: DockRefused | None = None  # why the feeding was stopped by somebody else

    def stop(self, why: DockRefused) -> None:
        if self.feeding is not None and not self.feeding.done():
            self.why = why
            self.feeding.cancel()


class Reception:
    """All open uploads of one process, on one event loop."""

    def __init__(self, ground: Ground, *, pool: BufferPool | None = None) -> None:
        self.ground = ground
        self._pool = pool or BufferPool()
        self._lanes = Lanes()
        self._held: dict[str, _Held] = {}
        self._rows = ThreadPoolExecutor(8, "upload-rows")

    async def aside(self, work: Callable[..., T], *args: Any) -> T:
        """Do something that blocks, with the database or the store, in a thread."""
        return await asyncio.get_running_loop().run_in_executor(self._rows, work, *args)

    async def offset(self, dock: KnownDock, upload_id: str) -> tuple[int, int]:
        """How many bytes of an upload are here, and how many it has. Stops a request that still feeds it."""
        held = self._hold(upload_id)
        async with held.lock:
            known = await self.aside(upload.look_up, self.ground, dock, upload_id)
            if known.state is not UploadState.RECEIVING:
                return known.length, known.length
            intake = await self._opened(held, known)
            return intake.length, known.length

    async def feed(self, dock: KnownDock, upload_id: str, offset: int, body: AsyncIterator[bytes]) -> int:
        """Take a request's bytes; returns the length that is durable. What arrived before an error is kept, too.

        Raises :class:`~ingest.refusals.DockRefused` for a wrong offset, too many bytes, silence, or a newer request,
        and what the store raises.
        """
        held = self._hold(upload_id)
        own = held.newest
        async with held.lock:
            known = await self.aside(upload.look_up, self.ground, dock, upload_id)
            if known.state is not UploadState.RECEIVING:
                _require_offset(offset, known.length)
                return known.length
            intake = await self._opened(held, known)
            _require_offset(offset, intake.length)
            if held.newest != own:  # one came while this was on its way here: it must not wait for this one's dock
                raise DockRefused(refusals.OVERTAKEN)
            error = await self._fed(held, known, intake, body)
            length = await self._settled(held, known, intake, error)
            if error is not None:
                raise error
            return length

    def close(self) -> None:
        """Let go of all uploads; what is staged stays. No request may be running."""
        self._lanes.close()
        self._rows.shutdown()
        for held in self._held.values():
            if held.intake is not None:
                held.intake.close()
        self._held.clear()

    # Holding and opening

    def _hold(self, upload_id: str) -> _Held:
        held = self._held.setdefault(upload_id, _Held())
        held.newest += 1
        held.stop(DockRefused(refusals.OVERTAKEN))
        return held

    async def _opened(self, held: _Held, known: KnownUpload) -> Intake:
        if held.intake is None:
            self._trim()
            held.intake = await self.aside(self._open, known)
        return held.intake

    def _open(self, known: KnownUpload) -> Intake:
        incoming = self.ground.objects.incoming(known.object_key, size=known.length)
        running = verify_staged(incoming, known.marks)
        return Intake(incoming, known.length, running, self._pool, self._lanes.next())

    def _trim(self) -> None:
        idle = [name for name, held in self._held.items() if not held.lock.locked()]
        for name in idle[: max(0, len(self._held) - KEPT_OPEN)]:
            held = self._held.pop(name)
            if held.intake is not None:
                held.intake.close()

    # Feeding

    async def _fed(
        self, held: _Held, known: KnownUpload, intake: Intake, body: AsyncIterator[bytes]
    ) -> BaseException | None:
        """Feed to the end; whatever ends it early is returned, because settling comes before telling."""
        held.why = None
        held.feeding = asyncio.create_task(self._drain(held, known, intake, body))
        watch = asyncio.create_task(self._watch(held))
        error: BaseException | None
        try:
            (error,) = await asyncio.gather(held.feeding, return_exceptions=True)
        except asyncio.CancelledError as ended:
            error = ended
        finally:
            watch.cancel()
        return held.why or error

    async def _drain(self, held: _Held, known: KnownUpload, intake: Intake, body: AsyncIterator[bytes]) -> None:
        loop = asyncio.get_running_loop()
        saved, saving = loop.time(), None
        while True:
            held.waits_for_dock = True
            chunk = await anext(body, None)
            held.waits_for_dock = False
            if chunk is None:
                break
            await intake.feed(chunk)
            if loop.time() - saved > SAVE_EVERY and (saving is None or saving.done()):
                saved = loop.time()
                saving = asyncio.ensure_future(self._save_marks(known, intake))
        if saving is not None:
            await saving

    async def _watch(self, held: _Held) -> None:
        """Stop a request whose dock has sent nothing for the idle time. There is no other time-out."""
        while held.intake is not None:
            before, waited = held.intake.length, held.waits_for_dock
            await asyncio.sleep(self.ground.settings.upload_idle)
            if held.intake is not None and held.intake.length == before and waited and held.waits_for_dock:
                held.stop(DockRefused(refusals.SILENT))

    async def _save_marks(self, known: KnownUpload, intake: Intake) -> None:
        with suppress(DocklineError):
            await self.aside(upload.keep_marks, self.ground, known.id, intake.marks)

    async def _settled(self, held: _Held, known: KnownUpload, intake: Intake, error: BaseException | None) -> int:
        try:
            if intake.broken and error is not None:
                raise error
            synced = await intake.settle()  # raises what a thread met after the last chunk was taken
            if intake.broken:
                raise DockRefused(refusals.NOT_VERIFIED)
        except BaseException:
            await intake.give_up()
            self._drop(held, intake)  # the next request verifies what is staged
            await self._save_marks(known, intake)
            raise
        progress = self.ground, known.id, synced, intake.marks, intake.sums
        if await self.aside(upload.keep_progress, *progress) is UploadState.COMPLETE:
            self._drop(held, intake)
            await self.aside(receive.complete, self.ground, known.id)
        return intake.length

    @staticmethod
    def _drop(held: _Held, intake: Intake) -> None:
        held.intake = None
        intake.close()


def _require_offset(given: int, wanted: int) -> None:
    if given != wanted:
        raise DockRefused(refusals.WRONG_OFFSET, f"the bytes begin at {given}, the upload ends at {wanted}")
