"""Docks for tests: enrolled through the same calls as real ones."""

from datetime import timedelta

from custody.keys import FileSigner
from custody.ledger import prepare_log
from evidence.ground import Ground
from evidence.identifiers import new_id
from evidence.models import Agency, EnrolmentCode
from evidence.onetime import code_hash, new_code
from ingest import dock
from ingest.challenge import signed_challenge
from ingest.dock import KnownDock


def code_for(ground: Ground, name: str = "Dock 3", station: str = "Burslem") -> str:
    """A one-time code, as the administrator's page makes it."""
    prepare_log(ground)
    code, now = new_code(), ground.clock.now()
    with ground.database.write() as session:
        agency = session.query(Agency).first()
        if agency is None:
            agency = Agency(id=new_id("ag"), name=ground.settings.agency, kind="police", created_at=now)
            session.add(agency)
            session.flush()
        row = EnrolmentCode(
            id=code_hash(code), agency_id=agency.id, dock_name=name, station=station,
            created_at=now, expires_at=now + timedelta(days=1),
        )  # fmt: skip
        session.add(row)
    return code


def enrolled(ground: Ground, signer: FileSigner | None = None) -> tuple[FileSigner, KnownDock]:
    """A dock with its key."""
    signer = signer or FileSigner.generate()
    return signer, dock.enrol(ground, code_for(ground), signer.public_key.hex())


def token_for(ground: Ground, signer: FileSigner, dock_id: str) -> str:
    """A bearer token, for a signed challenge."""
    text = dock.challenge(ground, dock_id)
    return dock.issue_token(ground, dock_id, text, signed_challenge(signer, text)).token
