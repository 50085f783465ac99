"""The text of a checkpoint: three lines, one spelling."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from custody.checkpoint import Checkpoint
from custody.note import MalformedNote

ROOT = "47DEQpj8HBSa+/TImW+5JCeuQeRkm5NMpJWZG3hSuFU="
LINES = st.text(st.characters(exclude_categories=["Cs", "Cc"]), min_size=1)


@given(LINES, st.integers(0, 2**63 - 1), st.binary(min_size=32, max_size=32), st.lists(LINES, max_size=3).map(tuple))
def test_a_checkpoint_is_read_back(origin: str, size: int, root: bytes, more: tuple[str, ...]) -> None:
    checkpoint = Checkpoint(origin, size, root, more)
    assert Checkpoint.parse(checkpoint.text) == checkpoint


def test_a_checkpoint_reads_as_specified() -> None:
    assert Checkpoint("example.com/log", 7, bytes(32)).text == (
        b"example.com/log\n7\nAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA=\n"
    )


@pytest.mark.parametrize(
    "text",
    [
        "",
        "log\n",
        "log\n1\n",
        f"log\n1\n{ROOT}",
        f"\n1\n{ROOT}\n",
        f"log\n01\n{ROOT}\n",
        f"log\n-1\n{ROOT}\n",
        f"log\n 1\n{ROOT}\n",
        f"log\n1e3\n{ROOT}\n",
        f"log\n9223372036854775808\n{ROOT}\n",
        f"log\n1\n{ROOT[:-1]}\n",
        f"log\n1\n{ROOT[:-4]}\n",
        f"log\n1\n{ROOT} \n",
        f"log\n1\n{ROOT}\n\n",
        f"log\n1\n{ROOT}\nextension\n\n",
        f"log\r\n1\r\n{ROOT}\r\n",
    ],
)
def test_a_text_that_is_no_checkpoint_is_refused(text: str) -> None:
    with pytest.raises(MalformedNote):
        Checkpoint.parse(text.encode())


def test_text_that_is_not_utf8_is_no_checkpoint() -> None:
    with pytest.raises(MalformedNote):
        Checkpoint.parse(b"\xff\n1\n" + ROOT.encode() + b"\n")


@pytest.mark.parametrize(
    ("origin", "size", "root", "more"),
    [
        ("", 1, bytes(32), ()),
        ("a\nb", 1, bytes(32), ()),
        ("a", -1, bytes(32), ()),
        ("a", 1 << 63, bytes(32), ()),
        ("a", 1, bytes(31), ()),
        ("a", 1, bytes(32), ("",)),
        ("a", 1, bytes(32), ("x\ny",)),
    ],
)
def test_a_checkpoint_that_could_not_be_read_back_is_not_made(
    origin: str, size: int, root: bytes, more: tuple[str, ...]
) -> None:
    with pytest.raises(MalformedNote):
        Checkpoint(origin, size, root, more)
