"""Verification in numbered steps: each attack is named at the step where it shows, and nothing is ticked in passing."""

import json
from collections.abc import Callable
from dataclasses import replace

import pytest

from custody.entry import Act, ActKind, Party
from custody.proof import TlogProof
from custody.report import Outcome, Report
from custody.verify import verify_file, verify_history
from evidence.digest import Digest
from tests.custody.logs import AT, MACHINE, SmallLog, log_of, made, stored

PASSED, FAILED, NOT_REACHED, OPEN = Outcome.PASSED, Outcome.FAILED, Outcome.NOT_REACHED, Outcome.OPEN
FOOTAGE = Digest.of(b"footage")
COURT = Party(role="court", agency="Crown Court at Stafford", machine="link-7")


def one_recording() -> SmallLog:
    """A history of four entries about one recording, between those of another."""
    played = Act(what=ActKind.PLAYED, at=AT, who=MACHINE, on={"recording": "rec_1"})
    handed = Act(
        what=ActKind.DOWNLOADED,
        at=AT,
        who=MACHINE,
        on={"recording": "rec_1", "digest": str(FOOTAGE)},
        recipient=COURT,
    )
    return log_of([stored("rec_1"), stored("rec_2"), made("rec_1", b"proxy"), played, made("rec_2", b"x"), handed])


LOG = one_recording()
PLACES = (0, 2, 3, 5)


def history(log: SmallLog = LOG) -> list[tuple[bytes, bytes]]:
    return [(log.entries[place], log.proof(place)) for place in PLACES]


def outcomes(report: Report) -> list[Outcome]:
    return [step.outcome for step in report.steps]


def meaning(report: Report, number: int) -> str:
    step = report.steps[number - 1]
    assert step.number == number
    return step.meaning


def test_a_file_with_its_proof_holds_and_says_what_stays_open() -> None:
    report = verify_file(FOOTAGE, LOG.entries[0], LOG.proof(0), LOG.policy)
    assert outcomes(report) == [PASSED, PASSED, PASSED, PASSED, OPEN, PASSED, OPEN, OPEN]
    assert report.holds
    assert "stored, write-once" in meaning(report, 1)
    assert str(FOOTAGE) in meaning(report, 2)
    assert LOG.origin in meaning(report, 4)
    assert "number 0" in meaning(report, 6)
    assert "first one" in meaning(report, 8)


def test_with_witnesses_it_is_said_who_and_since_when() -> None:
    log = one_recording()
    log.publish(log.cosigned(1_795_385_400))
    report = verify_file(FOOTAGE, log.entries[0], log.proof(0), log.witnessed_policy)
    assert outcomes(report) == [PASSED] * 7 + [OPEN]
    assert "court" in meaning(report, 5)
    assert "2026-11-22T22:10:00Z" in meaning(report, 7)


def test_a_rendition_is_told_apart_from_the_original() -> None:
    report = verify_file(Digest.of(b"proxy"), LOG.entries[2], LOG.proof(2), LOG.policy)
    assert report.holds
    assert "not as the original" in meaning(report, 2)
    source = verify_file(FOOTAGE, LOG.entries[2], LOG.proof(2), LOG.policy)
    assert "made from" in meaning(source, 2)


def test_a_disclosure_says_to_whom() -> None:
    report = verify_file(FOOTAGE, LOG.entries[5], LOG.proof(5), LOG.policy)
    assert "To court, Crown Court at Stafford." in meaning(report, 1)


def test_a_changed_file_is_named_while_the_rest_is_still_looked_at() -> None:
    report = verify_file(Digest.of(b"footage with one bit changed"), LOG.entries[0], LOG.proof(0), LOG.policy)
    assert outcomes(report) == [PASSED, FAILED, PASSED, PASSED, OPEN, PASSED, OPEN, OPEN]
    assert not report.holds
    assert "another file" in meaning(report, 2)


def test_a_changed_entry_is_named() -> None:
    changed = LOG.entries[0].replace(b"0.1.0", b"0.1.1")
    report = verify_file(FOOTAGE, changed, LOG.proof(0), LOG.policy)
    assert [step.number for step in report.failed] == [6]
    assert "does not lead to the root" in meaning(report, 6)


def test_something_that_is_no_entry_leaves_its_steps_unreached() -> None:
    report = verify_file(FOOTAGE, b"an entry, honestly", LOG.proof(0), LOG.policy)
    assert outcomes(report) == [FAILED, NOT_REACHED, PASSED, PASSED, OPEN, FAILED, OPEN, NOT_REACHED]


def test_something_that_is_no_proof_leaves_its_steps_unreached() -> None:
    report = verify_file(FOOTAGE, LOG.entries[0], b"a proof, honestly", LOG.policy)
    assert outcomes(report) == [PASSED, PASSED, FAILED, NOT_REACHED, NOT_REACHED, NOT_REACHED, NOT_REACHED, OPEN]


def test_a_ledger_that_is_not_trusted_is_named() -> None:
    imposter = one_recording()
    report = verify_file(FOOTAGE, imposter.entries[0], imposter.proof(0), LOG.policy)
    assert [step.number for step in report.failed] == [4]
    assert NOT_REACHED in (report.steps[5].outcome, report.steps[6].outcome)
    assert not report.holds


