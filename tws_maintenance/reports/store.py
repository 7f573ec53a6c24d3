"""Reports on disk: reserving an id, writing both forms, listing and reading them.

What belongs here: whole reports, one file each. What does not: remembering many of them
(`catalog`), and their names (`file_names`).
"""

import contextlib
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from datetime import UTC, datetime
from functools import cache, partial
from pathlib import Path
from typing import TYPE_CHECKING, Any

from tws_maintenance.config.home import Home
from tws_maintenance.core.atomic import to_json, write_exclusively, write_whole
from tws_maintenance.core.clock import utc_text
from tws_maintenance.core.errors import UsageError
from tws_maintenance.reports.file_names import (
    BACKUP_SOURCE,
    PREFIX,
    is_ours,
    report_ids,
    report_path,
)
from tws_maintenance.reports.schema import (
    ListResult,
    Report,
    Result,
    TaskStatus,
    parse_report,
)

if TYPE_CHECKING:
    from tws_maintenance.reports.journal import Journal

FindReport = Callable[[str], Report | None]


@dataclass(frozen=True)
class Reservation:
    """A report id that nobody else gets, held by a hidden file until the report is written."""

    report_id: str
    marker: Path


def reserve(home: Home, at: datetime, journal: dict[str, Any]) -> Reservation:
    """Reserve the report id of a run that starts `at`; `journal` is its journal so far.

    Raises:
        OSError: the folder of reports cannot be written.
    """
    home.reports.mkdir(parents=True, exist_ok=True)
    stamp = at.astimezone(UTC).strftime("%Y%m%d_%H%M%S")
    for number in range(1, 10_000):
        name = stamp if number == 1 else f"{stamp}_{number}"
        marker = home.reports / f".{name}.reserved"
        if not write_exclusively(marker, to_json({**journal, "reserved_at": utc_text(at)})):
            continue
        # Only now: the run that had this id wrote its report before it removed the marker.
        if (home.reports / f"{name}.json").exists():
            marker.unlink()
            continue
        return Reservation(f"{PREFIX}{name}", marker)
    raise OSError(f"more than 9999 reports were reserved in the second {stamp}")


def reservations(home: Home) -> list[Path]:
    """Return the markers of the reports that are not written yet."""
    return sorted(home.reports.glob(".*.reserved"))


def journal_of(marker: Path) -> "Journal | None":
    """Return the journal in a reservation, None where it is gone or cannot be read."""
    from tws_maintenance.reports.journal import Journal

    try:
        return Journal.model_validate_json(marker.read_bytes())
    except (OSError, ValueError):
        return None


def is_reserved_by(home: Home, run_id: str) -> bool:
    """Return whether a run holds the id of a report that it has not written yet."""
    journals = (journal_of(marker) for marker in reservations(home))
    return any(journal is not None and journal.run_id == run_id for journal in journals)


def report_id_of(marker: Path) -> str:
    """Return the report id that a marker holds."""
    return f"{PREFIX}{marker.name.removeprefix('.').removesuffix('.reserved')}"


def is_written(home: Home, report_id: str) -> bool:
    """Return whether this home holds the report of that id."""
    try:
        return report_path(home, report_id).exists()
    except UsageError:
        return False


def is_reserved(home: Home, report_id: str) -> bool:
    """Return whether a run of this home holds that id and has not written its report yet."""
    stamp = report_id.removeprefix(PREFIX)
    return is_ours(stamp) and (home.reports / f".{stamp}.reserved").exists()


def write_report(home: Home, reservation: Reservation, report: Report) -> Report:
    """Write the report as Markdown and JSON, and give up the reservation.

    The JSON comes last: once it exists, the report is complete.
    """
    # Code that only reads reports does not need these.
    from tws_maintenance.reports import chain
    from tws_maintenance.reports.markdown import render

    path = report_path(home, reservation.report_id)
    readable = path.with_suffix(".md")
    write_whole(readable, render(report).encode())
    try:
        linked = chain.append(home, path, report)
    except BaseException:
        with contextlib.suppress(OSError):
            readable.unlink()
        raise
    reservation.marker.unlink(missing_ok=True)
    return linked


def write_journal(reservation: Reservation, journal: "Journal") -> None:
    """Write what the run has done so far into its reservation."""
    write_whole(reservation.marker, journal.to_json())


def read_report(home: Home, report_id: str) -> Report:
    """Return a report.

    Raises:
        UsageError: there is no report of that id.
        ValueError: it is damaged, or of an older form.
    """
    return parse_report(read_bytes(home, report_id))


def read_bytes(home: Home, report_id: str) -> bytes:
    """Return the JSON of a report as it is on disk. Raises UsageError where there is none."""
    path = report_path(home, report_id)
    try:
        return path.read_bytes()
    except FileNotFoundError:
        raise UsageError(
            f"There is no report {report_id} in {home.relative(home.reports)}. "
            "`reports list` shows them."
        ) from None


def find_report(home: Home, report_id: str) -> Report | None:
    """Return a report, None where it is missing or damaged."""
    try:
        return read_report(home, report_id)
    except (OSError, ValueError, UsageError):
        return None


def reports_once(home: Home) -> FindReport:
    """Return a function that finds reports as `find_report` does, but reads each only once."""
    return cache(partial(find_report, home))


def newest_reports(home: Home) -> Iterator[Report]:
    """Yield the undamaged reports, newest first, reading each only when it is asked for."""
    found = (find_report(home, report_id) for report_id in report_ids(home))
    yield from (one for one in found if one is not None)


def report_of_run(home: Home, run_id: str) -> str | None:
    """Return the id of the report that a run left, None where it left none."""
    return next((one.report_id for one in newest_reports(home) if one.run_id == run_id), None)


def is_refresh(result: Result) -> bool:
    """Return whether a task result is a successful apply of what the sources answered.

    An apply with unconfirmed membership is no refresh, even where an override published it.
    """
    return (
        not result.dry_run
        and not (isinstance(result, ListResult) and result.is_unconfirmed)
        and result.status == TaskStatus.SUCCESS
        # A restore brings an older list back.
        and not (result.source or "").startswith(BACKUP_SOURCE)
        and result.finished_at is not None
    )
