"""A whole ledger from its files: every kind of tampering is named, and by the step that it belongs to."""

import itertools
from collections.abc import Callable

import pytest

from custody.audit import verify_log
from custody.entry import wrap
from custody.policy import Policy
from custody.report import Outcome, Report
from custody.tile import pack_entries, unpack_entries
from tests.custody.logs import SmallLog, made, stored

PASSED, FAILED, NOT_REACHED, OPEN = Outcome.PASSED, Outcome.FAILED, Outcome.NOT_REACHED, Outcome.OPEN
SIZE = 700
BASE = SmallLog()
EARLIER: dict[int, bytes] = {0: BASE.publish()}
for _number in range(SIZE):
    BASE.add(stored(f"rec_{_number}") if _number < 500 else made(f"rec_{_number % 50}", b"%d" % _number))
    if _number + 1 in (1, 255, 256, 257, 512, 600, SIZE):
        EARLIER[_number + 1] = BASE.publish()


def copy() -> SmallLog:
    log = SmallLog(signer=BASE.signer)
    log.files, log.entries = dict(BASE.files), list(BASE.entries)
    return log


def outcomes(report: Report) -> list[Outcome]:
    return [step.outcome for step in report.steps]


def failed(report: Report) -> dict[int, str]:
    return {step.number: step.meaning for step in report.failed}


def flip(data: bytes, at: int = -1) -> bytes:
    at %= len(data)
    return data[:at] + bytes((data[at] ^ 1,)) + data[at + 1 :]


def rebundle(log: SmallLog, path: str, change: Callable[[list[bytes]], list[bytes]]) -> None:
    width = int(path.partition(".p/")[2] or 256)
    log.files[path] = pack_entries(change(unpack_entries(log.files[path], width)))


def swapped(entries: list[bytes]) -> list[bytes]:
    return [entries[1], entries[0], *entries[2:]]


def test_an_untouched_ledger_holds() -> None:
    report = verify_log(BASE.read, BASE.policy)
    assert outcomes(report) == [PASSED, OPEN, OPEN, PASSED, PASSED, PASSED, PASSED, PASSED, OPEN]
    assert report.holds
    assert "500 subjects" in report.steps[7].meaning


def test_with_witnesses_and_earlier_checkpoints_nothing_stays_open() -> None:
    log = SmallLog()
    log.add(stored("rec_1"))
    early = log.publish()
    log.add(stored("rec_2"))
    log.publish(log.cosigned())
    assert outcomes(verify_log(log.read, log.witnessed_policy, [early])) == [PASSED] * 9


@pytest.mark.parametrize("size", EARLIER)
def test_every_checkpoint_that_was_ever_published_is_found_contained(size: int) -> None:
    report = verify_log(BASE.read, BASE.policy, [EARLIER[size]])
    assert report.steps[8].outcome is PASSED
    assert f"at {size} entries" in report.steps[8].meaning


def test_all_of_them_are_found_at_once() -> None:
    assert verify_log(BASE.read, BASE.policy, list(EARLIER.values())).steps[8].outcome is PASSED


def test_an_empty_ledger_holds() -> None:
    log = SmallLog()
    log.publish()
    assert verify_log(log.read, log.policy).holds


@pytest.mark.parametrize("size", [1, 255, 256, 257, 512])
def test_a_ledger_of_any_size_holds(size: int) -> None:
    log = SmallLog()
    for number in range(size):
        log.add(stored(f"rec_{number}"))
    log.publish()
    assert outcomes(verify_log(log.read, log.policy))[3:8] == [PASSED] * 5


def test_progress_is_told() -> None:
    told: list[int] = []
    verify_log(BASE.read, BASE.policy, progress=told.append)
    assert told == [256, 512, 700]


