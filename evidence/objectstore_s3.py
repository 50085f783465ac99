"""The object store on an S3 server: AWS, Ceph, SeaweedFS and others.

Write-once is asked of the server itself: every object is put with ``If-None-Match: *`` (RFC 9110, 13.1.2), which AWS
and SeaweedFS answer with 412 when the key is taken. The first object that a process stores is put a second time, to see
whether the server obeys. One that does not is looked at with HEAD before every write, and then two processes that put
different bytes under one key at the same moment can both succeed: use such a server with versioning only.

Masters are placed under Object Lock (``COMPLIANCE``) for ``s3_lock_days``. Whether the server honours that, rather than
merely accepting it, is what :meth:`S3Store.probe` finds out. Credentials come from the environment or another source of
the standard AWS chain, never from the settings.

Uploads that nobody finishes cost space on the server until a life-cycle rule (AbortIncompleteMultipartUpload) removes
them; give it more days than a dock may be cut off from the network.
"""

import io
import threading
import time
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import closing, suppress
from datetime import datetime, timedelta
from typing import TYPE_CHECKING, Any, BinaryIO

import boto3
from botocore.config import Config
from botocore.exceptions import ClientError

from evidence.clock import Clock, SystemClock
from evidence.errors import AlreadyStored, Misconfigured, NotFound, StoreUnwell
from evidence.objectstore import PIECE, Incoming, ObjectStat, checked_key, superseded
from evidence.objectstore_s3_errors import TAKEN, code_of, s3_in_words
from evidence.objectstore_s3_incoming import S3Incoming, md5_base64
from evidence.objectstore_s3_probe import LOCK_ADVICE, WriteOnce, probe
from evidence.settings import Settings

if TYPE_CHECKING:
    from mypy_boto3_s3.client import S3Client
    from mypy_boto3_s3.type_defs import HeadObjectOutputTypeDef

_CONNECT_SECONDS = 5
_ANSWER_SECONDS = 60  # of silence, not of transfer
_TRIES = 4
_SENDERS = 8  # parts in flight in one process, over all uploads: an upload that would send one more waits
_PAUSES = (0.05, 0.2, 0.5, 1.0, 2.0)  # seconds


