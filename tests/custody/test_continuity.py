"""Continuity is told in plain words, from the entries alone, and goes on being told after a name was erased."""

from custody.continuity import ERASED, lines_of
from custody.entry import Act, ActKind, Party
from custody.ledger import commit_value, machine, prepare_log, record
from custody.sequencer import Sequencer
from evidence.clock import utc_text
from evidence.digest import Digest
from evidence.ground import Ground
from evidence.models import PersonalValue


def test_each_event_says_what_who_when_and_whether_it_can_be_proven(ground: Ground) -> None:
    prepare_log(ground)
    at = utc_text(ground.clock.now())
    digest = str(Digest.of(b"clip"))
    with ground.database.write() as session:
        jane = commit_value(session, "person:per_1", "Jane Anne Smith")
        on = {"recording": "rec_1", "digest": digest}
        record(session, Act(ActKind.STORED, at, machine(ground, "dock", "dok_1"), on), ground.clock)
        court = commit_value(session, "link:lnk_1", "HHJ Example, Stoke Crown Court")
        record(
            session,
            Act(
                ActKind.DOWNLOADED,
                at,
                Party("officer", "Force", person=jane),
                on,
                why="first hearing",
                recipient=Party("court", "Court", person=court),
            ),
            ground.clock,
        )
    Sequencer(ground).run_once()
    with ground.database.read() as session:
        stored, handed_out = lines_of(session, "recording:rec_1")
    assert stored.published
    assert ("SHA-256", digest) in stored.facts
    assert stored.who.startswith("dock dok_1")
    assert handed_out.who == "Jane Anne Smith (officer, Force)"
    assert handed_out.recipient == "HHJ Example, Stoke Crown Court (court, Court)"
    assert handed_out.operation == "disclosure"
    with ground.database.write() as session:
        row = session.get_one(PersonalValue, str(jane))
        row.value = row.salt = None
    with ground.database.read() as session:
        assert lines_of(session, "recording:rec_1")[1].who.startswith(ERASED)