def test_an_altered_entry_is_named_by_its_number() -> None:
    log = copy()
    rebundle(log, "tile/entries/001", lambda entries: [entries[0].replace(b"rec_256", b"rec_999"), *entries[1:]])
    found = failed(verify_log(log.read, log.policy))
    assert found.keys() == {5}, "it is still a good entry in form, and the tiles are the truth"
    assert "entry 256" in found[5]
    assert "entry 257" not in found[5]


def test_an_entry_altered_by_someone_who_keeps_its_form_is_named() -> None:
    log = copy()
    rebundle(log, "tile/entries/000", lambda entries: [entries[0].replace(b"0.1.0", b"0.2.0"), *entries[1:]])
    found = failed(verify_log(log.read, log.policy))
    assert "entry 0" in found[5]
    assert 6 not in found, "the tiles are the truth here"
    assert "recording:rec_0" in found[8], "the next entry of its history names another one"


def test_two_entries_swapped_are_named() -> None:
    log = copy()
    rebundle(log, "tile/entries/002.p/188", swapped)
    assert "entry 512; entry 513" in failed(verify_log(log.read, log.policy))[5]


def test_an_entry_dropped_from_a_bundle_is_named() -> None:
    log = copy()
    log.files["tile/entries/001"] = pack_entries(unpack_entries(log.files["tile/entries/001"], 256)[1:])
    found = failed(verify_log(log.read, log.policy))
    assert "tile/entries/001 (the bundle holds 255 entries instead of 256)" in found[4]
    assert "missing" in found[5]


@pytest.mark.parametrize("path", ["tile/entries/000", "tile/entries/002.p/188"])
def test_a_missing_bundle_is_named(path: str) -> None:
    log = copy()
    del log.files[path]
    assert path in failed(verify_log(log.read, log.policy))[4]


@pytest.mark.parametrize("path", ["tile/0/000", "tile/0/001", "tile/0/002.p/188", "tile/1/000.p/2"])
@pytest.mark.parametrize("how", ["flipped", "missing", "cut"])
def test_an_altered_or_missing_tile_is_named_and_nothing_else(path: str, how: str) -> None:
    log = copy()
    if how == "missing":
        del log.files[path]
    else:
        log.files[path] = flip(log.files[path]) if how == "flipped" else log.files[path][:-1]
    found = failed(verify_log(log.read, log.policy))
    assert found.keys() == {6}
    assert path in found[6]


def test_entries_and_tiles_rewritten_together_do_not_match_what_was_signed() -> None:
    forger = SmallLog(signer=BASE.signer)
    for number in range(SIZE):
        forger.add(stored(f"other_{number}"))
    forger.publish()
    forger.files["checkpoint"] = BASE.files["checkpoint"]
    found = failed(verify_log(forger.read, BASE.policy))
    assert found.keys() == {5}
    assert "another ledger" in found[5]


def test_entries_and_tiles_spoilt_differently_are_both_named() -> None:
    log = copy()
    log.files["tile/0/000"] = flip(log.files["tile/0/000"])
    rebundle(log, "tile/entries/001", swapped)
    found = failed(verify_log(log.read, log.policy))
    assert "Neither" in found[5]
    assert "entry 255; entry 256; entry 257" in found[5]


def test_a_checkpoint_with_any_line_changed_is_not_by_the_ledger() -> None:
    good = BASE.files["checkpoint"].decode().split("\n")
    for at, line in ((0, "other.example"), (1, "699"), (2, "A" * 43 + "=")):
        log = copy()
        log.files["checkpoint"] = "\n".join([*good[:at], line, *good[at + 1 :]]).encode()
        report = verify_log(log.read, log.policy)
        assert outcomes(report) == [FAILED] + [NOT_REACHED] * 8


def test_a_missing_checkpoint_is_named() -> None:
    log = copy()
    del log.files["checkpoint"]
    assert "checkpoint" in failed(verify_log(log.read, log.policy))[1]