class S3Store:
    """Write-once objects in one bucket. Threads share it; every process opens its own."""

    def __init__(self, client: "S3Client", bucket: str, *, lock_days: int = 0, clock: Clock | None = None) -> None:
        self.client = client
        self.bucket = bucket
        self.lock_days = lock_days
        self.senders = ThreadPoolExecutor(_SENDERS, thread_name_prefix="s3-part")
        self.slots = threading.BoundedSemaphore(_SENDERS)
        self._clock = clock or SystemClock()
        self._obeys: bool | None = None  # If-None-Match; None: not seen yet

    @classmethod
    def of(cls, settings: Settings) -> "S3Store":
        """The store that the settings name; raises :class:`Misconfigured` when they name no bucket."""
        if not settings.s3_bucket:
            raise Misconfigured("the S3 store has no bucket", advice="Set s3_bucket.")
        if settings.s3_checksums not in {"when_required", "when_supported"}:
            raise Misconfigured("s3_checksums must be when_required or when_supported")
        config = Config(
            connect_timeout=_CONNECT_SECONDS,
            read_timeout=_ANSWER_SECONDS,
            retries={"mode": "standard", "total_max_attempts": _TRIES},
            max_pool_connections=32,
            tcp_keepalive=True,
            s3={
                "addressing_style": "path" if settings.s3_endpoint else "auto",
                "payload_signing_enabled": False,  # every body has a Content-MD5, and that is signed
            },
            request_checksum_calculation=settings.s3_checksums,  # type: ignore[arg-type]
            response_checksum_validation="when_required",
        )
        client = boto3.session.Session().client(
            "s3", endpoint_url=settings.s3_endpoint or None, region_name=settings.s3_region, config=config
        )
        return cls(client, settings.s3_bucket, lock_days=settings.s3_lock_days)

    def put_once(self, key: str, data: bytes) -> ObjectStat:
        """See :class:`~evidence.objectstore.ObjectStore`."""
        return self.put_bytes(key, data, locked=False)

    def put_file_once(self, key: str, source: BinaryIO) -> ObjectStat:
        """See :class:`~evidence.objectstore.ObjectStore`. What is there already is compared, not sent again."""
        checked_key(key)
        there = self.stat(key)
        if there is not None:
            return self._same_file(there, source)
        upload = S3Incoming(self, key, size=0, resume=False, locked=False)
        try:
            while piece := source.read(PIECE):
                upload.append(piece)
            return upload.finish()
        except BaseException:
            upload.abandon()
            raise

    def incoming(self, key: str, *, size: int = 0) -> Incoming:
        """See :class:`~evidence.objectstore.ObjectStore`."""
        return S3Incoming(self, checked_key(key), size=size, resume=True, locked=self.lock_days > 0)

    def free(self) -> int | None:
        """See :class:`~evidence.objectstore.ObjectStore`; an S3 server does not say."""
        return None

    def read(self, key: str, offset: int, length: int) -> bytes:
        """See :class:`~evidence.objectstore.ObjectStore`."""
        if length <= 0:
            if self.stat(key) is None:
                raise NotFound(f"no object under {key}")
            return b""
        for _ in range(_TRIES - 1):
            try:
                return self._range(key, offset, length)
            except StoreUnwell:  # an answer that broke off is not tried again by boto3 itself
                continue
        return self._range(key, offset, length)

    def open_file(self, key: str) -> BinaryIO | None:
        """See :class:`~evidence.objectstore.ObjectStore`; never a file here."""
        return None

    def stat(self, key: str) -> ObjectStat | None:
        """See :class:`~evidence.objectstore.ObjectStore`."""
        head = self.head(key)
        return None if head is None else ObjectStat(key, head["ContentLength"])

    def keys(self, prefix: str) -> Iterator[str]:
        """See :class:`~evidence.objectstore.ObjectStore`. Sorted here: not every server keeps S3's order."""
        with s3_in_words(f"listing {prefix}"):
            pages = self.client.get_paginator("list_objects_v2").paginate(Bucket=self.bucket, Prefix=prefix)
            return iter(sorted(found["Key"] for page in pages for found in page.get("Contents", [])))

    def discard_partials(self, key: str) -> int:
        """See :class:`~evidence.objectstore.ObjectStore`. A bucket that keeps versions keeps these as well."""
        found = superseded(self, key)
        with s3_in_words(f"tidying {key}"):
            for partial in found:
                self.client.delete_object(Bucket=self.bucket, Key=partial)
        return len(found)

    def make_bucket(self) -> bool:
        """Make the bucket, with Object Lock and so with versions, where it is not there yet; whether it was made."""
        with s3_in_words(f"making the bucket {self.bucket}"):
            try:
                self.client.head_bucket(Bucket=self.bucket)
            except ClientError as wrong:
                if code_of(wrong) not in {"404", "NoSuchBucket"}:
                    raise
            else:
                return False
            region = self.client.meta.region_name
            place: Any = {} if region == "us-east-1" else {"CreateBucketConfiguration": {"LocationConstraint": region}}
            with suppress(self.client.exceptions.BucketAlreadyOwnedByYou):
                self.client.create_bucket(Bucket=self.bucket, ObjectLockEnabledForBucket=True, **place)
            return True

    def probe(self) -> WriteOnce:
        """Find out, by trying, what this server does with locks, taken keys and wrong sums. Leaves one small object."""
        with s3_in_words("probing the store"):
            return probe(self.client, self.bucket, self.lock_days, self._clock.now())

    def probe_write_once(self) -> bool:
        """Whether this installation may claim that masters cannot be deleted or overwritten."""
        return self.probe().held

    def close(self) -> None:
        """Wait for the parts that are on their way, and close all connections."""
        self.senders.shutdown()
        self.client.close()

    # What the incoming uploads use as well.

    def put_bytes(self, key: str, data: bytes, *, locked: bool) -> ObjectStat:
        """Put an object of which all bytes are at hand, under Object Lock when it is a master."""
        checked_key(key)
        for pause in _PAUSES:
            if self._obeys is not True and (there := self.stat(key)) is not None:
                return self._same_bytes(there, data)
            if self._put(key, data, self.lock() if locked else {}):
                if self._obeys is None:
                    self._obeys = not self._put(key, data, {})  # the same bytes again: harmless if it is let in
                return ObjectStat(key, len(data))
            if (there := self.stat(key)) is not None:
                return self._same_bytes(there, data)
            time.sleep(pause)  # refused, yet nothing is there: somebody is writing it at this moment
        raise StoreUnwell(f"{key} is being written by somebody else, who does not come to an end")

    def unless_taken(self) -> dict[str, Any]:
        """The condition that a write carries, where the server is not known to ignore it."""
        return {} if self._obeys is False else {"IfNoneMatch": "*"}

    def lock(self) -> dict[str, Any]:
        """The retention that a master is put under, as parameters of a write."""
        return {"ObjectLockMode": "COMPLIANCE", "ObjectLockRetainUntilDate": self._lock_end()}

    def hold(self, key: str) -> None:
        """See to it that a master is locked: some servers drop or replace the lock of a multipart upload.

        Raises :class:`StoreUnwell` when the server does not keep it.
        """
        if self._is_held(key):
            return
        with s3_in_words(f"locking {key}"):
            retention: Any = {"Mode": "COMPLIANCE", "RetainUntilDate": self._lock_end()}
            self.client.put_object_retention(Bucket=self.bucket, Key=key, Retention=retention)
        if not self._is_held(key):
            raise StoreUnwell(f"the S3 server does not keep the lock of {key}", advice=LOCK_ADVICE)

    def head(self, key: str) -> "HeadObjectOutputTypeDef | None":
        """What the server says of an object, or ``None`` when there is none."""
        checked_key(key)
        with s3_in_words(f"looking at {key}"):
            try:
                return self.client.head_object(Bucket=self.bucket, Key=key)
            except ClientError as wrong:
                if code_of(wrong) in {"404", "NoSuchKey", "NotFound"}:
                    return None
                raise

    def _put(self, key: str, data: bytes, options: dict[str, Any]) -> bool:
        """Whether it was put; not, when the server says that the key is taken."""
        condition = self.unless_taken()
        with s3_in_words(f"storing {key}"):
            try:
                self.client.put_object(
                    Bucket=self.bucket, Key=key, Body=data, ContentMD5=md5_base64(data), **condition, **options
                )
            except ClientError as wrong:
                if condition and code_of(wrong) == "NotImplemented":
                    self._obeys = False
                    return self._put(key, data, options)
                if code_of(wrong) not in TAKEN:
                    raise
                self._obeys = True
                return False
        return True

    def _range(self, key: str, offset: int, length: int) -> bytes:
        with s3_in_words(f"reading {key}"):
            try:
                answer = self.client.get_object(
                    Bucket=self.bucket, Key=key, Range=f"bytes={offset}-{offset + length - 1}"
                )
            except ClientError as wrong:
                if code_of(wrong) == "InvalidRange":  # at or behind the end, where a file gives no bytes either
                    return b""
                raise
            with closing(answer["Body"]) as body:
                if "ContentRange" not in answer:
                    raise StoreUnwell(f"the S3 server does not serve ranges of {key}")
                return body.read()

    def _same_bytes(self, there: ObjectStat, data: bytes) -> ObjectStat:
        return self._same_file(there, io.BytesIO(data))

    def _same_file(self, there: ObjectStat, source: BinaryIO) -> ObjectStat:
        offset = 0
        while piece := source.read(PIECE):
            if self.read(there.key, offset, len(piece)) != piece:
                raise AlreadyStored(f"{there.key} already holds other bytes")
            offset += len(piece)
        if offset != there.size:
            raise AlreadyStored(f"{there.key} already holds other bytes")
        return there

    def _lock_end(self) -> datetime:
        return self._clock.now() + timedelta(days=self.lock_days)

    def _is_held(self, key: str) -> bool:
        head = self.head(key)
        until = None if head is None else head.get("ObjectLockRetainUntilDate")
        return until is not None and until >= self._lock_end() - timedelta(days=1)
