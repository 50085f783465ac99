"""What the portal leaves to workers: letting a clip join the case whose reference was typed before it arrived."""

from collections.abc import Callable

from sqlalchemy import select

from evidence.ground import Ground
from evidence.models import DockedFile, Person, Recording
from evidence.outbox import Begun
from portal import exhibits, references
from portal.people import actor_of


def handlers(ground: Ground) -> dict[str, Callable[[Begun], None]]:
    """The portal's jobs by their kind."""
    return {"join-case": lambda job: join_case(ground, job.subject)}


def join_case(ground: Ground, recording_id: str) -> None:
    """Let a recording join the case that was typed for its file. May run twice.

    A reference typed at the dock stands in the name of the officer whom the camera gave. Where nobody is known by that
    number it waits on the page, for the one who claims the footage.
    """
    with ground.database.write() as session:
        recording = session.get_one(Recording, recording_id)
        file = session.scalar(
            select(DockedFile)
            .where(DockedFile.recording_id == recording_id, DockedFile.reference != "")
            .order_by(DockedFile.id)
            .limit(1)
        )
        if file is None:
            return
        typist = session.get(Person, file.referenced_by) if file.referenced_by else None
        person = typist or exhibits.wearer(session, recording)
        if person is not None:
            references.follow(session, ground.clock, recording, file, actor_of(person))
