"""The ledger's own tables: entries as recorded, the tree's head, checkpoints, and erasable personal values."""

from datetime import datetime

from sqlalchemy import BigInteger, Index, Integer, LargeBinary, String, UniqueConstraint, text
from sqlalchemy.orm import Mapped, mapped_column

from evidence.models.base import Base

Big = BigInteger().with_variant(Integer, "sqlite")  # SQLite counts up only an INTEGER primary key


class LedgerEntry(Base):
    """An entry: *recorded* when its row is committed, *integrated* when ``place`` is set, then *published*."""

    __tablename__ = "ledger_entries"
    id: Mapped[int] = mapped_column(Big, primary_key=True, autoincrement=True)
    kind: Mapped[str] = mapped_column(String(40))  # custody.entry.ActKind
    subject: Mapped[str] = mapped_column(String(60), index=True)  # recording, exhibit, dock ... that the entry is about
    act: Mapped[bytes] = mapped_column(LargeBinary)  # canonical JSON
    recorded_at: Mapped[datetime]
    place: Mapped[int | None] = mapped_column(BigInteger, unique=True)  # leaf index in the tree, from 0
    record: Mapped[bytes | None] = mapped_column(LargeBinary)  # the outer record: the leaf's bytes
    __table_args__ = (
        Index(
            "ix_ledger_entries_waiting",
            "id",
            sqlite_where=text("place IS NULL"),
            postgresql_where=text("place IS NULL"),
        ),
    )


class LedgerTree(Base):
    """The one row of the log: its size and compact range, changed only by the holder of the lease."""

    __tablename__ = "ledger_tree"
    origin: Mapped[str] = mapped_column(String(200), primary_key=True)
    vkey: Mapped[str] = mapped_column(String(300))  # public key in the form of C2SP signed-note
    size: Mapped[int] = mapped_column(BigInteger)
    peaks: Mapped[bytes] = mapped_column(LargeBinary)  # 32 bytes each, largest subtree first
    published: Mapped[int] = mapped_column(BigInteger)  # size of the newest checkpoint


class LedgerCheckpoint(Base):
    """A published checkpoint: a signed note (C2SP tlog-checkpoint)."""

    __tablename__ = "ledger_checkpoints"
    size: Mapped[int] = mapped_column(Big, primary_key=True, autoincrement=False)
    note: Mapped[str]
    at: Mapped[datetime]


class SubjectHead(Base):
    """The end of a subject's own chain: how many entries, and the hash of the last record."""

    __tablename__ = "ledger_subjects"
    subject: Mapped[str] = mapped_column(String(60), primary_key=True)
    count: Mapped[int] = mapped_column(BigInteger)
    head: Mapped[bytes] = mapped_column(LargeBinary)


class PersonalValue(Base):
    """A personal value behind a salted commitment. Erasing value and salt leaves every proof valid.

    ``owner`` names whose value it is (``person:per_...``), so that one person's acts carry one commitment and one
    erasure reaches them all.
    """

    __tablename__ = "personal_values"
    commitment: Mapped[str] = mapped_column(String(80), primary_key=True)
    owner: Mapped[str] = mapped_column(String(60))
    salt: Mapped[bytes | None] = mapped_column(LargeBinary)
    value: Mapped[str | None] = mapped_column(String(1000))
    erased_at: Mapped[datetime | None]
    __table_args__ = (UniqueConstraint("owner", "value"),)
