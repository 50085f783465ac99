"""What a dock remembers survives a power cut at any byte, and never says more than was written down."""

import os
from pathlib import Path

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from ingest.agent_state import DockingRecord, DockState, FileRecord, FileState, Identity, StateInUse, StateUnreadable
from ingest.camera import Found
from ingest.journal import Journal

ENTRIES = [{"n": n, "path": "caf\udce9/" + "x" * n} for n in range(12)]
DOCKING = DockingRecord("BWC-1", "4711", "", "2026-11-22T22:10:00.000000Z", None, "dkg_1")
CLIP = Found(b"DCIM/\xff.mp4", "DCIM/\\xff.mp4", 10, 99, "clip", "7/1")
anywhere = settings(suppress_health_check=[HealthCheck.function_scoped_fixture], deadline=None, max_examples=60)


@pytest.fixture(scope="module")
def written(tmp_path_factory: pytest.TempPathFactory) -> bytes:
    """A journal's bytes."""
    path = tmp_path_factory.mktemp("journal") / "journal"
    journal = Journal(path)
    for entry in ENTRIES:
        journal.append(entry)
    journal.close()
    return path.read_bytes()


def test_a_journal_reads_back_what_was_appended(tmp_path: Path, written: bytes) -> None:
    (tmp_path / "journal").write_bytes(written)
    journal = Journal(tmp_path / "journal")
    assert journal.entries == ENTRIES
    journal.close()


@anywhere
@given(cut=st.integers(0, 10**6), garbage=st.binary(max_size=30))
def test_a_power_cut_at_any_byte_loses_at_most_the_record_that_was_being_written(
    tmp_path: Path, written: bytes, cut, garbage
) -> None:
    path, data = tmp_path / "journal", written
    cut %= len(data) + 1
    path.write_bytes(data[:cut] + garbage.replace(b"\n", b""))
    whole = data[:cut].count(b"\n")
    journal = Journal(path)
    assert journal.entries == ENTRIES[:whole]
    journal.append({"after": "the cut"})
    journal.close()
    again = Journal(path)
    assert again.entries == [*ENTRIES[:whole], {"after": "the cut"}]
    again.close()


@anywhere
@given(at=st.integers(0, 10**6), bit=st.integers(0, 7))
def test_a_flipped_bit_is_never_read_as_a_record(tmp_path: Path, written: bytes, at: int, bit: int) -> None:
    path, data = tmp_path / "journal", bytearray(written)
    data[at % len(data)] ^= 1 << bit
    path.write_bytes(data)
    journal = Journal(path)
    journal.close()
    assert journal.entries == ENTRIES[: len(journal.entries)]
    assert len(journal.entries) < len(ENTRIES)


def test_damage_that_is_no_power_cut_is_kept_for_whoever_looks_into_it(tmp_path: Path, written: bytes) -> None:
    path, data = tmp_path / "journal", bytearray(written)
    data[100] ^= 1
    path.write_bytes(data)
    Journal(path).close()
    assert (tmp_path / "journal.damaged").read_bytes() == data


def test_a_journal_that_is_rewritten_says_the_same_in_fewer_words(tmp_path: Path, written: bytes) -> None:
    (tmp_path / "journal").write_bytes(written)
    journal = Journal(tmp_path / "journal")
    journal.rewrite(ENTRIES[-2:])
    journal.append({"after": 1})
    journal.close()
    again = Journal(tmp_path / "journal")
    assert again.entries == [*ENTRIES[-2:], {"after": 1}]
    again.close()


def opened(tmp_path: Path) -> DockState:
    return DockState(tmp_path / "state")


def test_the_state_is_private_and_the_key_stays_the_same(tmp_path: Path) -> None:
    state = opened(tmp_path)
    key = state.signer.public_key
    state.close()
    modes = {path.name: path.stat().st_mode & 0o777 for path in (tmp_path / "state").iterdir()}
    assert set(modes.values()) == {0o600}
    assert (tmp_path / "state").stat().st_mode & 0o777 == 0o700
    again = opened(tmp_path)
    assert again.signer.public_key == key
    again.close()


def test_two_programs_do_not_share_a_state(tmp_path: Path) -> None:
    state = opened(tmp_path)
    with pytest.raises(StateInUse):
        opened(tmp_path)
    state.close()
    opened(tmp_path).close()


def test_an_identity_is_remembered_and_one_that_is_damaged_is_named(tmp_path: Path) -> None:
    state = opened(tmp_path)
    assert state.identity is None
    told = Identity("http://server", "dok_1", "Police", "log+key")
    state.enrolled(told)
    state.close()
    again = opened(tmp_path)
    assert again.identity == told
    again.close()
    (tmp_path / "state/identity.json").write_text("{}")
    with pytest.raises(StateUnreadable):
        opened(tmp_path)


def test_a_file_goes_on_where_it_was(tmp_path: Path) -> None:
    state = opened(tmp_path)
    state.save_docking(DOCKING)
    record = state.save(FileRecord.new(DOCKING, CLIP), upload="upl_1")
    state.save(record, state=FileState.SEALED, digest="sha256:x")
    state.close()
    again = opened(tmp_path)
    (found,) = again.files_of(DOCKING.key)
    assert (found.state, found.upload, found.digest, os.fsencode(found.path)) == (
        "sealed",
        "upl_1",
        "sha256:x",
        CLIP.path,
    )
    assert again.newest_docking("BWC-1") == DOCKING
    assert again.newest_docking("BWC-2") is None
    again.close()


def test_only_a_file_that_is_the_same_in_every_way_is_remembered_as_safe(tmp_path: Path) -> None:
    state = opened(tmp_path)
    state.save_docking(DOCKING)
    record = state.save(FileRecord.new(DOCKING, CLIP))
    assert state.safe_record("BWC-1", CLIP) is None
    state.save(record, state=FileState.SAFE)
    assert state.safe_record("BWC-1", CLIP) is not None
    for other in (
        Found(b"DCIM/\xfe.mp4", CLIP.name, 10, 99, "clip"),
        Found(CLIP.path, CLIP.name, 11, 99, "clip"),
        Found(CLIP.path, CLIP.name, 10, 98, "clip"),
    ):
        assert state.safe_record("BWC-1", other) is None
    assert state.safe_record("BWC-2", CLIP) is None
    state.close()


def test_a_long_journal_is_made_short_when_it_is_opened(tmp_path: Path) -> None:
    state = opened(tmp_path)
    state.save_docking(DOCKING)
    record = FileRecord.new(DOCKING, CLIP)
    state.save(record, manifest="x" * 2_000_000)
    state.save(record, state=FileState.SAFE)
    state.close()
    again = opened(tmp_path)
    assert again.safe_record("BWC-1", CLIP) is not None
    again.close()
    assert (tmp_path / "state/journal").stat().st_size < 2_000


def test_what_a_newer_program_wrote_beside_is_passed_over(tmp_path: Path) -> None:
    opened(tmp_path).close()
    journal = Journal(tmp_path / "state/journal")
    journal.append({"docking": {"camera": "C", "officer": "", "reference": "", "docked_at": "x", "mood": "good"}})
    journal.append({"weather": {"rain": 1}})
    journal.close()
    again = opened(tmp_path)
    assert again.newest_docking("C") is not None
    again.close()
