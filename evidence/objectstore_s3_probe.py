"""What an S3 server really does with locks, taken keys and wrong sums, found out by trying.

A server can accept every header of Object Lock and honour none of them, so nothing is claimed that was not tried: an
object is put under a lock of one minute, and its deletion has to fail. The object stays; those of earlier probes go.
"""

import secrets
from contextlib import suppress
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import TYPE_CHECKING, Any

from botocore.exceptions import ClientError

from evidence.objectstore_s3_errors import TAKEN, code_of

if TYPE_CHECKING:
    from mypy_boto3_s3.client import S3Client

LOCK_ADVICE = "Use a bucket that was made with Object Lock on a server that honours it, or set s3_lock_days to 0."
_PREFIX = "probe/"
_LOCKED_FOR = timedelta(minutes=1)


@dataclass(frozen=True, slots=True)
class WriteOnce:
    """What was found out. ``held`` is the whole claim; the rest says what is missing from it."""

    refuses_deletion: bool  # of an object under lock
    refuses_taken_keys: bool  # If-None-Match
    refuses_wrong_sums: bool  # Content-MD5
    locks_masters: bool  # by s3_lock_days, or by the bucket's own rule

    @property
    def held(self) -> bool:
        """Whether masters can neither be deleted nor overwritten before their time."""
        return self.refuses_deletion and self.refuses_taken_keys and self.locks_masters

    @property
    def words(self) -> str:
        """The same for a person, as one sentence."""
        if self.held and self.refuses_wrong_sums:
            return "The S3 server refuses to delete or overwrite masters, and refuses damaged parts."
        lacks = {
            "deletes objects that are under lock": self.refuses_deletion,
            "overwrites keys that are taken": self.refuses_taken_keys,
            "accepts parts that do not match their sum": self.refuses_wrong_sums,
            "puts no lock on masters, because neither s3_lock_days nor a rule of the bucket is set": self.locks_masters,
        }
        return f"The S3 server {'; it '.join(words for words, fine in lacks.items() if not fine)}."


def probe(client: "S3Client", bucket: str, lock_days: int, now: datetime) -> WriteOnce:
    """Try it. Raises boto3's errors for what is no answer to any of the questions: no bucket, no rights."""
    client.head_bucket(Bucket=bucket)
    _forget_earlier(client, bucket)
    key = f"{_PREFIX}{secrets.token_hex(8)}"
    version = _put_locked(client, bucket, key, now + _LOCKED_FOR)
    return WriteOnce(
        refuses_deletion=version is not None
        and _is_refused(client.delete_object, Bucket=bucket, Key=key, VersionId=version),
        refuses_taken_keys=_refuses_taken(client, bucket),
        refuses_wrong_sums=_is_refused(
            client.put_object, Bucket=bucket, Key=f"{_PREFIX}damaged", Body=b"damaged", ContentMD5="A" * 22 + "=="
        ),
        locks_masters=version is not None and (lock_days > 0 or _has_rule(client, bucket)),
    )


def _put_locked(client: "S3Client", bucket: str, key: str, until: datetime) -> str | None:
    """Put an object under lock; its version, or ``None`` when the bucket knows no locks."""
    md5_of_nothing = "1B2M2Y8AsgTpgAmY7PhCfg=="
    try:
        answer = client.put_object(
            Bucket=bucket, Key=key, Body=b"", ContentMD5=md5_of_nothing,
            ObjectLockMode="COMPLIANCE", ObjectLockRetainUntilDate=until,
        )  # fmt: skip
    except ClientError as wrong:
        if code_of(wrong) in {"InvalidRequest", "NotImplemented", "ObjectLockConfigurationNotFoundError"}:
            return None
        raise
    return answer.get("VersionId")


def _refuses_taken(client: "S3Client", bucket: str) -> bool:
    key = f"{_PREFIX}taken"
    with suppress(ClientError):
        client.put_object(Bucket=bucket, Key=key, Body=b"first", IfNoneMatch="*")
    return _is_refused(client.put_object, Bucket=bucket, Key=key, Body=b"second", IfNoneMatch="*", codes=TAKEN)


def _is_refused(call: Any, *, codes: set[str] | None = None, **arguments: Any) -> bool:
    try:
        call(**arguments)
    except ClientError as wrong:
        status = wrong.response.get("ResponseMetadata", {}).get("HTTPStatusCode", 500)
        return status < 500 if codes is None else code_of(wrong) in codes
    return False


def _has_rule(client: "S3Client", bucket: str) -> bool:
    try:
        found = client.get_object_lock_configuration(Bucket=bucket)
    except ClientError:
        return False
    return bool(found.get("ObjectLockConfiguration", {}).get("Rule", {}).get("DefaultRetention"))


def _forget_earlier(client: "S3Client", bucket: str) -> None:
    """Only what probes left; what is still locked is left to the next one."""
    with suppress(ClientError):
        for found in client.list_object_versions(Bucket=bucket, Prefix=_PREFIX).get("Versions", []):
            with suppress(ClientError):
                client.delete_object(Bucket=bucket, Key=found["Key"], VersionId=found["VersionId"])
