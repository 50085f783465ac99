"""One contract for every object store: in memory, in files, on moto's S3 and on a real S3 server."""

import io
import os
import random
import secrets
import threading

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from evidence.errors import AlreadyStored, BadInput, NotFound, NotReadableYet, Refused
from evidence.objectstore import Incoming, ObjectStore, read_all, stream
from tests.contract.conftest import Place

MIB = 1024 * 1024
MANY = random.Random(7).randbytes(19 * MIB + 12345)  # two whole parts of 8 MiB and a shorter one
few = settings(max_examples=20, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])


# Objects that are put in one go


def test_what_was_put_can_be_read(store: ObjectStore, place: Place) -> None:
    stat = store.put_once(place.key(), b"footage")
    assert (stat.key, stat.size) == (place.key(), 7)
    assert place.again().stat(place.key()) == stat
    assert read_all(store, place.key()) == b"footage"


def test_the_same_bytes_may_be_put_again(store: ObjectStore, place: Place) -> None:
    first = store.put_once(place.key(), b"footage")
    assert place.again().put_once(place.key(), b"footage") == first
    assert store.put_file_once(place.key(), io.BytesIO(b"footage")) == first


@pytest.mark.parametrize("other", [b"", b"foot", b"Footage", b"footage!"])
def test_other_bytes_are_refused_and_change_nothing(store: ObjectStore, place: Place, other: bytes) -> None:
    store.put_once(place.key(), b"footage")
    with pytest.raises(AlreadyStored):
        place.again().put_once(place.key(), other)
    with pytest.raises(AlreadyStored):
        store.put_file_once(place.key(), io.BytesIO(other))
    assert read_all(store, place.key()) == b"footage"


def test_an_empty_object_is_an_object(store: ObjectStore, place: Place) -> None:
    assert store.put_once(place.key("put"), b"").size == 0
    assert store.put_file_once(place.key("file"), io.BytesIO()).size == 0
    assert store.incoming(place.key("incoming")).finish().size == 0
    for name in ("put", "file", "incoming"):
        assert read_all(store, place.key(name)) == b""
        assert store.read(place.key(name), 0, 10) == b""


def test_a_file_is_stored_from_where_it_stands(store: ObjectStore, place: Place) -> None:
    source = io.BytesIO(b"skipped, kept")
    source.seek(9)
    assert store.put_file_once(place.key(), source).size == 4
    assert read_all(store, place.key()) == b"kept"


def test_a_file_of_many_parts_is_stored_whole(store: ObjectStore, place: Place) -> None:
    assert store.put_file_once(place.key(), io.BytesIO(MANY)).size == len(MANY)
    assert b"".join(stream(store, place.key())) == MANY
    assert place.again().put_file_once(place.key(), io.BytesIO(MANY)).size == len(MANY)
    with pytest.raises(AlreadyStored):
        store.put_file_once(place.key(), io.BytesIO(MANY[:-1]))


def test_a_source_that_breaks_off_leaves_no_object(store: ObjectStore, place: Place) -> None:
    class Broken(io.BytesIO):
        def read(self, size: int | None = -1, /) -> bytes:
            if size is None or size < 0 or self.tell() + size > 11 * MIB:
                raise OSError("the card was pulled out")
            return super().read(size)

    with pytest.raises(OSError, match="pulled out"):
        store.put_file_once(place.key(), Broken(MANY))
    assert store.stat(place.key()) is None


def test_of_different_bytes_put_at_once_exactly_one_wins(place: Place) -> None:
    offers = [f"offer {number}".encode() * 1000 for number in range(6)]
    start, outcome = threading.Barrier(len(offers)), {}

    def put(store: ObjectStore, offer: bytes) -> None:
        start.wait()
        try:
            store.put_once(place.key(), offer)
            outcome[offer] = True
        except AlreadyStored:
            outcome[offer] = False

    place.again().put_once(place.key("first"), b"so that an S3 store knows its server")
    threads = [threading.Thread(target=put, args=(place.again(), offer)) for offer in offers]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    winners = [offer for offer in offers if outcome[offer]]
    assert len(outcome) == len(offers)
    assert [read_all(place.again(), place.key())] == winners


