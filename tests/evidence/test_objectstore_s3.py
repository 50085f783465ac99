"""What is particular to an S3 server: parts, locks, damage on the way, and its errors in words."""

import io
import secrets
import subprocess
import sys
import threading
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest
from botocore.exceptions import ClientError, EndpointConnectionError, NoCredentialsError
from hypothesis import given
from hypothesis import strategies as st

from evidence.clock import ManualClock
from evidence.errors import AlreadyStored, DocklineError, Misconfigured, NotFound, OutOfSpace, StoreUnwell
from evidence.objectstore import read_all, stream
from evidence.objectstore_s3 import S3Store
from evidence.objectstore_s3_errors import s3_in_words
from evidence.objectstore_s3_incoming import Part, part_length, whole_run
from evidence.settings import Settings
from tests.contract.busy_writer import large
from tests.servers import Seaweed, die_with_parent, free_ports, kill, s3_client, start_seaweed

MIB = 1024 * 1024


@pytest.fixture(scope="session")
def client(seaweedfs: Seaweed) -> Any:
    made = s3_client(seaweedfs.endpoint, seaweedfs.access_key, seaweedfs.secret_key)
    made.create_bucket(Bucket="locked", ObjectLockEnabledForBucket=True)
    made.create_bucket(Bucket="open")
    return made


@pytest.fixture
def key() -> str:
    return f"received/rec_{secrets.token_hex(8)}"


# The length of parts


