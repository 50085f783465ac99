"""A worker process that begins a job and never ends it: somebody has to kill it."""

import sys
import threading
from pathlib import Path

from evidence import outbox
from evidence.ground import open_ground
from evidence.queue import DramatiqQueue
from evidence.settings import Settings


def main() -> None:
    ground = open_ground(Settings(data=Path(sys.argv[1])))

    def begin_and_hang(job_id: str) -> None:
        outbox.begin(ground.database, job_id, ground.clock)
        threading.Event().wait()

    DramatiqQueue.redis(sys.argv[2], begin_and_hang).work({"quick"}, 1, threading.Event())


if __name__ == "__main__":
    main()