def test_missing_witnesses_are_named() -> None:
    report = verify_file(FOOTAGE, LOG.entries[0], LOG.proof(0), LOG.witnessed_policy)
    assert [step.number for step in report.failed] == [5]
    assert "nobody" in meaning(report, 5)


def test_a_report_is_data_for_programs() -> None:
    report = verify_file(FOOTAGE, LOG.entries[0], LOG.proof(0), LOG.policy)
    value = json.loads(json.dumps(report.value()))
    assert value["holds"] is True
    assert value["steps"][0] == {
        "number": 1,
        "title": "Read the ledger entry",
        "outcome": "passed",
        "meaning": meaning(report, 1),
    }


def test_a_witness_beyond_the_calendar_is_still_reported() -> None:
    log = one_recording()
    log.publish(log.cosigned(2**62))
    report = verify_file(FOOTAGE, log.entries[0], log.proof(0), log.witnessed_policy)
    assert str(2**62) in meaning(report, 7)


def test_a_whole_history_holds() -> None:
    report = verify_history(history(), LOG.policy)
    assert outcomes(report) == [PASSED, PASSED, PASSED, PASSED, OPEN, PASSED, PASSED, OPEN]
    assert report.holds
    assert "recording:rec_1" in meaning(report, 1)
    assert "1 to 4" in meaning(report, 2)
    assert "entry 5" in meaning(report, 8)


def test_a_witnessed_history_holds() -> None:
    log = one_recording()
    log.publish(log.cosigned())
    report = verify_history(history(log), log.witnessed_policy)
    assert outcomes(report) == [PASSED] * 7 + [OPEN]


Items = list[tuple[bytes, bytes]]


def with_proofs_exchanged(items: Items) -> Items:
    (one, its_proof), (two, other_proof), *rest = items
    return [(one, other_proof), (two, its_proof), *rest]


def with_the_first_changed(items: Items) -> Items:
    return [(items[0][0].replace(b"0.1.0", b"0.1.1"), items[0][1]), *items[1:]]


ATTACKS: dict[str, tuple[Callable[[Items], Items], int, str]] = {
    "the first entry dropped": (lambda items: items[1:], 2, "Entry 1"),
    "one in the middle dropped": (lambda items: [*items[:1], *items[2:]], 2, "Entry 2"),
    "two entries swapped": (lambda items: [items[0], items[2], items[1], items[3]], 2, "Entry 2"),
    "an entry shown twice": (lambda items: [items[0], items[0], *items[1:]], 2, "Entry 2"),
    "nothing at all": (lambda items: [], 1, "0 subjects"),
    "an entry about something else": (lambda items: [*items, (LOG.entries[1], LOG.proof(1))], 1, "2 subjects"),
    "an entry that cannot be read": (lambda items: [items[0], (b"?", items[1][1])], 1, "Entry 2"),
    "a proof that cannot be read": (lambda items: [items[0], (items[1][0], b"?")], 3, "Entry 2"),
    "proofs exchanged": (with_proofs_exchanged, 6, "Entry 1"),
    "an entry changed": (with_the_first_changed, 2, "Entry 2"),
}


@pytest.mark.parametrize("attack", ATTACKS)
def test_an_attack_on_a_history_is_named_at_its_step(attack: str) -> None:
    spoil, number, words = ATTACKS[attack]
    report = verify_history(spoil(history()), LOG.policy)
    assert not report.holds
    assert report.failed[0].number == number
    assert words in report.failed[0].meaning


def test_a_history_that_ends_early_cannot_be_seen_and_is_said_to_stay_open() -> None:
    report = verify_history(history()[:3], LOG.policy)
    assert report.holds
    assert report.steps[7].outcome is OPEN
    assert "entry 4" in meaning(report, 8)


def test_two_ledgers_under_one_name_are_named_as_a_split_view() -> None:
    other = SmallLog(signer=LOG.signer)
    for entry in LOG.entries[:5]:
        other.append(entry)
    other.append(LOG.entries[5].replace(b"Stafford", b"Stoke"))
    other.publish()
    report = verify_history([*history()[:3], (other.entries[5], other.proof(5))], LOG.policy)
    assert [step.number for step in report.failed] == [7]
    assert "two different ledgers" in meaning(report, 7)


def test_proofs_under_checkpoints_of_different_sizes_leave_the_comparison_open() -> None:
    log = SmallLog()
    first = log.add(stored("rec_1"))
    log.publish()
    early = log.proof(0)
    second = log.add(made("rec_1", b"proxy"))
    log.publish()
    report = verify_history([(first, early), (second, log.proof(1))], log.policy)
    assert report.steps[6].outcome is OPEN
    assert "consistency proof" in meaning(report, 7)


def test_a_history_by_a_ledger_that_is_not_trusted_is_named() -> None:
    report = verify_history(history(one_recording()), LOG.policy)
    assert [step.number for step in report.failed] == [4]


def test_a_proof_with_a_hash_too_many_is_named() -> None:
    proof = TlogProof.parse(LOG.proof(0))
    report = verify_file(FOOTAGE, LOG.entries[0], bytes(replace(proof, hashes=(*proof.hashes, bytes(32)))), LOG.policy)
    assert [step.number for step in report.failed] == [6]
    assert "too many" in meaning(report, 6)
