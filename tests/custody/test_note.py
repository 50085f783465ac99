"""Signed notes, their keys and their signatures, strict to the byte."""

import base64
import json
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from custody.keys import FileSigner
from custody.note import (
    MAX_NOTE,
    MAX_SIGNATURES,
    MalformedNote,
    Note,
    SignatureLine,
    checked_key_name,
    checked_text,
    decode_base64,
    decode_number,
)
from custody.signature import (
    COSIGNATURE_V1,
    ED25519,
    MalformedKey,
    SignatureRejected,
    VerifierKey,
    add_signatures,
    cosign_note,
    cosigned_message,
    sign_note,
)

VECTORS = Path(__file__).parents[1] / "vectors/ledger"
EXAMPLE = json.loads((VECTORS / "c2sp-signed-note-example.json").read_text())
TESSERA = json.loads((VECTORS / "tessera-15-entry-log.json").read_text())
SIGNER = FileSigner.generate()
KEY = VerifierKey("log.example", ED25519, SIGNER.public_key)
WITNESS = VerifierKey("witness.example", COSIGNATURE_V1, SIGNER.public_key)
DASH = "\N{EM DASH}"
GOOD = base64.b64encode(bytes(68)).decode()
SPACES = "\u0020\u0085\u00a0\u1680\u2000\u2005\u200a\u2028\u2029\u202f\u205f\u3000"


def test_the_specifications_note_is_verified_with_its_key() -> None:
    key = VerifierKey.parse(EXAMPLE["vkey"])
    note = Note.parse(EXAMPLE["signed_note"].encode())
    assert note.text == b"This is an example message.\n"
    assert key.verify(note.text, note.signatures[0]) is None
    assert str(key) == EXAMPLE["vkey"]
    assert bytes(note) == EXAMPLE["signed_note"].encode()


def test_every_checkpoint_of_another_program_is_verified_with_its_key() -> None:
    key = VerifierKey.parse(TESSERA["vkey"])
    for text in TESSERA["checkpoints"].values():
        note = Note.parse(text.encode())
        key.verify(note.text, note.signatures[0])


def test_the_text_ends_at_the_last_empty_line() -> None:
    note = Note.parse(f"one\n\ntwo\n\n\n{DASH} a {GOOD}\n".encode())
    assert note.text == b"one\n\ntwo\n\n"


@pytest.mark.parametrize(
    "data",
    [
        b"",
        b"text\n",
        b"text\n\n",
        f"{DASH} a {GOOD}\n".encode(),
        f"text\n{DASH} a {GOOD}\n".encode(),
        f"text\n\n{DASH} a {GOOD}".encode(),
        f"text\n\n- a {GOOD}\n".encode(),
        f"text\n\n\N{EN DASH} a {GOOD}\n".encode(),
        f"text\n\n{DASH}a {GOOD}\n".encode(),
        f"text\n\n{DASH}  a {GOOD}\n".encode(),
        f"text\n\n{DASH} a  {GOOD}\n".encode(),
        f"text\n\n{DASH} a {GOOD} \n".encode(),
        f"text\n\n{DASH} a {GOOD} more\n".encode(),
        f"text\n\n {DASH} a {GOOD}\n".encode(),
        f"text\n\n{DASH} a+b {GOOD}\n".encode(),
        f"text\n\n{DASH} a {GOOD[:-3]}\n".encode(),
        f"text\n\n{DASH} a {GOOD.rstrip('=')}\n".encode(),
        f"text\n\n{DASH} a AAAAAA==\n".encode(),
        f"text\n\n{DASH} a AAAAAAB=\n".encode(),
        f"text\n\n{DASH} a AA-_AAAA\n".encode(),
        f"text\n\n{DASH} a {GOOD}\ntrailing\n".encode(),
        f"te\rxt\n\n{DASH} a {GOOD}\n".encode(),
        f"te\txt\n\n{DASH} a {GOOD}\n".encode(),
        f"te\x00xt\n\n{DASH} a {GOOD}\n".encode(),
        b"te\xffxt\n\n" + f"{DASH} a {GOOD}\n".encode(),
        f"text\r\n\r\n{DASH} a {GOOD}\r\n".encode(),
        b"x" * MAX_NOTE + f"\n\n{DASH} a {GOOD}\n".encode(),
        b"text\n\n" + f"{DASH} a {GOOD}\n".encode() * (MAX_SIGNATURES + 1),
    ],
    ids=lambda data: repr(data[:40]),
)
def test_bytes_that_are_no_signed_note_are_refused(data: bytes) -> None:
    with pytest.raises(MalformedNote):
        Note.parse(data)


