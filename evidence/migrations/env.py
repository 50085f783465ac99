"""Run by Alembic for every change of the tables. It only takes the connection that :mod:`evidence.migrate` hands it.

There is no ``alembic.ini``: the address of the database, which may hold a password, is never written to a file.
"""

from typing import Any, Literal

from alembic import context
from alembic.autogenerate.api import AutogenContext

from evidence.errors import Misconfigured
from evidence.models import Base, UtcTime


def _render(kind: str, thing: Any, autogen: AutogenContext) -> str | Literal[False]:
    if kind == "type" and isinstance(thing, UtcTime):
        autogen.imports.add("from evidence.models.base import UtcTime")
        return "UtcTime()"
    return False


def run() -> None:
    connection = context.config.attributes.get("connection")
    if connection is None:
        raise Misconfigured("migrations were started by themselves", advice="Run: dockline migrate")
    context.configure(
        connection=connection,
        target_metadata=Base.metadata,
        render_as_batch=True,  # SQLite changes a table by making a new one
        render_item=_render,
        transactional_ddl=True,  # on SQLite too: evidence.database begins transactions itself
    )
    with context.begin_transaction():
        context.run_migrations()


run()
