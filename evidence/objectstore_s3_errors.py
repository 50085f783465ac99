"""What goes wrong between Dockline and an S3 server, in Dockline's own words.

Codes are those of the S3 API reference, "Error responses"; servers other than AWS use the same ones, and some of their
own for a full disk. A missing right or bucket is a matter of set-up; everything else may pass and is tried again.
"""

from collections.abc import Iterator
from contextlib import contextmanager

from botocore.exceptions import (
    BotoCoreError,
    ClientError,
    NoCredentialsError,
    PartialCredentialsError,
    ProfileNotFound,
    TokenRetrievalError,
)

from evidence.errors import DocklineError, Misconfigured, NotFound, OutOfSpace, StoreUnwell

TAKEN = {"PreconditionFailed", "412", "ConditionalRequestConflict", "409"}
_GONE = {"NoSuchKey", "NoSuchUpload", "NoSuchVersion", "404", "NotFound"}
_FULL = {"InsufficientStorage", "QuotaExceeded", "StorageFull", "XMinioStorageFull", "NotEnoughSpace", "507"}
_FULL_WORDS = ("no free volume", "no writable volume", "no more free space", "no space left", "disk full")
_NOT_ALLOWED = {
    "AccessDenied", "AllAccessDisabled", "ExpiredToken", "InvalidAccessKeyId", "InvalidToken", "SignatureDoesNotMatch",
    "RequestTimeTooSkewed", "PermanentRedirect", "AuthorizationHeaderMalformed", "403", "Forbidden",
}  # fmt: skip
_NO_BUCKET = {"NoSuchBucket", "InvalidBucketName"}
_CREDENTIALS = (NoCredentialsError, PartialCredentialsError, ProfileNotFound, TokenRetrievalError)


@contextmanager
def s3_in_words(what: str) -> Iterator[None]:
    """Turn boto3's errors into :class:`NotFound`, ``OutOfSpace``, ``StoreUnwell`` or ``Misconfigured``."""
    try:
        yield
    except ClientError as wrong:
        raise _named(what, wrong) from wrong
    except _CREDENTIALS as wrong:
        raise Misconfigured(
            f"no credentials for the S3 server ({wrong})",
            advice="Set AWS_ACCESS_KEY_ID and AWS_SECRET_ACCESS_KEY, or another source that AWS tools know.",
        ) from wrong
    except BotoCoreError as wrong:
        raise StoreUnwell(f"{what}: the S3 server does not answer as it should ({wrong})") from wrong


def code_of(wrong: ClientError) -> str:
    """The S3 error code, or the HTTP status as text where an answer has no body (HEAD)."""
    return str(wrong.response.get("Error", {}).get("Code", "unknown"))


def _named(what: str, wrong: ClientError) -> DocklineError:
    code, words = code_of(wrong), str(wrong).lower()
    status = wrong.response.get("ResponseMetadata", {}).get("HTTPStatusCode")
    if code in _NO_BUCKET:
        return Misconfigured(
            f"{what}: there is no such bucket ({code})", advice="Make the bucket, or correct s3_bucket."
        )
    if code in _GONE:
        return NotFound(f"{what}: not in the S3 store ({code})")
    if code in _FULL or status == 507 or any(full in words for full in _FULL_WORDS):
        return OutOfSpace(f"{what}: the S3 server has no space left ({code})")
    if code in _NOT_ALLOWED or status == 403:
        return Misconfigured(
            f"{what}: the S3 server refused these credentials ({code})",
            advice="Check the credentials, their rights on the bucket, and the clocks of both machines.",
        )
    return StoreUnwell(f"{what}: the S3 server answered {code} ({status})")
