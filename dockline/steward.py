"""The steward: the one loop that integrates and publishes the ledger, and hands committed jobs to the queue.

Several may run; the sequencer's lease and the outbox's rows keep them from doing anything twice.
"""

import signal
import threading
import time

import structlog

from custody.sequencer import Sequencer
from evidence import outbox
from evidence.ground import Ground
from evidence.queue import sender

_TICK = 0.05  # seconds between two looks when there is nothing to do

log = structlog.get_logger()


def run(ground: Ground) -> None:
    """Work until SIGTERM or SIGINT. What fails is logged and tried again; a dead queue does not stop the ledger."""
    stop = threading.Event()
    for sig in (signal.SIGTERM, signal.SIGINT):
        signal.signal(sig, lambda *_: stop.set())
    relaying = threading.Thread(target=_relay, args=(ground, stop), daemon=True)
    relaying.start()
    _sequence(ground, stop)
    relaying.join(timeout=5)


def _sequence(ground: Ground, stop: threading.Event) -> None:
    sequencer = Sequencer(ground)
    pause = _TICK
    while not stop.is_set():
        began = time.monotonic()
        try:
            published = sequencer.run_once()
            pause = _TICK
        except Exception:
            log.exception("the ledger could not be published; trying again")
            published, pause = 0, min(pause * 2, 5.0)
        if published:
            wait = ground.settings.publish_interval - (time.monotonic() - began)
            stop.wait(max(wait, 0.0))
        else:
            stop.wait(pause)
    sequencer.release()


def _relay(ground: Ground, stop: threading.Event) -> None:
    queue = sender(ground.settings.queue)
    pause = _TICK
    while not stop.wait(pause):
        try:
            sent = outbox.relay(ground.database, queue.send, ground.clock)
            pause = 0.0 if sent else _TICK
        except Exception:
            log.exception("jobs could not be handed to the queue; trying again")
            pause = min(max(pause, _TICK) * 2, 5.0)
    queue.close()
