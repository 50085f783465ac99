"""Acts and records: what an entry must say, what it may not, and that its bytes are the only ones."""

from dataclasses import FrozenInstanceError, replace
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from custody import canonical
from custody.commitment import Commitment, new_salt
from custody.entry import MAX_ACT, MAX_NAME, MAX_RECORD, Act, ActKind, NotAnEntry, Operation, Party, Record, wrap
from custody.merkle import leaf_hash
from custody.vocabulary import MEANINGS, SUBJECTS
from evidence.digest import Digest
from tests.custody.logs import AT, MACHINE, stored

OFFICER = Party(role="officer", agency="Example Police", person=Commitment.of("PC 1234", new_salt()))
COURT = Party(role="court", agency="Crown Court at Stafford", person=Commitment.of("a@court.example", new_salt()))
DIGEST = str(Digest.of(b"footage"))
EVERYTHING = {key: f"{key}_1" for key in SUBJECTS} | {"digest": DIGEST}


def act_of(kind: ActKind) -> Act:
    recipient = COURT if MEANINGS[kind].operation is Operation.DISCLOSURE else None
    return Act(what=kind, at=AT, who=OFFICER, on=EVERYTHING, recipient=recipient)


def spoilt(**changes: Any) -> bytes:
    """The canonical bytes of a good act with members changed, or removed where ``None``."""
    value = canonical.decode(act_of(ActKind.DISCLOSED).canonical()) | changes
    return canonical.encode({key: member for key, member in value.items() if member is not None})


def test_every_kind_of_act_has_a_meaning_and_is_one_of_six_operations() -> None:
    assert MEANINGS.keys() == set(ActKind)
    assert {meaning.operation for meaning in MEANINGS.values()} == set(Operation)
    assert len(Operation) == 6


@pytest.mark.parametrize("kind", ActKind)
def test_every_kind_of_act_is_written_and_read_back(kind: ActKind) -> None:
    act = act_of(kind)
    assert Act.parse(act.canonical()) == act
    assert act.operation is MEANINGS[kind].operation


@pytest.mark.parametrize("kind", [kind for kind in ActKind if MEANINGS[kind].needs])
def test_an_act_that_does_not_say_on_what_is_refused(kind: ActKind) -> None:
    for key in MEANINGS[kind].needs:
        lacking = {name: text for name, text in EVERYTHING.items() if name != key}
        with pytest.raises(NotAnEntry, match=key):
            replace(act_of(kind), on=lacking)


@pytest.mark.parametrize("kind", ActKind)
def test_a_disclosure_has_a_recipient_and_nothing_else_has(kind: ActKind) -> None:
    act = act_of(kind)
    with pytest.raises(NotAnEntry, match="recipient"):
        replace(act, recipient=None if act.recipient else COURT)


def test_an_act_reads_as_agreed() -> None:
    act = stored("rec_1")
    assert (
        act.canonical()
        == (
            b'{"at":"2026-11-22T22:10:00.000000Z","on":{"digest":"%b","recording":"rec_1"},'
            b'"using":{"tool":"dockline","version":"0.1.0"},"v":1,"what":"stored",'
            b'"who":{"agency":"Example Police","machine":"receiver","role":"ingest"}}'
        )
        % DIGEST.encode()
    )


def test_a_record_reads_as_agreed() -> None:
    act = stored("rec_1")
    data = wrap(act.canonical(), recorded="ent_7", subject=act.subject, sequence=2, previous=bytes(32))
    assert data == b'{"act":%b,"previous":"%b","recorded":"ent_7","sequence":2,"subject":"recording:rec_1","v":1}' % (
        act.canonical(),
        b"0" * 64,
    )


NAMES = st.text(st.characters(exclude_categories=["Cs"]), min_size=1, max_size=30)


@given(NAMES, NAMES, st.integers(1, 2**40), st.binary(min_size=32, max_size=32))
def test_wrapping_unopened_gives_the_canonical_record(recording: str, recorded: str, number: int, hash_: bytes) -> None:
    act = stored(recording)
    previous = None if number == 1 else hash_
    data = wrap(act.canonical(), recorded=recorded, subject=act.subject, sequence=number, previous=previous)
    record = Record.parse(data)
    assert record == Record(act, recorded, act.subject, number, previous)
    assert record.canonical() == data
    assert canonical.encode(canonical.decode(data)) == data


def test_the_first_entry_has_no_previous_one_and_every_other_has() -> None:
    act = stored("rec_1")
    for sequence, previous in ((1, bytes(32)), (2, None), (0, None), (-1, bytes(32))):
        with pytest.raises(NotAnEntry):
            Record(act, "ent_1", act.subject, sequence, previous)
        data = wrap(act.canonical(), recorded="ent_1", subject=act.subject, sequence=sequence, previous=previous)
        with pytest.raises(NotAnEntry):
            Record.parse(data)


def test_an_act_cannot_be_filed_under_another_subject() -> None:
    data = wrap(stored("rec_1").canonical(), recorded="ent_1", subject="recording:rec_2", sequence=1, previous=None)
    with pytest.raises(NotAnEntry, match="filed"):
        Record.parse(data)


def test_the_subject_is_the_first_that_is_named_in_a_fixed_order() -> None:
    for at, key in enumerate(SUBJECTS):
        on = {name: f"{name}_1" for name in reversed(SUBJECTS[at:])}
        assert Act(what=ActKind.CONSULTED, at=AT, who=OFFICER, on=on).subject == f"{key}:{key}_1"


def test_an_act_about_nothing_is_refused() -> None:
    with pytest.raises(NotAnEntry, match="about"):
        Act(what=ActKind.CONSULTED, at=AT, who=OFFICER, on={"page": "cases"})