# Reading


@few
@given(offset=st.integers(0, 100), length=st.integers(0, 100))
def test_a_range_is_what_a_slice_would_be(store: ObjectStore, place: Place, offset: int, length: int) -> None:
    data = bytes(range(64))
    store.put_once(place.key(), data)
    assert store.read(place.key(), offset, length) == data[offset : offset + length]
    assert b"".join(stream(store, place.key(), offset, length)) == data[offset : offset + length]


def test_what_is_not_there_is_said_so(store: ObjectStore, place: Place) -> None:
    assert store.stat(place.key()) is None
    for read in (lambda: store.read(place.key(), 0, 1), lambda: store.read(place.key(), 0, 0)):
        with pytest.raises(NotFound):
            read()
    with pytest.raises(NotFound):
        read_all(store, place.key())
    with pytest.raises(NotFound):
        next(stream(store, place.key()))


def test_a_folder_is_not_an_object(store: ObjectStore, place: Place) -> None:
    store.put_once(place.key("folder/inside"), b"x")
    assert store.stat(place.key("folder")) is None
    with pytest.raises(NotFound):
        store.read(place.key("folder"), 0, 1)
    assert store.stat(place.key("folder/inside/deeper")) is None


@few
@given(st.sets(st.from_regex(r"\A[ab0._-]{0,2}[ab](/[ab][ab0.-]{0,2}){0,2}\Z"), max_size=5))
def test_keys_are_told_sorted_and_by_prefix(place: Place, names: set[str]) -> None:
    store = place.again()
    folder = f"k{secrets.token_hex(6)}"
    kept = []
    for name in sorted(name for name in names if name[0] in "ab0_"):
        if not any(name.startswith(f"{other}/") or other.startswith(f"{name}/") for other in kept):
            store.put_once(place.key(f"{folder}/{name}"), b"")
            kept.append(name)
    for prefix in ("", "a", "a/", "b", "a/b", "none"):
        found = [key.removeprefix(place.key(f"{folder}/")) for key in store.keys(place.key(f"{folder}/{prefix}"))]
        assert found == sorted(name for name in kept if name.startswith(prefix))


@pytest.mark.parametrize(
    "key", ["", "/a", "a/", "a//b", "../a", "a/../b", ".a", "a b", "ä", "a\0b", "a" * 201, "a/" * 300]
)
def test_a_key_that_could_lead_elsewhere_is_refused(store: ObjectStore, key: str) -> None:
    for use in (lambda: store.put_once(key, b""), lambda: store.incoming(key), lambda: store.stat(key)):
        with pytest.raises(BadInput):
            use()


# The one thing that may go


def a_tile(place: Place) -> str:
    """A tile that no other test uses, because all places on one S3 server share the ledger's folder."""
    return f"log/tile/0/x{random.randrange(1000):03d}/x{random.randrange(1000):03d}/{random.randrange(1000):03d}"


def test_a_full_tile_lets_its_partial_forms_go_and_nothing_else(place: Place) -> None:
    store, tile = place.again(), a_tile(place)
    for key in (tile, f"{tile}.p/1", f"{tile}.p/255", f"{tile}.p/other", f"{tile}.px/1"):
        store.put_once(key, key.encode())
    assert place.again().discard_partials(tile) == 2
    assert list(store.keys(tile)) == [tile, f"{tile}.p/other", f"{tile}.px/1"]
    assert store.stat(f"{tile}.p/255") is None
    assert read_all(store, tile) == tile.encode()
    assert store.discard_partials(tile) == 0
    store.put_once(f"{tile}.p/1", b"written again by one who was late")
    assert store.discard_partials(tile) == 1


