"""An upload on its way into an S3 server, as a multipart upload.

Bytes are gathered to a part in memory; a full part is sent by another thread while the next one fills. Parts are all of
one length, chosen by the announced size so that their number stays below S3's limit of 10,000.

What is durable is the run of whole parts from the beginning, as ListParts tells it; so an upload goes on in another
process, at that length. What was gathered since is lost with its process, and the sender sends it again: :meth:`sync`
never counts it. When all announced bytes are here, :meth:`sync` sends the last, shorter part as well, and then the
upload can be finished anywhere.

Each part carries its MD5 (Content-MD5, RFC 1864): servers check it, unlike the SHA-256 of the signature, and it is the
part's ETag, so the ETag of the finished object proves every part. It guards against accidents on the way; what is
promised to a court rests on the SHA-256 of the whole, which the caller keeps.
"""

import base64
import hashlib
import io
import re
from collections import deque
from concurrent.futures import Future
from contextlib import suppress
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from botocore.exceptions import ClientError

from evidence.errors import AlreadyStored, BadInput, DocklineError, NotReadableYet, StoreUnwell
from evidence.objectstore import ObjectStat, check_whole
from evidence.objectstore_s3_errors import TAKEN, code_of, s3_in_words

if TYPE_CHECKING:
    from mypy_boto3_s3.type_defs import HeadObjectOutputTypeDef

    from evidence.objectstore_s3 import S3Store

_MIB = 1024 * 1024
_STEP = 8 * _MIB  # what a dropped connection costs at most, and what an upload keeps in memory
_SMALLEST = 5 * _MIB  # S3's own limit for all parts but the last
_MOST_PARTS = 9_000
_IN_FLIGHT = 4  # parts of one upload
_MD5 = re.compile(r"[0-9a-f]{32}")


