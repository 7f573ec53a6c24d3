"""The names of the files of reports, and their order.

What belongs here: names and paths, without reading a report. What does not: anything that needs
the contents of a report; a list of reports imports only this module.
"""

import os
import re
from collections.abc import Iterable
from pathlib import Path

from tws_maintenance.config.home import Home
from tws_maintenance.core.errors import UsageError

PREFIX = "maintenance_"
# The source of a result from a restore begins with this.
BACKUP_SOURCE = "data/backups/"
_STAMP = re.compile(r"\d{8}_\d{6}(_\d+)?")
_OLDER_FORM = re.compile(r"maintenance_.+")


def is_ours(stem: str) -> bool:
    """Return whether a file's name is that of a report of this form, not of an older one."""
    return _STAMP.fullmatch(stem) is not None


def report_path(home: Home, report_id: str) -> Path:
    """Return the JSON file of a report.

    Raises:
        UsageError: `report_id` is not the id of a report (and cannot name another folder).
    """
    stamp = report_id.removeprefix(PREFIX)
    older = home.reports / f"{report_id}.json"
    if _STAMP.fullmatch(stamp) and report_id.startswith(PREFIX):
        ours = home.reports / f"{stamp}.json"
        # The older form names its file by the whole id, which may be a stamp as well.
        return older if older.exists() and not ours.exists() else ours
    if _OLDER_FORM.fullmatch(report_id) and Path(report_id).name == report_id:
        return older
    raise UsageError(
        f"{report_id!r} is not a report id; expected one such as maintenance_20261122_183000. "
        "`reports list` shows them."
    )


def report_ids(home: Home) -> list[str]:
    """Return the ids of all reports, newest first; those of an older form come last."""
    return newest_first(names_in(home.reports))


def names_in(folder: Path) -> list[str]:
    """Return the names in a folder, unsorted; an empty list where it cannot be listed."""
    try:
        with os.scandir(folder) as found:
            return [one.name for one in found]
    except OSError:
        return []


def newest_first(names: Iterable[str]) -> list[str]:
    """Return the ids of the reports among the names of files, as `report_ids` sorts them."""
    stems = [name.removesuffix(".json") for name in names if name.endswith(".json")]
    ours = sorted((s for s in stems if _STAMP.fullmatch(s)), key=stamp_key, reverse=True)
    older = sorted((s for s in stems if _OLDER_FORM.fullmatch(s)), reverse=True)
    return [f"{PREFIX}{stem}" for stem in ours] + older


def stamp_key(stem: str) -> tuple[str, int]:
    """Sort 20261122_183000_10 after 20261122_183000_2."""
    day, time, *number = stem.split("_")
    return f"{day}_{time}", int(number[0]) if number else 1
