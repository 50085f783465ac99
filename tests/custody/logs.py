"""A small ledger for tests: real acts and records, tiles in a dictionary, a key that lives in memory."""

from collections.abc import Iterable

from custody.checkpoint import Checkpoint
from custody.entry import Act, ActKind, Party, wrap
from custody.keys import FileSigner
from custody.merkle import inclusion_proof, leaf_hash
from custody.note import Note, SignatureLine
from custody.policy import Policy
from custody.proof import TlogProof
from custody.signature import COSIGNATURE_V1, ED25519, VerifierKey, cosign_note, sign_note
from custody.tile import TileMissing, TileReader, TreeEdge, bundles_of_growth, pack_entries
from evidence.digest import Digest

ORIGIN = "ledger.example/2026"
MACHINE = Party(role="ingest", agency="Example Police", machine="receiver")
AT = "2026-11-22T22:10:00.000000Z"


def stored(recording: str, content: bytes = b"footage") -> Act:
    return Act(
        what=ActKind.STORED,
        at=AT,
        who=MACHINE,
        on={"recording": recording, "digest": str(Digest.of(content))},
        using={"tool": "dockline", "version": "0.1.0"},
    )


def made(recording: str, output: bytes, profile: str = "proxy") -> Act:
    using = {
        "tool": "ffmpeg",
        "profile": profile,
        "output": str(Digest.of(output)),
        "input": str(Digest.of(b"footage")),
    }
    return Act(what=ActKind.RENDITION_MADE, at=AT, who=MACHINE, on={"recording": recording}, using=using)


class SmallLog:
    """A log that grows by acts, and can be published, proven from, and spoilt by hand through ``files``."""

    def __init__(self, origin: str = ORIGIN, signer: FileSigner | None = None) -> None:
        self.origin = origin
        self.signer = signer or FileSigner.generate()
        self.witness = FileSigner.generate()
        self.entries: list[bytes] = []
        self.files: dict[str, bytes] = {}
        self._edge = TreeEdge()
        self._heads: dict[str, tuple[int, bytes | None]] = {}

    def add(self, act: Act) -> bytes:
        """Append an act as the next entry; its bytes."""
        count, head = self._heads.get(act.subject, (0, None))
        entry = wrap(
            act.canonical(),
            recorded=f"ent_{len(self.entries)}",
            subject=act.subject,
            sequence=count + 1,
            previous=head,
        )
        self.append(entry)
        self._heads[act.subject] = (count + 1, leaf_hash(entry))
        return entry

    def append(self, entry: bytes) -> None:
        """Append any bytes."""
        self.entries.append(entry)

    def publish(self, *more: SignatureLine) -> bytes:
        """Write the files of the growth and a signed checkpoint; the checkpoint."""
        old, new = self._edge.size, len(self.entries)
        for tile, data in self._edge.grow([leaf_hash(entry) for entry in self.entries[old:]]):
            self.files[tile.path] = data
        for bundle in bundles_of_growth(old, new):
            first = bundle.index * 256
            self.files[bundle.path] = pack_entries(self.entries[first : first + bundle.width])
        text = self.checkpoint.text
        self.files["checkpoint"] = bytes(Note(text, (sign_note(self.signer, self.origin, text), *more)))
        return self.files["checkpoint"]

    def cosigned(self, at: int = 1_795_000_000) -> SignatureLine:
        """A witness's cosignature over the tree as it will be published next."""
        grown = TreeEdge()
        grown.grow([leaf_hash(entry) for entry in self.entries])
        text = Checkpoint(self.origin, grown.size, grown.root()).text
        return cosign_note(self.witness, "witness.example/court", text, at)

    @property
    def checkpoint(self) -> Checkpoint:
        return Checkpoint(self.origin, self._edge.size, self._edge.root())

    @property
    def key(self) -> VerifierKey:
        return VerifierKey(self.origin, ED25519, self.signer.public_key)

    @property
    def witness_key(self) -> VerifierKey:
        return VerifierKey("witness.example/court", COSIGNATURE_V1, self.witness.public_key)

    @property
    def policy(self) -> Policy:
        return Policy.parse(f"log {self.key}\nquorum none\n".encode())

    @property
    def witnessed_policy(self) -> Policy:
        return Policy.parse(f"log {self.key}\nwitness court {self.witness_key}\nquorum court\n".encode())

    def read(self, path: str) -> bytes:
        try:
            return self.files[path]
        except KeyError as wrong:
            raise TileMissing(f"no file {path}") from wrong

    def proof(self, index: int) -> bytes:
        """The proof of an entry under the newest checkpoint, as a file."""
        size = self._edge.size
        hashes = tuple(inclusion_proof(index, size, TileReader(size, self.read)))
        return bytes(TlogProof(index, hashes, self.files["checkpoint"]))


def log_of(acts: Iterable[Act]) -> SmallLog:
    """A published log of these acts."""
    log = SmallLog()
    for act in acts:
        log.add(act)
    log.publish()
    return log