def part_length(size: int) -> int:
    """Bytes in each part of an upload of ``size`` bytes: a multiple of 8 MiB that keeps the parts below 9,000."""
    return max(1, -(-size // (_MOST_PARTS * _STEP))) * _STEP


def md5_base64(data: bytes | memoryview) -> str:
    """The value of a Content-MD5 header."""
    return base64.b64encode(hashlib.md5(data, usedforsecurity=False).digest()).decode()


@dataclass(frozen=True, slots=True)
class Part:
    """A part that the server holds."""

    number: int
    etag: str  # without its quotation marks
    size: int
    sums: tuple[tuple[str, str], ...] = ()  # other checksums that the server named and wants to hear again


class S3Incoming:
    """See :class:`~evidence.objectstore.Incoming`."""

    def __init__(self, store: "S3Store", key: str, *, size: int, resume: bool, locked: bool) -> None:
        self._store = store
        self._key = key
        self._size = size
        self._locked = locked
        self._upload = ""  # the multipart upload's id, once there is one
        self._others: list[str] = []  # uploads of the same key that fell behind, from a process that died
        self._parts: list[Part] = []  # on the server, in order, without a gap
        self._flights: deque[Future[Part]] = deque()
        self._sent = 0  # bytes in parts and flights
        self._tail = io.BytesIO()  # always at its end; sent as it is, without a copy
        self._wrong: DocklineError | None = None
        self._part = part_length(size)
        if resume:
            self._resume()

    @property
    def length(self) -> int:
        """See :class:`~evidence.objectstore.Incoming`. Opened again, it is that of the whole parts."""
        return self._sent + self._tail.tell()

    def append(self, data: bytes | memoryview) -> None:
        """See :class:`~evidence.objectstore.Incoming`. Waits while too many parts are on their way."""
        self._refuse_if_broken()
        if self._sent % self._part:
            raise BadInput(f"more bytes for {self._key} than the {self._sent} that were announced")
        view = memoryview(data)
        while view:
            room = self._part - self._tail.tell()
            self._tail.write(view[:room])
            view = view[room:]
            if self._tail.tell() == self._part:
                self._send()

    def sync(self) -> int:
        """See :class:`~evidence.objectstore.Incoming`. Whole parts only, until all announced bytes are here."""
        self._refuse_if_broken()
        if self._tail.tell() and self.length == self._size:
            self._send()
        self._land(0)
        return self._sent

    def truncate(self, length: int) -> None:
        """See :class:`~evidence.objectstore.Incoming`. Below what was sent, to the end of a part.

        The parts behind it cannot be deleted one by one; the first of them is made too short to be taken for whole.
        """
        if not 0 <= length <= self.length:
            raise BadInput(f"cannot go back to {length} of {self.length} bytes")
        self._land(0)
        if length >= self._sent:
            self._tail.truncate(self._tail.seek(length - self._sent))
            return
        self._tail = io.BytesIO()
        del self._parts[length // self._part :]
        self._sent = len(self._parts) * self._part
        if self._parts:
            too_short = 2 if self._sent + 1 == self._size else 1  # but not what completes the upload
            self._send_part(len(self._parts) + 1, io.BytesIO(bytes(too_short)))
        else:
            self._abort()

    def read(self, offset: int, length: int) -> bytes:
        """See :class:`~evidence.objectstore.Incoming`. Raises :class:`NotReadableYet` for bytes that were sent."""
        if offset < self._sent:
            raise NotReadableYet(f"the first {self._sent} bytes of {self._key} are with the S3 server already")
        with self._tail.getbuffer() as tail:
            return bytes(tail[offset - self._sent : offset - self._sent + length])

    def finish(self) -> ObjectStat:
        """See :class:`~evidence.objectstore.Incoming`."""
        self._refuse_if_broken()
        if self.length == 0 and (there := self._store.stat(self._key)) is not None:
            return self._hold(there)
        check_whole(self._key, self.length, self._size)
        if not self._upload:
            stat = self._store.put_bytes(self._key, self._tail.getvalue(), locked=self._locked)
        else:
            if self._tail.tell():
                self._send()
            self._land(0)
            stat = self._complete()
        self._upload = ""
        self._abort()
        self._forget()
        return self._hold(stat)

    def abandon(self) -> None:
        """See :class:`~evidence.objectstore.Incoming`."""
        self.close()
        self._abort()

    def close(self) -> None:
        """See :class:`~evidence.objectstore.Incoming`. Waits for parts that are on their way; the tail is dropped."""
        for flight in self._flights:
            flight.exception()
        self._forget()

    def _hold(self, stat: ObjectStat) -> ObjectStat:
        if self._locked:
            self._store.hold(self._key)
        return stat

    def _forget(self) -> None:
        self._flights.clear()
        self._parts.clear()
        self._tail = io.BytesIO()
        self._sent = 0

    def _refuse_if_broken(self) -> None:
        """After a part that failed, what would come next has no place; opened again, the upload goes on before it."""
        if self._wrong is not None:
            raise self._wrong

    # Sending

    def _send(self) -> None:
        self._begin()
        self._land(_IN_FLIGHT - 1)
        number = len(self._parts) + len(self._flights) + 1
        full, self._tail = self._tail, io.BytesIO()
        self._sent += full.tell()  # before another thread reads it
        self._store.slots.acquire()
        flight = self._store.senders.submit(self._send_part, number, full)
        flight.add_done_callback(lambda _: self._store.slots.release())
        self._flights.append(flight)

    def _land(self, aloft: int) -> None:
        """Wait until at most so many parts are on their way."""
        while len(self._flights) > aloft:
            try:
                self._parts.append(self._flights[0].result())
            except DocklineError as wrong:
                self._wrong = wrong
                raise
            self._flights.popleft()

    def _begin(self) -> None:
        if self._upload:
            return
        lock = self._store.lock() if self._locked else {}
        with s3_in_words(f"beginning {self._key}"):
            begun = self._store.client.create_multipart_upload(Bucket=self._store.bucket, Key=self._key, **lock)
        self._upload = begun["UploadId"]

    def _send_part(self, number: int, data: io.BytesIO) -> Part:
        with data.getbuffer() as view:
            md5, size = md5_base64(view), len(view)
        data.seek(0)
        with s3_in_words(f"part {number} of {self._key}"):
            answer = self._store.client.upload_part(
                Bucket=self._store.bucket, Key=self._key, UploadId=self._upload, PartNumber=number, Body=data,
                ContentMD5=md5,
            )  # fmt: skip
        etag = answer["ETag"].strip('"')
        if _is_md5(answer) and etag != base64.b64decode(md5).hex():
            raise StoreUnwell(f"the S3 server holds other bytes than were sent as part {number} of {self._key}")
        return Part(number, etag, size, _sums(answer))

    # Finishing

    def _complete(self) -> ObjectStat:
        there = self._store.head(self._key)
        if there is None:
            there = self._ask_to_complete()
        else:
            self._same(there)
            self._abort()
        if there is None:
            raise StoreUnwell(f"{self._key} is not there after its parts were put together")
        self._same(there)
        return ObjectStat(self._key, there["ContentLength"])

    def _ask_to_complete(self) -> "HeadObjectOutputTypeDef | None":
        parts: list[Any] = [{"PartNumber": p.number, "ETag": f'"{p.etag}"', **dict(p.sums)} for p in self._parts]
        with s3_in_words(f"finishing {self._key}"):
            try:
                self._store.client.complete_multipart_upload(
                    Bucket=self._store.bucket, Key=self._key, UploadId=self._upload,
                    MultipartUpload={"Parts": parts}, **self._store.unless_taken(),
                )  # fmt: skip
            except ClientError as wrong:
                # An answer that was lost: it was put together the first time, and the upload is gone or the key taken.
                if code_of(wrong) not in {*TAKEN, "NoSuchUpload"}:
                    raise
        return self._store.head(self._key)

    def _same(self, there: "HeadObjectOutputTypeDef") -> None:
        """Raise :class:`AlreadyStored` unless the object consists of these parts."""
        etag = there["ETag"].strip('"')
        if there["ContentLength"] != self._sent or (_is_md5(there) and etag not in _etags_of(self._parts)):
            raise AlreadyStored(f"{self._key} holds other bytes than were sent")

    def _abort(self) -> None:
        for upload in filter(None, (self._upload, *self._others)):
            with s3_in_words(f"giving up {self._key}"), suppress(self._store.client.exceptions.NoSuchUpload):
                self._store.client.abort_multipart_upload(Bucket=self._store.bucket, Key=self._key, UploadId=upload)
        self._upload = ""
        self._others.clear()

    # Going on in another process

    def _resume(self) -> None:
        with s3_in_words(f"looking for parts of {self._key}"):
            found = [(self._listed(upload), upload) for upload in self._uploads()]
        for parts, upload in found:
            run = whole_run(parts, self._size)
            if not self._upload or len(run) > len(self._parts):
                self._upload, self._parts = upload, run
        self._others = [upload for _, upload in found if upload != self._upload]
        if self._parts and self._parts[0].size != self._size:
            self._part = self._parts[0].size
        self._sent = sum(part.size for part in self._parts)

    def _uploads(self) -> list[str]:
        pages = self._store.client.get_paginator("list_multipart_uploads")
        found = [
            upload
            for page in pages.paginate(Bucket=self._store.bucket, Prefix=self._key)
            for upload in page.get("Uploads", [])
        ]
        return [upload["UploadId"] for upload in found if upload["Key"] == self._key]

    def _listed(self, upload: str) -> list[Part]:
        pages = self._store.client.get_paginator("list_parts")
        try:
            return [
                Part(part["PartNumber"], part["ETag"].strip('"'), part["Size"], _sums(part))
                for page in pages.paginate(Bucket=self._store.bucket, Key=self._key, UploadId=upload)
                for part in page.get("Parts", [])
            ]
        except ClientError as wrong:
            if code_of(wrong) == "NoSuchUpload":  # ended since it was listed
                return []
            raise


def whole_run(parts: list[Part], size: int) -> list[Part]:
    """The parts that can be built upon: from the first on, without a gap, all of one length.

    A shorter one counts where it completes the announced ``size``. Some servers list every version of a part that was
    sent twice; where those differ, nobody can tell which is meant, and the run ends before them.
    """
    versions: dict[int, set[Part]] = {}
    for part in parts:
        versions.setdefault(part.number, set()).add(part)
    run: list[Part] = []
    reached = 0
    while len(found := versions.get(len(run) + 1, set())) == 1:
        part = next(iter(found))
        reached += part.size
        if reached != size and (part.size < _SMALLEST or (run and part.size != run[0].size)):
            break
        run.append(part)
    return run


def _etags_of(parts: list[Part]) -> set[str]:
    """What an object of these parts is called: the MD5 of its parts' MD5 sums and their number; alone, its own MD5."""
    whole = hashlib.md5(b"".join(bytes.fromhex(part.etag) for part in parts), usedforsecurity=False).hexdigest()
    return {f"{whole}-{len(parts)}", *(part.etag for part in parts if len(parts) == 1)}


def _sums(answer: Any) -> tuple[tuple[str, str], ...]:
    return tuple(
        (name, value)
        for name, value in sorted(answer.items())
        if name.startswith("Checksum") and name not in {"ChecksumType", "ChecksumAlgorithm"}
    )


def _is_md5(answer: Any) -> bool:
    """Whether the ETag of an answer is an MD5: not under a customer's key, nor on every server."""
    keyed = str(answer.get("ServerSideEncryption", "")).startswith("aws:kms") or "SSECustomerAlgorithm" in answer
    return not keyed and _MD5.match(answer["ETag"].strip('"')) is not None
