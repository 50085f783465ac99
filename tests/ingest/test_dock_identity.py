"""A dock enrols once with a code, proves its key for every token, and is nobody from the moment it is revoked."""

from datetime import timedelta

import pytest
from sqlalchemy import select

from custody.entry import Act
from custody.keys import FileSigner
from evidence.clock import ManualClock
from evidence.ground import Ground
from evidence.models import Dock, DockToken, EnrolmentCode, LedgerEntry
from ingest import dock, refusals
from ingest.challenge import signed_challenge
from ingest.refusals import DockRefused, Refusal
from tests.ingest.docks import code_for, enrolled, token_for


def refused(refusal: Refusal, call, *args) -> None:
    with pytest.raises(DockRefused) as caught:
        call(*args)
    assert caught.value.refusal is refusal


def enrolments(ground: Ground) -> list[Act]:
    with ground.database.read() as session:
        return [Act.parse(act) for act in session.scalars(select(LedgerEntry.act).filter_by(kind="dock_enrolled"))]


def revoke(ground: Ground, dock_id: str) -> None:
    with ground.database.write() as session:
        session.get_one(Dock, dock_id).revoked_at = ground.clock.now()


def test_a_code_enrols_a_key_and_the_ledger_says_so(ground: Ground) -> None:
    signer, known = enrolled(ground)
    assert (known.name, known.station, known.public_key) == ("Dock 3", "Burslem", signer.public_key.hex())
    (act,) = enrolments(ground)
    assert act.on == {"dock": known.id}
    assert act.using["public_key"] == known.public_key


def test_a_dock_that_lost_the_answer_asks_again_and_is_the_same_dock(ground: Ground) -> None:
    code, key = code_for(ground), FileSigner.generate().public_key.hex()
    assert dock.enrol(ground, code, key) == dock.enrol(ground, code.lower(), key)
    assert len(enrolments(ground)) == 1


def test_a_code_is_good_for_one_key(ground: Ground) -> None:
    code = code_for(ground)
    dock.enrol(ground, code, FileSigner.generate().public_key.hex())
    refused(refusals.CODE_REFUSED, dock.enrol, ground, code, FileSigner.generate().public_key.hex())


def test_a_key_that_is_enrolled_does_not_use_a_second_code_up(ground: Ground) -> None:
    signer, _ = enrolled(ground)
    code = code_for(ground)
    refused(refusals.CODE_REFUSED, dock.enrol, ground, code, signer.public_key.hex())
    assert dock.enrol(ground, code, FileSigner.generate().public_key.hex())


def test_a_code_runs_out(ground: Ground, clock: ManualClock) -> None:
    code = code_for(ground)
    clock.advance(timedelta(days=1))
    refused(refusals.CODE_REFUSED, dock.enrol, ground, code, FileSigner.generate().public_key.hex())


@pytest.mark.parametrize("code", ["", "not a code", "0000-0000-0000-0000-0000"])
def test_an_invented_code_is_refused(ground: Ground, code: str) -> None:
    refused(refusals.CODE_REFUSED, dock.enrol, ground, code, FileSigner.generate().public_key.hex())


@pytest.mark.parametrize("key", ["", "zz", "00" * 31, "00" * 33])
def test_what_is_no_key_is_refused_and_the_code_stays_good(ground: Ground, key: str) -> None:
    code = code_for(ground)
    refused(refusals.MALFORMED, dock.enrol, ground, code, key)
    assert dock.enrol(ground, code, FileSigner.generate().public_key.hex())


def test_a_revoked_dock_is_not_enrolled_again_by_its_old_code(ground: Ground) -> None:
    code, key = code_for(ground), FileSigner.generate().public_key.hex()
    revoke(ground, dock.enrol(ground, code, key).id)
    refused(refusals.CODE_REFUSED, dock.enrol, ground, code, key)


def test_a_signed_challenge_is_answered_with_a_token_for_half_an_hour(ground: Ground, clock: ManualClock) -> None:
    signer, known = enrolled(ground)
    token = token_for(ground, signer, known.id)
    assert dock.dock_of_token(ground, token) == known
    clock.advance(timedelta(minutes=30))
    refused(refusals.TOKEN_EXPIRED, dock.dock_of_token, ground, token)


