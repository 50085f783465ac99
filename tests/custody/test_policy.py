"""Policies: who is believed, and how many witnesses it takes."""

import itertools
from hashlib import sha256

import pytest
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey

from custody.keys import FileSigner
from custody.note import MalformedNote, Note, SignatureLine
from custody.policy import MalformedPolicy, NotByTrustedLog, Policy, QuorumMissing
from custody.signature import (
    COSIGNATURE_V1,
    ED25519,
    SignatureRejected,
    VerifierKey,
    add_signatures,
    cosign_note,
    sign_note,
)
from tests.custody.logs import ORIGIN, SmallLog, log_of, stored

SIGNERS = {  # the same keys in every run, because they are part of the names of tests below
    name: FileSigner(Ed25519PrivateKey.from_private_bytes(sha256(name.encode()).digest()))
    for name in ("log", "other", "court", "cps", "iopc")
}
LOG = VerifierKey(ORIGIN, ED25519, SIGNERS["log"].public_key)
OTHER = VerifierKey("other.example", ED25519, SIGNERS["other"].public_key)
WITNESSES = {
    name: VerifierKey(f"witness.example/{name}", COSIGNATURE_V1, SIGNERS[name].public_key)
    for name in ("court", "cps", "iopc")
}
BODIES = "".join(f"witness {name} {key}\n" for name, key in WITNESSES.items())
TWO_OF_THREE = f"log {LOG}\n{BODIES}group bodies 2 court cps iopc\nquorum bodies\n"


def published(*witnesses: str) -> bytes:
    log = SmallLog(signer=SIGNERS["log"])
    log.add(stored("rec_1"))
    note = Note.parse(log.publish())
    lines = [cosign_note(SIGNERS[name], f"witness.example/{name}", note.text, 1_795_000_000) for name in witnesses]
    return bytes(add_signatures(note, *lines))


def test_a_checkpoint_of_the_trusted_log_is_good_without_witnesses_where_none_are_asked_for() -> None:
    verified = Policy.parse(f"log {LOG}\nquorum none\n".encode()).verify(published())
    assert (verified.checkpoint.origin, verified.checkpoint.size) == (ORIGIN, 1)
    assert verified.log == LOG
    assert verified.witnesses == {}


@pytest.mark.parametrize(
    "present", [chosen for count in range(4) for chosen in itertools.combinations(WITNESSES, count)], ids=str
)
def test_two_of_three_bodies_are_a_quorum_and_one_is_not(present: tuple[str, ...]) -> None:
    policy, note = Policy.parse(TWO_OF_THREE.encode()), published(*sorted(present))
    if len(present) >= 2:
        assert policy.verify(note).witnesses == dict.fromkeys(present, 1_795_000_000)
    else:
        with pytest.raises(QuorumMissing):
            policy.verify(note)


def test_a_witness_that_signs_twice_counts_once() -> None:
    with pytest.raises(QuorumMissing):
        Policy.parse(TWO_OF_THREE.encode()).verify(published("court", "court", "court"))


def test_groups_of_groups_are_counted_as_they_are_written() -> None:
    text = f"log {LOG}\n{BODIES}group justice any court cps\ngroup both all justice iopc\nquorum both\n"
    policy = Policy.parse(text.encode())
    policy.verify(published("cps", "iopc"))
    for lacking in (("court", "cps"), ("iopc",)):
        with pytest.raises(QuorumMissing):
            policy.verify(published(*lacking))


def test_a_single_witness_can_be_the_quorum() -> None:
    policy = Policy.parse(f"log {LOG}\n{BODIES}quorum court\n".encode())
    policy.verify(published("court"))
    with pytest.raises(QuorumMissing, match="court is required"):
        policy.verify(published("cps"))


def test_a_log_that_is_not_listed_is_not_believed() -> None:
    with pytest.raises(NotByTrustedLog):
        Policy.parse(f"log {OTHER}\nquorum none\n".encode()).verify(published())


def test_a_listed_log_cannot_sign_for_another_origin() -> None:
    note = Note.parse(published())
    forged = Note(note.text, (sign_note(SIGNERS["other"], OTHER.name, note.text),))
    with pytest.raises(NotByTrustedLog):
        Policy.parse(f"log {LOG}\nlog {OTHER}\nquorum none\n".encode()).verify(bytes(forged))


@pytest.mark.parametrize("whose", ["log", "witness"])
def test_one_false_line_by_a_known_key_spoils_the_note(whose: str) -> None:
    note = Note.parse(published("court", "cps", "iopc"))
    key = LOG if whose == "log" else WITNESSES["court"]
    false = SignatureLine(key.name, key.key_id, bytes(64 if whose == "log" else 72))
    with pytest.raises(SignatureRejected):
        Policy.parse(TWO_OF_THREE.encode()).verify(bytes(add_signatures(note, false)))


