"""What goes wrong with the database of Dagster's storage, in the database's own words."""

import sys

import dagster as dg
from sqlalchemy.exc import SQLAlchemyError


def database_errors() -> tuple[type[Exception], ...]:
    """Return what Dagster's storage raises; of PostgreSQL's own only where it was loaded."""
    postgres = sys.modules.get("dagster_postgres.utils")
    return (SQLAlchemyError, *((postgres.DagsterPostgresException,) if postgres else ()))


def opening_errors() -> tuple[type[Exception], ...]:
    """Return what opening the storage raises besides: its configuration may be at fault."""
    return (*database_errors(), dg.DagsterError)


def reason_of(error: Exception) -> str:
    """Return one line, such as `database or disk is full`, without SQL, address or password."""
    cause = error if isinstance(error, SQLAlchemyError) else error.__cause__ or error
    text = str(getattr(cause, "orig", None) or cause)
    return text.strip().partition("\n")[0]