def test_a_challenge_is_good_once_even_for_a_wrong_signature(ground: Ground) -> None:
    signer, known = enrolled(ground)
    text = dock.challenge(ground, known.id)
    right = signed_challenge(signer, text)
    refused(refusals.CHALLENGE_REFUSED, dock.issue_token, ground, known.id, text, "00" * 64)
    refused(refusals.CHALLENGE_REFUSED, dock.issue_token, ground, known.id, text, right)


def test_a_replayed_challenge_is_refused(ground: Ground) -> None:
    signer, known = enrolled(ground)
    text = dock.challenge(ground, known.id)
    right = signed_challenge(signer, text)
    dock.issue_token(ground, known.id, text, right)
    refused(refusals.CHALLENGE_REFUSED, dock.issue_token, ground, known.id, text, right)


def test_a_challenge_runs_out(ground: Ground, clock: ManualClock) -> None:
    signer, known = enrolled(ground)
    text = dock.challenge(ground, known.id)
    clock.advance(timedelta(minutes=2))
    refused(refusals.CHALLENGE_REFUSED, dock.issue_token, ground, known.id, text, signed_challenge(signer, text))


def test_one_dock_s_challenge_is_not_another_s(ground: Ground) -> None:
    (_, mine), (other_key, other) = enrolled(ground), enrolled(ground)
    text = dock.challenge(ground, mine.id)
    refused(refusals.CHALLENGE_REFUSED, dock.issue_token, ground, mine.id, text, signed_challenge(other_key, text))
    text = dock.challenge(ground, mine.id)
    refused(refusals.CHALLENGE_REFUSED, dock.issue_token, ground, other.id, text, signed_challenge(other_key, text))


def test_asking_for_a_challenge_does_not_tell_which_docks_exist(ground: Ground) -> None:
    _, known = enrolled(ground)
    assert len(dock.challenge(ground, "dok_" + "0" * 32)) == len(dock.challenge(ground, known.id))


def test_a_signature_over_the_bare_challenge_is_not_enough(ground: Ground) -> None:
    signer, known = enrolled(ground)
    text = dock.challenge(ground, known.id)
    refused(refusals.CHALLENGE_REFUSED, dock.issue_token, ground, known.id, text, signer.sign(text.encode()).hex())


def test_a_revoked_dock_is_refused_at_once_whatever_it_holds(ground: Ground) -> None:
    signer, known = enrolled(ground)
    token, text = token_for(ground, signer, known.id), dock.challenge(ground, known.id)
    revoke(ground, known.id)
    refused(refusals.DOCK_REVOKED, dock.dock_of_token, ground, token)
    refused(refusals.DOCK_REVOKED, dock.issue_token, ground, known.id, text, signed_challenge(signer, text))


@pytest.mark.parametrize("token", ["x", "0" * 5000])
def test_an_invented_token_is_refused(ground: Ground, token: str) -> None:
    refused(refusals.TOKEN_EXPIRED, dock.dock_of_token, ground, token)


def test_a_challenge_is_not_a_token(ground: Ground) -> None:
    _, known = enrolled(ground)
    refused(refusals.TOKEN_EXPIRED, dock.dock_of_token, ground, dock.challenge(ground, known.id))


@pytest.mark.parametrize("header", ["", "Basic abc", "Bearer", "Bearer ", "abc"])
def test_without_a_bearer_token_nobody_has_spoken(header: str) -> None:
    refused(refusals.NOT_SIGNED_IN, dock.bearer, header)


def test_a_bearer_token_is_read_as_the_standard_writes_it() -> None:
    assert dock.bearer("bearer abc") == dock.bearer("Bearer  abc ") == "abc"


def test_nothing_that_opens_a_door_is_kept_in_clear(ground: Ground) -> None:
    code, signer = code_for(ground), FileSigner.generate()
    known = dock.enrol(ground, code, signer.public_key.hex())
    token = token_for(ground, signer, known.id)
    with ground.database.read() as session:
        kept = [row.id for row in (*session.scalars(select(EnrolmentCode)), *session.scalars(select(DockToken)))]
    assert all(len(row) == 64 for row in kept)
    assert not {code, token} & set(kept)


def test_used_up_challenges_and_tokens_do_not_pile_up(ground: Ground, clock: ManualClock) -> None:
    signer, known = enrolled(ground)
    for _ in range(5):
        token_for(ground, signer, known.id)
        clock.advance(timedelta(hours=1))
    with ground.database.read() as session:
        assert len(session.scalars(select(DockToken)).all()) <= 2
