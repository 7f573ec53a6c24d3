"""The revision of the tables: whether they are ours, and how they are upgraded.

Tables of these names without our version table belong to another program, most likely the robot:
they are neither read nor written.
Belongs here: revisions. Does not: the columns (`tables`), or what a revision does (`migrations`).
"""

from sqlalchemy import Connection, inspect

from tws_maintenance.core.errors import StoreError
from tws_maintenance.market_events.store.revisions import HEAD, REVISIONS, VERSION_TABLE
from tws_maintenance.market_events.store.tables import METADATA

# Whoever knows SQLAlchemy reads them from here.
__all__ = ["HEAD", "REVISIONS", "VERSION_TABLE", "migrate", "revision_of"]


def revision_of(connection: Connection, place: str) -> str | None:
    """Return the database's revision, None if it has no tables of these names.

    Raises:
        StoreError: the tables are not ours, come from a newer version of this program, or are
            not all there.
    """
    inspector = inspect(connection)
    found = [name for name in METADATA.tables if inspector.has_table(name)]
    revisions = _revisions(connection) if inspector.has_table(VERSION_TABLE) else []
    if not revisions and not found:
        return None
    if not revisions:
        raise StoreError(
            f"{place} holds {' and '.join(found)}, which tws_maintenance did not create: there is "
            f"no {VERSION_TABLE}. Nothing was read or written. Set [events] database_url to "
            "another database."
        )
    if len(revisions) > 1 or revisions[0] not in REVISIONS:
        raise StoreError(
            f"{place} has the schema revision {' and '.join(revisions)}; this program knows "
            f"{', '.join(REVISIONS)}. Nothing was read or written. Upgrade tws_maintenance, or "
            "set [events] database_url to another database."
        )
    if missing := sorted(set(METADATA.tables) - set(found)):
        raise StoreError(
            f"{place} has the schema revision {revisions[0]}, but not the table "
            f"{' and '.join(missing)}. Nothing was read or written. Restore it from a backup, "
            f"or drop {VERSION_TABLE} and the remaining tables, and run again."
        )
    return revisions[0]


def migrate(connection: Connection, place: str) -> None:
    """Upgrade the schema to HEAD in the transaction of `connection`. Raises as `revision_of`."""
    if revision_of(connection, place) == HEAD:
        return
    # Alembic takes a fifth of a second to import, and few runs need it.
    from alembic import command
    from alembic.config import Config

    config = Config()
    config.set_main_option("script_location", "tws_maintenance.market_events.store:migrations")
    config.attributes["connection"] = connection
    command.upgrade(config, HEAD)


def _revisions(connection: Connection) -> list[str]:
    statement = f"SELECT version_num FROM {VERSION_TABLE} ORDER BY version_num"  # noqa: S608 - ours
    return [str(row[0]) for row in connection.exec_driver_sql(statement)]
