"""Writing a row that somebody else may be writing at this very moment."""

from sqlalchemy.exc import IntegrityError
from sqlalchemy.orm import Session

from evidence.models import Base


def add_once(session: Session, row: Base) -> bool:
    """Insert a row; ``False`` when one with its key was quicker, and the caller's transaction goes on unharmed.

    SQLite lets one transaction write at a time, so there it never happens; PostgreSQL finds out at the insert.
    """
    try:
        with session.begin_nested():
            session.add(row)
    except IntegrityError:
        return False
    return True
