"""Over https a dock speaks only to a server that its machine trusts, and sends and resumes as it does otherwise."""

import ipaddress
import os
import ssl
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest
from cryptography import x509
from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.hazmat.primitives.serialization import Encoding, NoEncryption, PrivateFormat
from cryptography.x509.oid import NameOID

from evidence.errors import BadInput
from ingest.line import Line, Unreachable
from ingest.sender import BLOCK
from tests.ingest.fake_server import FakeServer
from tests.ingest.test_agent import STEADY, clip, run


@pytest.fixture(scope="module")
def certificate(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A certificate for 127.0.0.1, and its key in the same file."""
    key, name = ec.generate_private_key(ec.SECP256R1()), x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, "test")])
    now = datetime.now(UTC)
    made = (
        x509.CertificateBuilder().subject_name(name).issuer_name(name).public_key(key.public_key())
        .serial_number(x509.random_serial_number()).not_valid_before(now - timedelta(days=1))
        .not_valid_after(now + timedelta(days=1))
        .add_extension(x509.SubjectAlternativeName([x509.IPAddress(ipaddress.ip_address("127.0.0.1"))]), critical=False)
        .add_extension(x509.BasicConstraints(ca=True, path_length=None), critical=True)
        .sign(key, hashes.SHA256())
    )  # fmt: skip
    path = tmp_path_factory.mktemp("tls") / "server.pem"
    private = key.private_bytes(Encoding.PEM, PrivateFormat.PKCS8, NoEncryption())
    path.write_bytes(private + made.public_bytes(Encoding.PEM))
    return path


@pytest.fixture
def fake(certificate: Path) -> Iterator[FakeServer]:
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(certificate)
    server = FakeServer(context)
    yield server
    server.close()


def test_a_camera_is_brought_in_over_tls_also_after_cuts(fake, certificate, monkeypatch, tmp_path: Path) -> None:
    monkeypatch.setenv("SSL_CERT_FILE", str(certificate))
    (tmp_path / "card").mkdir()
    data = clip(tmp_path / "card", "a.mp4", 2 * BLOCK + 9)
    fake.cuts = [(BLOCK, 0), (100, 50), (0, 0)]
    result = run(fake, tmp_path / "card", tmp_path / "state", patience=STEADY)["a.mp4"]
    assert result.safe_to_wipe
    assert fake.stored_data() == {"a.mp4": [data]}


def test_a_server_that_nobody_vouches_for_is_not_spoken_to(fake) -> None:
    line = Line(fake.url)
    with pytest.raises(Unreachable, match="certificate"):
        line.enrol("code", os.urandom(32).hex(), "dock")
    assert fake.calls == []
    line.close()


@pytest.mark.parametrize("address", ["", "evidence.example", "ftp://evidence.example", "http://", "file:///etc/passwd"])
def test_what_is_no_server_s_address_is_refused(address: str) -> None:
    with pytest.raises(BadInput, match="address"):
        Line(address)