def test_sixteen_signatures_are_accepted() -> None:
    assert len(Note.parse(b"text\n\n" + f"{DASH} a {GOOD}\n".encode() * 16).signatures) == 16


@pytest.mark.parametrize("space", SPACES, ids=lambda space: f"U+{ord(space):04X}")
def test_a_key_name_holds_no_unicode_space(space: str) -> None:
    with pytest.raises(MalformedNote):
        checked_key_name(f"log{space}example")
    with pytest.raises(MalformedNote):
        Note.parse(f"text\n\n{DASH} log{space}example {GOOD}\n".encode())


@pytest.mark.parametrize("name", ["", "a+b", "a\nb", "a\x1fb"])
def test_a_key_name_is_plain(name: str) -> None:
    with pytest.raises(MalformedNote):
        checked_key_name(name)


def test_unicode_line_ends_do_not_end_lines() -> None:
    text = "one\u2028two\u0085three\n"
    line = sign_note(SIGNER, KEY.name, text.encode())
    note = Note.parse(bytes(Note(text.encode(), (line,))))
    assert note.text == text.encode()
    KEY.verify(note.text, note.signatures[0])


@given(st.text(st.characters(exclude_categories=["Cs", "Cc"]) | st.just("\n")).map(lambda text: text + "\n"))
def test_any_text_that_can_be_signed_is_read_back_and_verified(text: str) -> None:
    note = Note(text.encode(), (sign_note(SIGNER, KEY.name, text.encode()),))
    again = Note.parse(bytes(note))
    assert again == note
    KEY.verify(again.text, again.signatures[0])


@pytest.mark.parametrize("text", [b"", b"no newline", b"tab\t\n", b"\xff\n", b"cr\r\n"])
def test_a_text_that_cannot_stand_in_a_note_is_not_signed(text: bytes) -> None:
    with pytest.raises(MalformedNote):
        sign_note(SIGNER, KEY.name, text)
    with pytest.raises(MalformedNote):
        checked_text(text)


def test_a_signature_belongs_to_its_text_alone() -> None:
    line = sign_note(SIGNER, KEY.name, b"one\n")
    with pytest.raises(SignatureRejected):
        KEY.verify(b"two\n", line)


def test_a_line_of_another_name_or_key_is_not_taken_for_ones_own() -> None:
    line = sign_note(SIGNER, KEY.name, b"one\n")
    for other in (
        SignatureLine("other.example", line.key_id, line.signature),
        SignatureLine(line.name, bytes(4), line.signature),
    ):
        assert not KEY.signed(other)
        with pytest.raises(SignatureRejected):
            KEY.verify(b"one\n", other)


@pytest.mark.parametrize("length", [0, 1, 63, 65, 72, 2_420])
def test_a_signature_of_the_wrong_length_is_rejected(length: int) -> None:
    for key in (KEY, WITNESS):
        with pytest.raises(SignatureRejected):
            key.verify(b"one\n", SignatureLine(key.name, key.key_id, bytes(length)))


