"""Dagster's tables, and a check that a database does not belong to another program."""

from dagster._core.storage.event_log.schema import SqlEventLogStorageMetadata
from dagster._core.storage.runs.schema import RunStorageSqlMetadata
from dagster._core.storage.schedules.schema import ScheduleStorageSqlMetadata
from sqlalchemy import Connection, inspect

from tws_maintenance.core.errors import HomeError

TABLES = {
    "run": RunStorageSqlMetadata.tables.values(),
    "event": SqlEventLogStorageMetadata.tables.values(),
    "schedule": ScheduleStorageSqlMetadata.tables.values(),
}
# Each storage has the table secondary_indexes; in a server they share it.
ALL_TABLES = {one.name: one for tables in TABLES.values() for one in tables}.values()


def demand_own_history(connection: Connection, place: str) -> None:
    """Raise HomeError for a server's database whose Alembic revision is another program's.

    Dagster would make its tables there one after the other, fail each time, and continue with half
    of them.

    Raises:
        HomeError: `place` holds such a revision, and not all of Dagster's tables.
    """
    names = set(inspect(connection).get_table_names())
    if connection.dialect.name != "postgresql" or "alembic_version" not in names:
        return
    if {one.name for one in ALL_TABLES} <= names:
        return
    from alembic.script import ScriptDirectory
    from alembic.util import CommandError
    from dagster_postgres.run_storage import run_storage
    from dagster_postgres.utils import pg_alembic_config

    scripts = ScriptDirectory.from_config(pg_alembic_config(run_storage.__file__))
    found = connection.exec_driver_sql("SELECT version_num FROM alembic_version").scalars().all()
    try:
        for revision in found:
            scripts.get_revision(revision)
    except CommandError:
        raise HomeError(
            f"{place} holds an alembic_version ({', '.join(found)}) that is not Dagster's: another "
            "program keeps its tables there. Nothing was written. Give Dagster a database of its "
            f"own in [storage] database_url."
        ) from None