def test_partial_tiles_stay_while_they_are_all_there_is(place: Place) -> None:
    store, tile = place.again(), a_tile(place)
    store.put_once(f"{tile}.p/7", b"hashes")
    with pytest.raises(NotFound):
        store.discard_partials(tile)
    assert read_all(store, f"{tile}.p/7") == b"hashes"


@pytest.mark.parametrize(
    "key",
    [
        "received/rec_1", "renditions/rec_1/proxy/proxy.mp4", "log/checkpoint", "log/tile", "log/tile/0", "log/tile/0/",
        "log/tile/0/000.p/7", "log/tile/0/000/../../../received", "other/log/tile/0/000", "log/tile/0/000\n", "",
    ],
)  # fmt: skip
def test_no_other_key_can_be_made_to_go(store: ObjectStore, key: str) -> None:
    with pytest.raises(Refused):
        store.discard_partials(key)


# Uploads


@few
@given(st.lists(st.binary(max_size=50), max_size=8))
def test_an_upload_is_the_sum_of_what_was_appended(place: Place, chunks: list[bytes]) -> None:
    key, whole = place.key(f"u{secrets.token_hex(6)}"), b"".join(chunks)
    upload = place.again().incoming(key, size=len(whole))
    for number, chunk in enumerate(chunks):
        upload.append(memoryview(chunk) if number % 2 else chunk)
    assert upload.length == len(whole)
    assert upload.finish().size == len(whole)
    assert read_all(place.again(), key) == whole


def test_an_upload_of_many_parts_arrives_whole(store: ObjectStore, place: Place) -> None:
    upload = store.incoming(place.key(), size=len(MANY))
    _append(upload, MANY)
    assert upload.length == len(MANY)
    assert store.stat(place.key()) is None  # not before it is finished
    assert upload.finish().size == len(MANY)
    assert b"".join(stream(place.again(), place.key())) == MANY


def test_finishing_twice_is_finishing_once(store: ObjectStore, place: Place) -> None:
    upload = store.incoming(place.key(), size=7)
    upload.append(b"footage")
    first = upload.finish()
    assert upload.finish() == first
    assert place.again().incoming(place.key(), size=7).finish() == first
    assert read_all(store, place.key()) == b"footage"


def test_an_upload_goes_on_in_another_process_from_what_was_durable(store: ObjectStore, place: Place) -> None:
    upload = store.incoming(place.key(), size=len(MANY))
    _append(upload, MANY[: 11 * MIB])
    durable = upload.sync()
    upload.close()
    upload = place.again().incoming(place.key(), size=len(MANY))
    assert 8 * MIB <= durable <= upload.length <= 11 * MIB
    _append(upload, MANY[upload.length :])
    assert upload.finish().size == len(MANY)
    assert b"".join(stream(store, place.key())) == MANY


def test_all_bytes_once_synced_can_be_finished_in_another_process(store: ObjectStore, place: Place) -> None:
    for name, data in (("small", b"footage"), ("large", MANY)):
        upload = store.incoming(place.key(name), size=len(data))
        _append(upload, data)
        assert upload.sync() == len(data)
        upload.close()
        assert place.again().incoming(place.key(name), size=len(data)).length == len(data)
        assert place.again().incoming(place.key(name), size=len(data)).finish().size == len(data)
        assert b"".join(stream(store, place.key(name))) == data


def test_an_upload_that_is_not_whole_is_not_finished(store: ObjectStore, place: Place) -> None:
    upload = store.incoming(place.key(), size=8)
    upload.append(b"footage")
    with pytest.raises(BadInput, match="7 of 8"):
        upload.finish()
    assert store.stat(place.key()) is None
    upload.append(b"!")
    assert upload.finish().size == 8