@pytest.mark.parametrize(
    "at",
    [
        "2026-11-22T22:10:00Z",
        "2026-11-22T22:10:00.000000+00:00",
        "2026-11-22 22:10:00.000000Z",
        "2026-02-30T22:10:00.000000Z",
        "2026-11-22T24:10:00.000000Z",
        "2026-11-22T22:10:00.000000Z\n",
        "",
    ],
)
def test_a_time_is_utc_to_the_microsecond_or_refused(at: str) -> None:
    with pytest.raises(NotAnEntry):
        replace(stored("rec_1"), at=at)


@pytest.mark.parametrize(
    "party",
    [
        {"role": "officer", "agency": "Example Police"},
        {"role": "officer", "agency": "Example Police", "person": OFFICER.person, "machine": "x"},
        {"role": "", "agency": "Example Police", "machine": "x"},
        {"role": "officer", "agency": "", "machine": "x"},
        {"role": "officer", "agency": "Example Police", "machine": ""},
    ],
    ids=["nobody", "person and machine", "no role", "no agency", "no identity"],
)
def test_a_party_is_a_role_an_agency_and_one_identity(party: dict[str, Any]) -> None:
    with pytest.raises(NotAnEntry):
        Party(**party)


@pytest.mark.parametrize(
    "changes",
    [
        {"v": 2},
        {"v": "1"},
        {"what": "deleted"},
        {"what": 1},
        {"colour": "blue"},
        {"who": None},
        {"who": "PC 1234"},
        {"who": {"agency": "x", "role": "y"}},
        {"who": {"agency": "x", "role": "y", "person": "PC 1234 Smith"}},
        {"who": {"agency": "x", "role": "y", "machine": "m", "name": "z"}},
        {"who": {"agency": "x", "role": "y", "name": "z"}},
        {"on": {}},
        {"on": {"link": "lnk_1", "digest": "sha256:short"}},
        {"on": {"link": 1}},
        {"on": {"link": ""}},
        {"on": {"link": {"id": "x"}}},
        {"on": "lnk_1"},
        {"on": {"link": "x" * MAX_NAME}},
        {"using": {}},
        {"using": {"tool": ""}},
        {"using": 5},
        {"why": ""},
        {"why": 7},
        {"at": 1_795_000_000},
        {"recipient": "court"},
    ],
    ids=str,
)
def test_an_act_that_is_not_whole_is_refused(changes: dict[str, Any]) -> None:
    with pytest.raises(NotAnEntry):
        Act.parse(spoilt(**changes))


@pytest.mark.parametrize(
    "changes",
    [
        {"v": 2},
        {"act": "stored"},
        {"act": {}},
        {"sequence": "1"},
        {"recorded": ""},
        {"recorded": 7},
        {"recorded": "x" * (MAX_NAME + 1)},
        {"previous": "00"},
        {"previous": "G" * 64},
        {"previous": 5},
        {"colour": "blue"},
    ],
    ids=str,
)
def test_a_record_that_is_not_whole_is_refused(changes: dict[str, Any]) -> None:
    act = stored("rec_1")
    good = wrap(act.canonical(), recorded="ent_1", subject=act.subject, sequence=1, previous=None)
    with pytest.raises(NotAnEntry):
        Record.parse(canonical.encode(canonical.decode(good) | changes))


def test_bytes_that_are_not_canonical_are_no_entry() -> None:
    good = stored("rec_1").canonical()
    with pytest.raises(NotAnEntry):
        Act.parse(good + b"\n")
    with pytest.raises(NotAnEntry):
        Record.parse(b"not json")


def test_the_longest_act_fits_into_a_record_and_a_longer_one_is_refused_when_it_is_told() -> None:
    act = stored("rec_\x01" + "\x01" * (MAX_NAME - 20))
    room = MAX_ACT - len(replace(act, why="x").canonical())
    longest = replace(act, why="x" * (room + 1))
    assert len(longest.canonical()) == MAX_ACT
    data = wrap(
        longest.canonical(), recorded="\x01" * MAX_NAME, subject=act.subject, sequence=2**53 - 1, previous=bytes(32)
    )
    assert len(data) <= MAX_RECORD
    assert Record.parse(data).act == longest
    with pytest.raises(NotAnEntry, match="62000"):
        replace(act, why="x" * (room + 2)).canonical()


def test_a_record_that_no_bundle_could_hold_is_refused() -> None:
    with pytest.raises(NotAnEntry):
        wrap(b"x" * MAX_RECORD, recorded="ent_1", subject="log:x", sequence=1, previous=None)
    with pytest.raises(NotAnEntry):
        Record.parse(b"x" * (MAX_RECORD + 1))


def test_an_act_cannot_be_changed_once_it_is_made() -> None:
    told = {"recording": "rec_1", "digest": DIGEST}
    act = Act(what=ActKind.STORED, at=AT, who=MACHINE, on=told)
    told["recording"] = "rec_2"
    assert act.on["recording"] == "rec_1"
    with pytest.raises(FrozenInstanceError):
        act.why = "because"  # type: ignore[misc]
    with pytest.raises(TypeError):
        act.on["recording"] = "rec_2"  # type: ignore[index]


def test_the_leaf_of_an_entry_is_over_all_its_bytes() -> None:
    act = stored("rec_1")
    one = wrap(act.canonical(), recorded="ent_1", subject=act.subject, sequence=1, previous=None)
    two = wrap(act.canonical(), recorded="ent_2", subject=act.subject, sequence=1, previous=None)
    assert leaf_hash(one) != leaf_hash(two)