@given(st.integers(0, 5 * 1024**4))
def test_parts_are_whole_steps_of_8_mib_and_never_too_many(size: int) -> None:
    length = part_length(size)
    assert length >= 8 * MIB
    assert length % (8 * MIB) == 0
    assert -(-size // length) <= 9_000
    assert length == 8 * MIB or -(-size // (length - 8 * MIB)) > 9_000


# What can be built upon after a restart


def parts(*sizes: int) -> list[Part]:
    return [Part(number, f"{number:032x}", size) for number, size in enumerate(sizes, 1)]


def test_whole_parts_count_up_to_the_first_short_one() -> None:
    assert whole_run(parts(16, 16, 3), 100) == []  # too small for S3 at all
    found = parts(16 * MIB, 16 * MIB, 3)
    assert whole_run(found, 100 * MIB) == found[:2]


def test_a_short_part_counts_when_it_completes_the_upload() -> None:
    found = parts(16 * MIB, 3)
    assert whole_run(found, 16 * MIB + 3) == found
    assert whole_run(parts(7), 7) == parts(7)
    assert whole_run(parts(7), 0) == []


def test_a_gap_ends_the_run() -> None:
    found = parts(16 * MIB, 16 * MIB, 16 * MIB)
    assert whole_run([found[0], found[2]], 0) == found[:1]
    assert whole_run(found[1:], 0) == []


def test_a_part_in_two_versions_ends_the_run_and_one_sent_twice_alike_does_not() -> None:
    first, second, third = parts(16 * MIB, 16 * MIB, 16 * MIB)
    changed = Part(2, "f" * 32, 16 * MIB)
    assert whole_run([first, second, second, third], 0) == [first, second, third]
    assert whole_run([first, second, changed, third], 0) == [first]


@given(st.lists(st.integers(1, 6), max_size=8), st.integers(0, 100), st.booleans())
def test_a_run_is_always_something_s3_would_put_together(sizes: list[int], size: int, whole: bool) -> None:
    found = parts(*(step * MIB for step in sizes))
    size = sum(sizes) * MIB if whole else size * MIB
    run = whole_run(found, size)
    assert run == found[: len(run)]
    assert all(part.size >= 5 * MIB for part in run[:-1])
    assert len({part.size for part in run[:-1]}) <= 1


# Locks


def test_a_bucket_with_object_lock_is_write_once_when_masters_are_locked(client: Any) -> None:
    found = S3Store(client, "locked", lock_days=7).probe()
    assert found.held
    assert found.refuses_wrong_sums
    assert found.words == "The S3 server refuses to delete or overwrite masters, and refuses damaged parts."
    assert S3Store(client, "locked", lock_days=7).probe_write_once()


def test_write_once_is_not_claimed_without_a_lock_on_masters(client: Any) -> None:
    found = S3Store(client, "locked").probe()
    assert (found.refuses_deletion, found.locks_masters, found.held) == (True, False, False)
    assert "no lock on masters" in found.words


def test_write_once_is_not_claimed_in_a_bucket_without_object_lock(client: Any) -> None:
    found = S3Store(client, "open", lock_days=7).probe()
    assert (found.refuses_deletion, found.held) == (False, False)
    assert "deletes objects that are under lock" in found.words


def test_probing_leaves_no_more_than_a_few_objects(client: Any) -> None:
    for _ in range(3):
        S3Store(client, "open", lock_days=7).probe()
    left = client.list_object_versions(Bucket="open", Prefix="probe/").get("Versions", [])
    assert len(left) <= 2


@pytest.mark.parametrize("size", [7, 20 * MIB])
def test_a_master_cannot_be_deleted_before_its_time_and_what_is_made_from_it_can(
    client: Any, key: str, size: int
) -> None:
    store = S3Store(client, "locked", lock_days=7)
    upload = store.incoming(key, size=size)
    upload.append(bytes(size))
    upload.finish()
    head = client.head_object(Bucket="locked", Key=key)
    assert head["ObjectLockMode"] == "COMPLIANCE"
    assert head["ObjectLockRetainUntilDate"] > datetime.now(UTC) + timedelta(days=6)
    with pytest.raises(ClientError, match="AccessDenied"):
        client.delete_object(Bucket="locked", Key=key, VersionId=head["VersionId"])
    store.put_once(f"{key}/poster", b"jpeg")
    assert "ObjectLockMode" not in client.head_object(Bucket="locked", Key=f"{key}/poster")


def test_finishing_again_extends_a_lock_that_has_become_too_short(client: Any, key: str) -> None:
    clock = ManualClock(datetime.now(UTC))
    store = S3Store(client, "locked", lock_days=7, clock=clock)
    upload = store.incoming(key, size=7)
    upload.append(b"footage")
    upload.finish()
    clock.advance(timedelta(days=3))
    upload.finish()
    until = client.head_object(Bucket="locked", Key=key)["ObjectLockRetainUntilDate"]
    assert until > clock.now() + timedelta(days=6)


def test_a_bucket_that_cannot_lock_says_so_when_locks_are_asked_for(client: Any, key: str) -> None:
    upload = S3Store(client, "open", lock_days=7).incoming(key, size=7)
    upload.append(b"footage")
    with pytest.raises(DocklineError, match="InvalidRequest"):
        upload.finish()


def test_a_bucket_is_made_with_object_lock_where_there_is_none(client: Any) -> None:
    name = f"new-{secrets.token_hex(6)}"
    store = S3Store(client, name, lock_days=7)
    assert store.make_bucket()
    assert not store.make_bucket()
    assert store.probe_write_once()


def test_moto_drops_the_lock_of_a_multipart_upload_and_it_is_set_again(moto_locked: S3Store) -> None:
    upload = moto_locked.incoming("received/rec_1", size=20 * MIB)
    upload.append(bytes(20 * MIB))
    upload.finish()
    head = moto_locked.head("received/rec_1")
    assert head is not None
    assert head["ObjectLockRetainUntilDate"] > datetime.now(UTC) + timedelta(days=6)


@pytest.fixture
def moto_locked() -> Iterator[S3Store]:
    from moto import mock_aws

    with mock_aws():
        made = s3_client(None, "moto", "moto")
        made.create_bucket(Bucket="locked", ObjectLockEnabledForBucket=True)
        yield S3Store(made, "locked", lock_days=7)


# Bytes on their way


def test_many_uploads_at_once_send_no_more_parts_at_a_time_than_there_are_slots(client: Any, key: str) -> None:
    store = S3Store(client, "locked")
    now, most, lock = [0], [0], threading.Lock()

    def begin(**_: Any) -> None:
        with lock:
            now[0] += 1
            most[0] = max(most[0], now[0])

    def end(**_: Any) -> None:
        with lock:
            now[0] -= 1

    client.meta.events.register("before-call.s3.UploadPart", begin, unique_id="begin")
    client.meta.events.register("after-call.s3.UploadPart", end, unique_id="end")
    uploads = [store.incoming(f"{key}/{number}", size=17 * MIB) for number in range(6)]
    threads = [threading.Thread(target=lambda one=one: (one.append(bytes(17 * MIB)), one.finish())) for one in uploads]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    client.meta.events.unregister("before-call.s3.UploadPart", unique_id="begin")
    client.meta.events.unregister("after-call.s3.UploadPart", unique_id="end")
    assert [store.stat(f"{key}/{number}") is not None for number in range(6)] == [True] * 6
    assert 1 <= most[0] <= 8
    store.senders.shutdown()


def test_each_byte_is_sent_once_and_in_parts_while_more_arrive(client: Any, key: str) -> None:
    sent: list[int] = []
    arriving = threading.Event()

    def count(request: Any, **_: Any) -> None:
        if "partNumber" in request.url:
            sent.append(len(request.body.getbuffer()))
            arriving.set()

    client.meta.events.register("before-send.s3.UploadPart", count, unique_id="count")
    upload = S3Store(client, "locked").incoming(key, size=20 * MIB)
    upload.append(bytes(9 * MIB))
    assert arriving.wait(30)  # the first part is sent before the second one is full
    upload.append(bytes(11 * MIB))
    upload.finish()
    client.meta.events.unregister("before-send.s3.UploadPart", unique_id="count")
    assert sorted(sent) == [4 * MIB, 8 * MIB, 8 * MIB]


def test_a_part_that_was_damaged_on_the_way_is_refused_and_the_upload_goes_on_from_before_it(
    client: Any, key: str
) -> None:
    def damage(request: Any, **_: Any) -> None:
        if "partNumber=2" in request.url:
            body = bytearray(request.body.getvalue())
            body[1000] ^= 1
            request.body = io.BytesIO(body)

    client.meta.events.register("before-send.s3.UploadPart", damage, unique_id="damage")
    upload = S3Store(client, "locked").incoming(key, size=20 * MIB)
    with pytest.raises(StoreUnwell, match="BadDigest"):
        upload.append(bytes(20 * MIB))
        upload.sync()
    client.meta.events.unregister("before-send.s3.UploadPart", unique_id="damage")
    with pytest.raises(StoreUnwell, match="BadDigest"):
        upload.finish()
    upload.close()
    upload = S3Store(client, "locked").incoming(key, size=20 * MIB)
    assert upload.length == 8 * MIB
    upload.append(bytes(12 * MIB))
    assert upload.finish().size == 20 * MIB
    assert all(not any(piece) for piece in stream(S3Store(client, "locked"), key))


def test_an_answer_that_was_lost_after_the_parts_were_put_together_does_no_harm(client: Any, key: str) -> None:
    def lose(**_: Any) -> None:
        raise EndpointConnectionError(endpoint_url="http://the-cable-was-pulled")

    upload = S3Store(client, "locked").incoming(key, size=20 * MIB)
    upload.append(bytes(20 * MIB))
    client.meta.events.register("after-call.s3.CompleteMultipartUpload", lose, unique_id="lose")
    with pytest.raises(StoreUnwell):
        upload.finish()
    client.meta.events.unregister("after-call.s3.CompleteMultipartUpload", unique_id="lose")
    assert upload.finish().size == 20 * MIB
    assert S3Store(client, "locked").incoming(key, size=20 * MIB).finish().size == 20 * MIB


def test_an_upload_that_was_overtaken_by_other_bytes_is_refused(client: Any, key: str) -> None:
    first, second = (S3Store(client, "locked").incoming(key, size=20 * MIB) for _ in range(2))
    first.append(bytes(20 * MIB))
    second.append(b"\1" * (20 * MIB))
    assert first.finish().size == 20 * MIB
    with pytest.raises(AlreadyStored):
        second.finish()
    assert not any(S3Store(client, "locked").read(key, 0, 1000))


def test_a_server_that_ignores_if_none_match_is_noticed_and_looked_at_first(client: Any, key: str) -> None:
    def forget(request: Any, **_: Any) -> None:
        del request.headers["If-None-Match"]

    client.meta.events.register("before-sign.s3.PutObject", forget, unique_id="forget")
    store = S3Store(client, "locked")
    store.put_once(key, b"footage")
    assert not store.unless_taken()
    with pytest.raises(AlreadyStored):
        store.put_once(key, b"forgery")
    assert not store.probe().refuses_taken_keys
    client.meta.events.unregister("before-sign.s3.PutObject", unique_id="forget")
    assert read_all(store, key) == b"footage"


@pytest.mark.crash
def test_an_upload_of_a_killed_process_goes_on_from_its_whole_parts(
    seaweedfs: Seaweed, client: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    client.create_bucket(Bucket="dockline-killed")
    monkeypatch.setenv("AWS_ACCESS_KEY_ID", seaweedfs.access_key)
    monkeypatch.setenv("AWS_SECRET_ACCESS_KEY", seaweedfs.secret_key)
    uploader = subprocess.Popen(
        [sys.executable, "-m", "tests.contract.busy_uploader", seaweedfs.endpoint, "dockline-killed", "received/rec_1"],
        stdout=subprocess.PIPE, stdin=subprocess.PIPE, preexec_fn=die_with_parent,  # noqa: PLW1509 - one system call
    )  # fmt: skip
    assert uploader.stdout is not None
    durable = int(uploader.stdout.readline())
    uploader.kill()
    uploader.communicate()
    settings = Settings(data=Path(), store="s3", s3_endpoint=seaweedfs.endpoint, s3_bucket="dockline-killed")
    store = S3Store.of(settings)
    upload = store.incoming("received/rec_1", size=len(large()))
    assert upload.length == durable == 16 * MIB
    upload.append(large()[durable:])
    assert upload.finish().size == len(large())
    assert b"".join(stream(store, "received/rec_1")) == large()
    store.close()


@pytest.mark.crash
def test_a_server_that_dies_in_the_middle_is_a_matter_of_trying_again(server_folder: Path) -> None:
    process, server = start_seaweed(server_folder / "mortal-weed")
    made = s3_client(server.endpoint, server.access_key, server.secret_key)
    made.create_bucket(Bucket="mortal")
    upload = S3Store(made, "mortal").incoming("received/rec_1", size=20 * MIB)
    kill(process)
    with pytest.raises(StoreUnwell):
        upload.append(bytes(20 * MIB))
        upload.finish()


# Errors in words


def test_a_server_that_is_not_there_is_unwell() -> None:
    (port,) = free_ports(1)
    store = S3Store(s3_client(f"http://127.0.0.1:{port}", "a", "b"), "dockline")
    for use in (lambda: store.stat("a"), lambda: store.put_once("a", b""), lambda: store.incoming("a"), store.probe):
        with pytest.raises(StoreUnwell):
            use()


def test_wrong_credentials_and_a_missing_bucket_are_matters_of_set_up(seaweedfs: Seaweed, client: Any) -> None:
    wrong = S3Store(s3_client(seaweedfs.endpoint, seaweedfs.access_key, "wrong"), "locked")
    for use in (lambda: wrong.stat("a"), lambda: wrong.put_once("a", b""), lambda: wrong.read("a", 0, 1), wrong.probe):
        with pytest.raises(Misconfigured) as told:
            use()
        assert "wrong" not in str(told.value)
    missing = S3Store(client, "missing")
    for use in (lambda: missing.put_once("a", b""), lambda: missing.read("a", 0, 1), lambda: missing.incoming("a")):
        with pytest.raises(Misconfigured, match="bucket"):
            use()


def error(code: str, status: int, message: str = "") -> ClientError:
    return ClientError(
        {"Error": {"Code": code, "Message": message}, "ResponseMetadata": {"HTTPStatusCode": status}},  # type: ignore[typeddict-item]
        "PutObject",
    )


@pytest.mark.parametrize(
    ("wrong", "named"),
    [
        (error("NoSuchKey", 404), NotFound),
        (error("404", 404), NotFound),
        (error("NoSuchBucket", 404), Misconfigured),
        (error("SignatureDoesNotMatch", 403), Misconfigured),
        (error("Odd", 403), Misconfigured),
        (error("QuotaExceeded", 403), OutOfSpace),
        (error("InsufficientStorage", 507), OutOfSpace),
        (error("InternalError", 500, "no free volumes left"), OutOfSpace),
        (error("InternalError", 500), StoreUnwell),
        (error("SlowDown", 503), StoreUnwell),
        (EndpointConnectionError(endpoint_url="http://s3"), StoreUnwell),
        (NoCredentialsError(), Misconfigured),
    ],
)
def test_every_error_has_a_name_of_ours(wrong: Exception, named: type[DocklineError]) -> None:
    with pytest.raises(DocklineError) as told, s3_in_words("storing a"):
        raise wrong
    assert type(told.value) is named
    assert told.value.__cause__ is wrong


@pytest.mark.parametrize("wrong", [{"s3_bucket": ""}, {"s3_checksums": "sometimes"}])
def test_settings_that_cannot_be_meant_are_refused(tmp_path: Path, wrong: dict[str, str]) -> None:
    with pytest.raises(Misconfigured):
        S3Store.of(Settings(data=tmp_path, store="s3", **{"s3_bucket": "dockline", **wrong}))  # type: ignore[arg-type]