def test_an_upload_goes_back_and_on(store: ObjectStore, place: Place) -> None:
    changed = bytearray(MANY)
    upload = store.incoming(place.key(), size=len(MANY))
    _append(upload, MANY[: 18 * MIB])
    for back in (17 * MIB + 5, 11 * MIB, 3):
        upload.truncate(back)
        assert back - 8 * MIB < upload.length <= back
        changed[upload.length :] = os.urandom(len(MANY) - upload.length)
        _append(upload, bytes(changed[upload.length : 18 * MIB]))
    _append(upload, bytes(changed[18 * MIB :]))
    assert upload.finish().size == len(MANY)
    assert b"".join(stream(store, place.key())) == changed


def test_what_was_taken_back_does_not_come_back_in_another_process(store: ObjectStore, place: Place) -> None:
    upload = store.incoming(place.key(), size=len(MANY))
    _append(upload, MANY[: 18 * MIB])
    upload.sync()
    upload.truncate(9 * MIB)
    upload.sync()
    upload.close()
    upload = place.again().incoming(place.key(), size=len(MANY))
    assert upload.length <= 9 * MIB
    _append(upload, MANY[upload.length :])
    assert upload.finish().size == len(MANY)
    assert b"".join(stream(store, place.key())) == MANY


def test_nobody_goes_back_to_where_they_have_not_been(store: ObjectStore, place: Place) -> None:
    upload = store.incoming(place.key())
    upload.append(b"footage")
    for length in (8, -1):
        with pytest.raises(BadInput):
            upload.truncate(length)
    assert upload.length == 7


def test_staged_bytes_can_be_read_back_or_it_is_said_that_they_cannot(store: ObjectStore, place: Place) -> None:
    upload = store.incoming(place.key(), size=len(MANY))
    assert upload.read(0, 10) == b""
    _append(upload, MANY[: 11 * MIB])
    upload.sync()
    for offset, length in ((0, 10), (9 * MIB, 100), (11 * MIB - 1, 5), (11 * MIB, 1)):
        try:
            assert upload.read(offset, length) == MANY[offset : min(11 * MIB, offset + length)]
        except NotReadableYet:
            assert place.name in {"moto", "seaweedfs"}
            assert offset < 8 * MIB


def test_looking_at_a_finished_upload_again_does_no_harm(store: ObjectStore, place: Place) -> None:
    store.put_once(place.key(), b"footage")
    upload = place.again().incoming(place.key(), size=7)
    assert (upload.length, upload.read(0, 5), upload.sync()) == (0, b"", 0)
    assert upload.finish().size == 7
    assert read_all(store, place.key()) == b"footage"


def test_an_upload_under_a_taken_key_is_refused_and_kept(store: ObjectStore, place: Place) -> None:
    store.put_once(place.key(), b"footage")
    for data in (b"forgery", MANY):
        upload = place.again().incoming(place.key(), size=len(data))
        _append(upload, data)
        with pytest.raises(AlreadyStored):
            upload.finish()
        upload.sync()
        upload.close()
        upload = place.again().incoming(place.key(), size=len(data))
        assert upload.length == len(data)
        upload.abandon()
    assert read_all(store, place.key()) == b"footage"


def test_the_same_bytes_uploaded_again_are_fine(store: ObjectStore, place: Place) -> None:
    for _ in range(2):
        upload = place.again().incoming(place.key(), size=len(MANY))
        _append(upload, MANY)
        assert upload.finish().size == len(MANY)
    assert b"".join(stream(store, place.key())) == MANY


def test_an_abandoned_upload_leaves_nothing(store: ObjectStore, place: Place) -> None:
    upload = store.incoming(place.key(), size=len(MANY))
    _append(upload, MANY[: 11 * MIB])
    upload.abandon()
    assert store.stat(place.key()) is None
    assert place.again().incoming(place.key(), size=len(MANY)).length == 0


def test_free_space_is_a_number_or_unknown(store: ObjectStore) -> None:
    free = store.free()
    assert free is None or free > 0


def _append(upload: Incoming, data: bytes) -> None:
    view = memoryview(data)
    for at in range(0, len(view), 3 * MIB + 7):
        upload.append(view[at : at + 3 * MIB + 7])
