"""The errors of the database of Dagster's storage, and their reasons in its own words."""

import sys

import dagster as dg
import yaml
from dagster_shared.check import CheckError
from sqlalchemy.exc import SQLAlchemyError


def database_errors() -> tuple[type[Exception], ...]:
    """Return the errors of Dagster's storage; those of PostgreSQL only where it was loaded."""
    postgres = sys.modules.get("dagster_postgres.utils")
    return (SQLAlchemyError, *((postgres.DagsterPostgresException,) if postgres else ()))


def opening_errors() -> tuple[type[Exception], ...]:
    """Return the errors of opening the storage, including those of its configuration.

    Dagster raises CheckError for a package of the storage that cannot be imported. Alembic raises
    CommandError where another program keeps its revision in the same database.
    """
    alembic = sys.modules.get("alembic.util")
    kinds = (dg.DagsterError, CheckError, yaml.YAMLError, ImportError)
    return (*database_errors(), *kinds, *((alembic.CommandError,) if alembic else ()))


def reason_of(error: Exception) -> str:
    """Return one line, such as `database or disk is full`, without SQL, address or password."""
    return str(_cause_of(error)).strip().partition("\n")[0]


def reason_for_others(error: Exception) -> str:
    """Return the reason for a client, without a server's own words: they name its host and user."""
    if type(_cause_of(error)).__module__.startswith("sqlite3"):
        return reason_of(error)
    return "its server cannot be reached or refuses; the log of the console has the reason"


def _cause_of(error: Exception) -> BaseException:
    """Return the error of the database driver."""
    cause = error if isinstance(error, SQLAlchemyError) else error.__cause__ or error
    return getattr(cause, "orig", None) or cause
