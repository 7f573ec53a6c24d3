"""A trial of whether a database accepts changes; the caller undoes it.

Belongs here: trying tables that may or may not exist. Does not: beginning and ending a transaction
(`database`), or explaining a failure (`faults`).
"""

from collections.abc import Collection, Iterable, Iterator

from sqlalchemy import Connection, Executable, Table, false, inspect, select, text
from sqlalchemy.exc import DBAPIError

from tws_maintenance.core.errors import StoreError
from tws_maintenance.market_events.store.faults import role_in

NO_PRIVILEGE = "42501"
PROBE = "tws_maintenance_probe"


def try_tables(connection: Connection, tables: Collection[Table], place: str) -> None:
    """Try to write to each table, and to create one if any is missing.

    Changes no row and uses no number of a sequence. The caller rolls back.

    Raises:
        StoreError: a table belongs to another program, or this user may not write to it or create
            one; the message holds the GRANT to run.
        DBAPIError: the database refuses anything else; `faults.explained` has the message.
    """
    inspector = inspect(connection)
    names = set(inspector.get_table_names())
    present = [table for table in tables if table.name in names]
    for table in present:
        _demand_columns(table, {one["name"] for one in inspector.get_columns(table.name)}, place)
    denied = [one.name for one in present if _is_denied(connection, _changes_of(one))]
    if denied:
        raise _not_allowed(
            place, "write to", f"SELECT, INSERT, UPDATE, DELETE ON TABLE {', '.join(denied)}"
        )
    if locked := sorted(_sequences_denied(connection, present)):
        raise _not_allowed(place, "number the rows of", f"USAGE ON SEQUENCE {', '.join(locked)}")
    if len(present) < len(tables):
        _try_creating(connection, place)


def _demand_columns(table: Table, found: set[str], place: str) -> None:
    missing = [column.name for column in table.columns if column.name not in found]
    if missing:
        raise StoreError(
            f"{place} holds a table {table.name} without the column {', '.join(missing)}: it is "
            "another program's, or of an older version. Nothing was written. Name a database that "
            "no other program uses."
        )


def _changes_of(table: Table) -> Iterator[Executable]:
    """Yield statements that change no row but need every right of a change."""
    columns = list(table.columns)
    yield select(*columns).where(false())
    yield table.update().where(false()).values({one: one for one in columns})
    yield table.delete().where(false())
    nothing = select(*columns).where(false())
    yield table.insert().from_select([one.name for one in columns], nothing)


def _is_denied(connection: Connection, changes: Iterable[Executable]) -> bool:
    try:
        with connection.begin_nested():
            for change in changes:
                connection.execute(change)
    except DBAPIError as error:
        if getattr(error.orig, "pgcode", None) != NO_PRIVILEGE:
            raise
        return True
    return False


def _sequences_denied(connection: Connection, tables: Iterable[Table]) -> Iterator[str]:
    """Yield the sequences of PostgreSQL that number rows and that this user may not use."""
    if connection.dialect.name != "postgresql":
        return
    for table in tables:
        column = table.autoincrement_column
        if column is not None:
            asked = text("SELECT pg_get_serial_sequence(:table, :column)")
            values = {"table": table.name, "column": column.name}
            name = connection.execute(asked, values).scalar_one()
            may = text("SELECT has_sequence_privilege(:name, 'USAGE')")
            if name and not connection.execute(may, {"name": name}).scalar_one():
                yield name


def _try_creating(connection: Connection, place: str) -> None:
    try:
        with connection.begin_nested():
            connection.exec_driver_sql(f"CREATE TABLE {PROBE} (id INTEGER PRIMARY KEY)")
            connection.exec_driver_sql(f"DROP TABLE {PROBE}")
    except DBAPIError as error:
        if getattr(error.orig, "pgcode", None) != NO_PRIVILEGE:
            raise
        schema = connection.exec_driver_sql("SELECT current_schema()").scalar_one()
        rights = f"USAGE, CREATE ON SCHEMA {schema}"
        raise _not_allowed(place, f"create tables in the schema {schema} of", rights) from None


def _not_allowed(place: str, what: str, rights: str) -> StoreError:
    role = role_in(place)
    return StoreError(
        f"The role {role} may not {what} {place}. Nothing was written. Ask the owner of the "
        f"database to run: GRANT {rights} TO {role};"
    )