def test_a_cosignature_states_its_time_and_is_bound_to_it() -> None:
    text = b"log.example\n0\n47DEQpj8HBSa+/TImW+5JCeuQeRkm5NMpJWZG3hSuFU=\n"
    line = cosign_note(SIGNER, WITNESS.name, text, 1_679_315_147)
    assert cosigned_message(text, 1_679_315_147) == b"cosignature/v1\ntime 1679315147\n" + text
    assert WITNESS.verify(text, line) == 1_679_315_147
    later = (1_679_315_148).to_bytes(8, "big") + line.signature[8:]
    with pytest.raises(SignatureRejected):
        WITNESS.verify(text, SignatureLine(line.name, line.key_id, later))


def test_a_cosignature_from_beyond_time_is_rejected() -> None:
    at = 1 << 63
    signature = at.to_bytes(8, "big") + SIGNER.sign(cosigned_message(b"one\n", at))
    with pytest.raises(SignatureRejected):
        WITNESS.verify(b"one\n", SignatureLine(WITNESS.name, WITNESS.key_id, signature))


def test_one_key_pair_signs_as_log_and_as_witness_under_different_identifiers() -> None:
    assert (
        VerifierKey("a", ED25519, SIGNER.public_key).key_id
        != VerifierKey("a", COSIGNATURE_V1, SIGNER.public_key).key_id
    )
    with pytest.raises(SignatureRejected):
        VerifierKey("a", COSIGNATURE_V1, SIGNER.public_key).verify(b"one\n", sign_note(SIGNER, "a", b"one\n"))


def test_more_signatures_stand_below_the_first() -> None:
    note = Note(b"one\n", (sign_note(SIGNER, KEY.name, b"one\n"),))
    more = add_signatures(note, cosign_note(SIGNER, WITNESS.name, b"one\n", 5))
    assert Note.parse(bytes(more)).signatures[0] == note.signatures[0]
    assert len(more.signatures) == 2


def test_a_verifier_key_is_read_back() -> None:
    for key in (KEY, WITNESS):
        assert VerifierKey.parse(str(key)) == key


@pytest.mark.parametrize(
    "text",
    [
        "",
        "log.example",
        "log.example+00000000",
        EXAMPLE["vkey"].replace("530d903a", "530d903b"),
        EXAMPLE["vkey"].replace("530d903a", "530D903A"),
        EXAMPLE["vkey"].replace("530d903a", "530d903"),
        EXAMPLE["vkey"].replace("example.com/foo", "example.com/bar"),
        EXAMPLE["vkey"][:-4],
        EXAMPLE["vkey"] + "\n",
        " " + EXAMPLE["vkey"],
        "+530d903a+AekyeRrm56hApGFkyQR4ZCbV54Id2LKaANYcrnKv3U2k",
        "log.example+00000000+",
    ],
)
def test_a_text_that_is_no_verifier_key_is_refused(text: str) -> None:
    with pytest.raises(MalformedKey):
        VerifierKey.parse(text)


def test_a_type_of_signature_that_is_not_spoken_here_is_refused() -> None:
    for scheme in (0x00, 0x02, 0x05, 0xFF):
        with pytest.raises(MalformedKey, match="not spoken"):
            VerifierKey("log.example", scheme, bytes(32))


@pytest.mark.parametrize(
    "text", ["", "01", "-1", "+1", "1_0", " 1", "1 ", "\u0661", "9223372036854775808", "1" * 5_000]
)
def test_a_number_has_one_spelling(text: str) -> None:
    with pytest.raises(MalformedNote):
        decode_number(text)


@pytest.mark.parametrize("number", [0, 1, 10, (1 << 63) - 1])
def test_numbers_below_two_to_the_63_are_read(number: int) -> None:
    assert decode_number(str(number)) == number


@given(st.binary())
def test_base64_has_one_spelling(data: bytes) -> None:
    text = base64.b64encode(data).decode()
    assert decode_base64(text) == data
    for other in (text + "\n", text + "=", " " + text, text.rstrip("=")):
        if other != text:
            with pytest.raises(MalformedNote):
                decode_base64(other)