def test_lines_by_unknown_keys_are_passed_over() -> None:
    note = Note.parse(published("court", "cps"))
    strange = SignatureLine(ORIGIN, b"\x01\x02\x03\x04", b"of an algorithm to come" * 100)
    Policy.parse(TWO_OF_THREE.encode()).verify(bytes(add_signatures(note, strange)))


def test_a_log_that_changes_its_key_is_believed_under_either() -> None:
    new = FileSigner.generate()
    text = f"log {LOG}\nlog {VerifierKey(ORIGIN, ED25519, new.public_key)}\nquorum none\n"
    log = SmallLog(signer=new)
    log.add(stored("rec_1"))
    policy = Policy.parse(text.encode())
    assert policy.verify(log.publish()).log.public_key == new.public_key
    assert policy.verify(published()).log == LOG


def test_a_note_that_is_no_checkpoint_is_refused() -> None:
    line = sign_note(SIGNERS["log"], ORIGIN, b"hello\n")
    with pytest.raises(MalformedNote):
        Policy.parse(f"log {LOG}\nquorum none\n".encode()).verify(bytes(Note(b"hello\n", (line,))))


def test_comments_blanks_and_urls_are_understood() -> None:
    text = (
        f"# the ledger of Example Police\n\n \t\n  log\t{LOG}  https://ledger.example/log/ \n"
        f"witness court {WITNESSES['court']} https://witness.example/court\n   # the quorum\nquorum  court"
    )
    Policy.parse(text.encode()).verify(published("court"))


def test_names_are_octets_and_nothing_else() -> None:
    kelvin = f"log {LOG}\nwitness \u212a {WITNESSES['court']}\nquorum K\n"
    with pytest.raises(MalformedPolicy, match="line 3"):
        Policy.parse(kelvin.encode())
    raw = f"log {LOG}\nwitness ".encode() + b"\xff\xfe" + f" {WITNESSES['court']}\nquorum ".encode() + b"\xff\xfe\n"
    Policy.parse(raw).verify(published("court"))
    nbsp = f"log {LOG}\nwitness a\u00a0b {WITNESSES['court']}\nquorum a\u00a0b\n"
    Policy.parse(nbsp.encode()).verify(published("court"))


@pytest.mark.parametrize(
    "text",
    [
        "",
        f"log {LOG}\n",
        "quorum\n",
        "quorum none none\n",
        "quorum none\nquorum none\n",
        "quorum court\n",
        f"quorum court\n{BODIES}",
        "log\nquorum none\n",
        "log not-a-key\nquorum none\n",
        f"log {LOG} https://a https://b\nquorum none\n",
        f"log {LOG}\nlog {LOG}\nquorum none\n",
        f"log {LOG}\nlog {VerifierKey('again.example', ED25519, SIGNERS['log'].public_key)}\nquorum none\n",
        f"log {WITNESSES['court']}\nquorum none\n",
        f"witness court {LOG}\nquorum court\n",
        f"log {LOG}\nwitness self {VerifierKey('self', COSIGNATURE_V1, SIGNERS['log'].public_key)}\nquorum self\n",
        f"witness a {WITNESSES['court']}\nwitness b {WITNESSES['court']}\nquorum a\n",
        f"{BODIES}witness court {WITNESSES['iopc']}\nquorum court\n",
        f"witness none {WITNESSES['court']}\nquorum none\n",
        f"witness {WITNESSES['court']}\nquorum none\n",
        f"{BODIES}group g 0 court cps\nquorum g\n",
        f"{BODIES}group g 3 court cps\nquorum g\n",
        f"{BODIES}group g 02 court cps\nquorum g\n",
        f"{BODIES}group g some court cps\nquorum g\n",
        f"{BODIES}group g 1\nquorum g\n",
        f"{BODIES}group g any court court\nquorum g\n",
        f"{BODIES}group g any court cps\ngroup h any court iopc\nquorum h\n",
        f"{BODIES}group g any h\ngroup h any court\nquorum g\n",
        f"{BODIES}group g any g\nquorum g\n",
        f"{BODIES}group g any none\nquorum g\n",
        f"{BODIES}group court any cps\nquorum court\n",
        f"{BODIES}group none any cps\nquorum none\n",
        f"log {LOG}\r\nquorum none\r\n",
        "quorum none\x00\n",
        "quorum none\x7f\n",
        "trust everyone\nquorum none\n",
        "QUORUM none\n",
        "#" * 1_000_001,
    ],
    ids=lambda text: repr(text[-60:]),
)
def test_a_policy_that_breaks_the_rules_is_refused(text: str) -> None:
    with pytest.raises(MalformedPolicy):
        Policy.parse(text.encode())


def test_the_whole_of_a_log_is_checked_against_its_own_policy() -> None:
    log = log_of([stored("rec_1"), stored("rec_2")])
    assert log.policy.verify(log.files["checkpoint"]).checkpoint == log.checkpoint
