"""Who a dock is: a name, a station, and an Ed25519 key that was enrolled with a one-time code.

Enrolling is redeeming a code that an administrator was shown. Afterwards the dock signs a fresh challenge, which is
good once and for two minutes, and gets a bearer token for half an hour. Codes, challenges and tokens are kept as
SHA-256 only. Every request looks the token and its dock up again, so a dock that is revoked is refused from its next
request on, whatever tokens it holds and however far an upload has come.
"""

import secrets
from dataclasses import dataclass
from datetime import datetime, timedelta

from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PublicKey
from sqlalchemy import delete, select
from sqlalchemy.orm import Session

from custody import ledger
from custody.entry import Act, ActKind, Party
from evidence.clock import utc_text
from evidence.ground import Ground
from evidence.identifiers import new_id
from evidence.models import Agency, Dock, DockToken, EnrolmentCode
from evidence.onetime import NotACode, code_hash
from evidence.sealing import hash_secret
from ingest import refusals
from ingest.challenge import has_signed
from ingest.refusals import DockRefused

CHALLENGE_LASTS = timedelta(minutes=2)
TOKEN_LASTS = timedelta(minutes=30)
SEEN_EVERY = timedelta(seconds=30)  # how exactly "last seen" is kept: not one write for each request


@dataclass(frozen=True, slots=True)
class KnownDock:
    """An enrolled dock that is not revoked. ``public_key`` is 32 bytes in hexadecimal."""

    id: str
    name: str
    station: str
    agency_id: str
    agency: str
    public_key: str

    @property
    def party(self) -> Party:
        """The dock as the one who acted."""
        return Party(role="dock", agency=self.agency, machine=self.id)


@dataclass(frozen=True, slots=True)
class Token:
    """A bearer token as its dock gets it, once."""

    token: str
    expires: datetime


def enrol(ground: Ground, code: str, public_key: str, name: str = "") -> KnownDock:
    """Redeem a one-time code for a key (32 bytes, hexadecimal); in the ledger as ``dock_enrolled``.

    A dock that lost the answer may ask again with the same code and key while the code lasts, and gets the same dock.
    Raises :class:`~ingest.refusals.DockRefused` for a code that is unknown, expired or used for another key.
    """
    key = _checked_key(public_key)
    with ground.database.write() as session:
        now = ground.clock.now()
        row = session.get(EnrolmentCode, _hash_of(code), with_for_update=True)
        if row is None or row.expires_at <= now:
            raise DockRefused(refusals.CODE_REFUSED)
        dock = session.scalar(select(Dock).where(Dock.public_key == key))
        if row.used_at is not None:
            if dock is None or row.dock_id != dock.id or dock.revoked_at is not None:
                raise DockRefused(refusals.CODE_REFUSED)
            return _known(session, dock)
        if dock is not None:
            raise DockRefused(refusals.CODE_REFUSED, "this key is enrolled already; the code was not used")
        return _enrol(ground, session, row, key, name)


def challenge(ground: Ground, dock_id: str) -> str:
    """A fresh challenge for a dock. An unknown dock gets one too, so that asking does not tell which docks exist."""
    text = secrets.token_urlsafe(32)
    with ground.database.write() as session:
        now = ground.clock.now()
        session.execute(delete(DockToken).where(DockToken.expires_at < now))
        if session.get(Dock, dock_id) is not None:
            session.add(_secret(text, dock_id, "challenge", now, CHALLENGE_LASTS))
    return text


def issue_token(ground: Ground, dock_id: str, text: str, signature: str) -> Token:
    """A token for a signed challenge, which is used up by the try. Raises :class:`~ingest.refusals.DockRefused`."""
    with ground.database.write() as session:
        now = ground.clock.now()
        row = session.get(DockToken, hash_secret(text), with_for_update=True)
        good = row is not None and row.kind == "challenge" and row.used_at is None and row.expires_at > now
        if row is not None and good:
            row.used_at = now  # committed whether or not the signature is right: a challenge is good once
    if row is None or not good or row.dock_id != dock_id or not has_signed(row.dock.public_key, text, signature):
        raise DockRefused(refusals.CHALLENGE_REFUSED)
    _require_standing(row.dock)
    token = secrets.token_urlsafe(32)
    with ground.database.write() as session:
        session.add(_secret(token, dock_id, "token", now, TOKEN_LASTS))
    return Token(token, now + TOKEN_LASTS)


def dock_of_token(ground: Ground, token: str) -> KnownDock:
    """The dock that holds a token; raises :class:`~ingest.refusals.DockRefused` (401, or 403 once it is revoked)."""
    if not token:
        raise DockRefused(refusals.NOT_SIGNED_IN)
    now = ground.clock.now()
    with ground.database.read() as session:
        row = session.get(DockToken, hash_secret(token))
        if row is None or row.kind != "token" or row.expires_at <= now:
            raise DockRefused(refusals.TOKEN_EXPIRED)
        _require_standing(row.dock)
        seen, known = row.dock.seen_at, _known(session, row.dock)
    if seen is None or now - seen > SEEN_EVERY:
        with ground.database.write() as session:
            session.get_one(Dock, known.id).seen_at = now
    return known


def bearer(authorization: str) -> str:
    """The token in an Authorization header (RFC 6750); raises :class:`~ingest.refusals.DockRefused` without one."""
    scheme, _, token = authorization.strip().partition(" ")
    if scheme.lower() != "bearer" or not token.strip():
        raise DockRefused(refusals.NOT_SIGNED_IN)
    return token.strip()


def _enrol(ground: Ground, session: Session, row: EnrolmentCode, key: str, name: str) -> KnownDock:
    now = ground.clock.now()
    dock = Dock(
        id=new_id("dok"), agency_id=row.agency_id, name=row.dock_name or name or "Dock", station=row.station,
        public_key=key, enrolled_at=now, seen_at=now,
    )  # fmt: skip
    session.add(dock)
    session.flush()
    row.used_at, row.dock_id = now, dock.id
    known = _known(session, dock)
    using = {"public_key": key, "name": known.name, "station": known.station, "code_by": row.created_by or ""}
    act = Act(
        what=ActKind.DOCK_ENROLLED,
        at=utc_text(now),
        who=known.party,
        on={"dock": dock.id},
        using={word: value for word, value in using.items() if value},
    )
    ledger.record(session, act, ground.clock)
    return known


def _known(session: Session, dock: Dock) -> KnownDock:
    agency = session.get_one(Agency, dock.agency_id)
    return KnownDock(dock.id, dock.name, dock.station, dock.agency_id, agency.name, dock.public_key)


def _secret(text: str, dock_id: str, kind: str, now: datetime, lasts: timedelta) -> DockToken:
    return DockToken(id=hash_secret(text), dock_id=dock_id, kind=kind, created_at=now, expires_at=now + lasts)


def _require_standing(dock: Dock) -> None:
    if dock.revoked_at is not None:
        raise DockRefused(refusals.DOCK_REVOKED)


def _hash_of(code: str) -> str:
    try:
        return code_hash(code)
    except NotACode as wrong:
        raise DockRefused(refusals.CODE_REFUSED, str(wrong)) from wrong


def _checked_key(public_key: str) -> str:
    try:
        return Ed25519PublicKey.from_public_bytes(bytes.fromhex(public_key)).public_bytes_raw().hex()
    except ValueError as wrong:
        raise DockRefused(refusals.MALFORMED, "not an Ed25519 public key of 32 bytes in hexadecimal") from wrong
