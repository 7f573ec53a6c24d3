"""Messages for faults of a database, for the operator: no SQL, and never a password.

Belongs here: which fault becomes which message. Does not: using the database (`database`).
"""

import errno
import re
from urllib.parse import quote, quote_plus

from sqlalchemy import make_url

from tws_maintenance.core.errors import StoreError

EVENTS_SETTING = "[events] database_url"

INSTALL = "pip install 'tws_maintenance[postgres]'"
_LOCKED = "{place} is locked by another process. Nothing was written; run again."
_READ_ONLY = (
    "{place} is read-only for this user. Nothing was written. Make it and its folder writable, "
    "then run again."
)
_FULL = "The disk of {place} is full. Nothing was written. Free some space, then run again."
_REFUSED = "{place} refused a row: {detail}. Nothing was written."
_DAMAGED = (
    "{place} is damaged: {detail}. Nothing was written. Restore it from a backup, or move it away: "
    "the next refresh creates it again."
)
_NO_DATABASE = (
    "{place} is not an SQLite database and was not changed. Move it away, or set {setting} "
    "to another database."
)
_NOT_OPENED = (
    "{place} cannot be opened: {detail}. Nothing was written. Expected an SQLite database that "
    "this user may read and write, in a folder that this user may write to."
)
_NOT_ALLOWED = (
    "{place} refused access: {detail}. Nothing was written. Ask the owner of the database to run: "
    "{grant} Then run again."
)
_NO_ENTRY = (
    "{place} refused the user or the password of {setting}: {detail}. Nothing was read "
    "or written. Correct the setting."
)
_UNREACHABLE = (
    "{place} cannot be reached: {detail}. Nothing was read or written. Start the server or correct "
    "{setting}, then run again."
)
_BROKEN_OFF = (
    "{place} closed the connection: {detail}. The last change may or may not be stored; run again."
)
_FAILED = "{place} could not be used: {detail}. Nothing was written; run again."
_NO_DRIVER = (
    "{place} needs the PostgreSQL driver, which is not installed ({detail}). Install it with "
    f"{INSTALL}."
)

# Matches English only: a server in another language gets a message without the name.
_DENIED = re.compile(r"permission denied for (?P<kind>schema|table|sequence) (?P<name>\S+)")
_RIGHTS = {
    "schema": "USAGE, CREATE",
    "table": "SELECT, INSERT, UPDATE, DELETE",
    "sequence": "USAGE, SELECT",
}
_PLAIN_NAME = re.compile(r"[a-z_][a-z0-9_]*")

# The primary name of an SQLite result code, https://www.sqlite.org/rescode.html.
_SQLITE = {
    "SQLITE_BUSY": _LOCKED,
    "SQLITE_LOCKED": _LOCKED,
    "SQLITE_READONLY": _READ_ONLY,
    "SQLITE_FULL": _FULL,
    "SQLITE_CONSTRAINT": _REFUSED,
    "SQLITE_CORRUPT": _DAMAGED,
    "SQLITE_NOTADB": _NO_DATABASE,
    "SQLITE_CANTOPEN": _NOT_OPENED,
    "SQLITE_PERM": _NOT_OPENED,
    "SQLITE_AUTH": _NOT_OPENED,
}
# By SQLSTATE, or its class, https://www.postgresql.org/docs/current/errcodes-appendix.html.
_POSTGRES = {
    "55P03": _LOCKED,
    "40001": _LOCKED,
    "40P01": _LOCKED,
    "25006": _READ_ONLY,
    "53100": _FULL,
    "42501": _NOT_ALLOWED,
    "23": _REFUSED,
    "08": _BROKEN_OFF,
    "57": _BROKEN_OFF,
}
_OS = {
    errno.ENOSPC: _FULL,
    errno.EDQUOT: _FULL,
    errno.EROFS: _READ_ONLY,
    errno.EACCES: _NOT_OPENED,
    errno.EPERM: _NOT_OPENED,
    errno.EISDIR: _NOT_OPENED,
}


def explained(
    error: Exception, place: str, password: str | None = None, setting: str = EVENTS_SETTING
) -> StoreError:
    """Return the StoreError for `error` at the database `place`, without `password`.

    `setting` is the setting that names the database.
    """
    if isinstance(error, OSError):
        form = _OS.get(error.errno or 0, _FAILED)
        return StoreError(form.format(place=place, detail=error.strerror or error, setting=setting))
    if isinstance(error, ImportError):
        return StoreError(_NO_DRIVER.format(place=place, detail=error))
    cause = getattr(error, "orig", None) or error
    detail = _without(password, _first_line(cause))
    form = _form_of(error, cause, detail)
    grant = grant_for(detail, place) if form is _NOT_ALLOWED else ""
    return StoreError(form.format(place=place, detail=detail, setting=setting, grant=grant))


def damaged(place: str, where: str, error: Exception) -> StoreError:
    """Return the error for a row that cannot be read; `where` names the row or its table."""
    detail = f"{where} cannot be read ({error})"
    return StoreError(_DAMAGED.format(place=place, detail=detail))


def read_only(place: str) -> StoreError:
    """Return the error for a database that takes no changes."""
    return StoreError(_READ_ONLY.format(place=place))


def not_allowed(place: str, detail: str) -> StoreError:
    """Return the error for a user who lacks a right."""
    grant = grant_for(detail, place)
    return StoreError(_NOT_ALLOWED.format(place=place, detail=detail, grant=grant))


def grant_for(detail: str, place: str) -> str:
    """Return the GRANT for the right whose lack PostgreSQL reported in `detail`.

    PostgreSQL 15 removed CREATE on the schema public from ordinary roles
    (https://www.postgresql.org/docs/release/15.0/).
    """
    found = _DENIED.search(detail)
    rights = _RIGHTS[found["kind"]] if found else "<the missing right>"
    on = f" ON {found['kind'].upper()} {found['name']}" if found else ""
    return f"GRANT {rights}{on} TO {role_in(place)};"


def role_in(place: str) -> str:
    """Return the user in an address, quoted for SQL if needed."""
    name = make_url(place).username or "the user"
    return name if _PLAIN_NAME.fullmatch(name) else '"{}"'.format(name.replace('"', '""'))


def _form_of(error: Exception, cause: object, detail: str) -> str:
    if name := getattr(cause, "sqlite_errorname", None):
        return _SQLITE.get("_".join(name.split("_")[:2]), _FAILED)
    if state := getattr(cause, "pgcode", None):
        return _POSTGRES.get(state) or _POSTGRES.get(state[:2], _FAILED)
    if getattr(error, "connection_invalidated", False):
        return _BROKEN_OFF
    if type(cause).__module__.startswith("psycopg2"):  # without a code: there was no connection
        return _NO_ENTRY if re.search(r"password|authentication", detail) else _UNREACHABLE
    return _FAILED


def _first_line(cause: object) -> str:
    lines = str(cause).strip().splitlines() or [type(cause).__name__]
    return lines[0].strip().rstrip(".")


def _without(password: str | None, text: str) -> str:
    for form in {password, quote(password), quote_plus(password)} if password else ():
        text = text.replace(form, "***")
    return text