def test_a_truncated_log_is_named_by_whoever_kept_a_checkpoint() -> None:
    log = copy()
    log.files["checkpoint"] = EARLIER[257]
    assert verify_log(log.read, log.policy).holds, "by itself, a truncated log is a good log"
    found = failed(verify_log(log.read, log.policy, [EARLIER[600]]))
    assert "cut short: 600 entries were signed for, and 257 are shown" in found[9]


def test_a_split_view_is_named_by_whoever_kept_a_checkpoint() -> None:
    other = SmallLog(signer=BASE.signer)
    for number in range(SIZE):
        other.add(stored(f"other_{number}"))
    other.publish()
    assert verify_log(other.read, BASE.policy).holds
    for size in (1, 256, 600, SIZE):
        assert "other ones" in failed(verify_log(other.read, BASE.policy, [EARLIER[size]]))[9]


def test_a_checkpoint_of_another_ledger_is_named() -> None:
    other = SmallLog(origin="other.example")
    both = Policy.parse(f"log {BASE.key}\nlog {other.key}\nquorum none\n".encode())
    found = failed(verify_log(BASE.read, both, [other.publish()]))
    assert found.keys() == {9}
    assert "another ledger, other.example" in found[9]


def test_an_earlier_checkpoint_that_is_forged_accuses_nobody() -> None:
    forged = BASE.files["checkpoint"].replace(b"\n700\n", b"\n900\n")
    found = failed(verify_log(BASE.read, BASE.policy, [forged]))
    assert found.keys() == {9}
    assert "is not good itself" in found[9]


def skipping(log: SmallLog) -> None:
    """The ledger's keeper leaves the second entry of a history out, and signs."""
    log.add(stored("rec_1"))
    act = made("rec_1", b"x")
    log.append(wrap(act.canonical(), recorded="ent_9", subject=act.subject, sequence=3, previous=bytes(32)))


def exchanging(log: SmallLog) -> None:
    """The keeper names another entry as the one before, and signs."""
    log.add(stored("rec_1"))
    act = made("rec_1", b"x")
    log.append(wrap(act.canonical(), recorded="ent_9", subject=act.subject, sequence=2, previous=bytes(32)))


def beginning_again(log: SmallLog) -> None:
    """The keeper begins a history twice, and signs."""
    log.append(log.add(stored("rec_1")))


def babbling(log: SmallLog) -> None:
    """The keeper logs what is no entry, and signs."""
    log.append(b"anything")


@pytest.mark.parametrize(
    ("keeper", "step", "words"),
    [
        (skipping, 8, "entry 1 is number 3 about recording:rec_1, after number 1"),
        (exchanging, 8, "entry 1 does not follow number 1 about recording:rec_1"),
        (beginning_again, 8, "entry 1 is number 1 about recording:rec_1, after number 1"),
        (babbling, 7, "entry 0"),
    ],
)
def test_a_keeper_who_signs_a_false_history_is_found_out(
    keeper: Callable[[SmallLog], None], step: int, words: str
) -> None:
    log = SmallLog()
    keeper(log)
    log.publish()
    assert words in failed(verify_log(log.read, log.policy))[step]


def test_many_faults_are_counted_and_the_first_are_named() -> None:
    log = SmallLog()
    for number in range(20):
        log.append(b"anything %d" % number)
    log.publish()
    found = failed(verify_log(log.read, log.policy))[7]
    assert "entry 4 " in found
    assert "entry 5 " not in found
    assert "and 15 more" in found


@pytest.mark.parametrize(("path", "at"), list(itertools.product(sorted(BASE.files), (0, 1, -1))))
def test_one_bit_flipped_in_any_file_of_the_present_tree_is_noticed(path: str, at: int) -> None:
    log = copy()
    log.files[path] = flip(log.files[path], at)
    present = {"checkpoint", "tile/0/000", "tile/0/001", "tile/0/002.p/188", "tile/1/000.p/2"}
    present |= {"tile/entries/000", "tile/entries/001", "tile/entries/002.p/188"}
    assert verify_log(log.read, log.policy).holds is (path not in present)
