"""The chain of reports: each holds the sha256 of the one written before it.

The head is noted beside the locks, so that adding a report does not read all the others. If the
note is missing, the head is found from the reports themselves.
"""

import contextlib
import json
from pathlib import Path

from tws_maintenance.config.home import Home
from tws_maintenance.core.atomic import to_json, write_json, write_whole
from tws_maintenance.core.digest import sha256
from tws_maintenance.core.locks import hold
from tws_maintenance.reports.schema import Report

LOCK_WAIT_SECONDS = 30.0
KEY = "previous_report_sha256"


def append(home: Home, path: Path, report: Report) -> Report:
    """Write `report` to `path` as the newest link and return it with its predecessor's sha256.

    Raises:
        LockHeld: another process kept the chain for too long.
        OSError: nothing was written.
    """
    with locked(home, f"report {report.report_id}"):
        head = _head(home)
        linked = report.model_copy(update={KEY: head})
        content = to_json(linked.to_dict())
        link = {"report": path.name, "sha256": sha256(content)}
        # Noted before and after: killed in between, the next one sees whether it was written.
        write_json(_note(home), {"sha256": head, "writing": link})
        write_whole(path, content)
        # The report is written and the first note names it, so a disk that is full by now
        # loses nothing.
        with contextlib.suppress(OSError):
            write_json(_note(home), link)
    return linked


def locked(home: Home, holder: str) -> contextlib.AbstractContextManager[None]:
    """Return the lock that keeps the chain still."""
    return hold(home.locks / "reports.lock", wait_seconds=LOCK_WAIT_SECONDS, holder=holder)


def noted_head(home: Home) -> str | None:
    """Return the noted sha256 of the newest report, None where it is not noted.

    The note counts, not the file: a report altered since must break the chain.
    """
    try:
        note = json.loads(_note(home).read_text(encoding="utf-8"))
        begun = note.get("writing")
        if begun and (home.reports / begun["report"]).exists():
            note = begun
        return str(note["sha256"]) if note["sha256"] else None
    except (OSError, ValueError, KeyError, TypeError, AttributeError):
        return None


def _note(home: Home) -> Path:
    return home.locks / "reports.head"


def _head(home: Home) -> str | None:
    return noted_head(home) or _find_head(home)


def _find_head(home: Home) -> str | None:
    """Return the sha256 of the report that no other one names, the latest if there are several."""
    digests: dict[str, str] = {}
    named: set[str] = set()
    for path in home.reports.glob("*.json"):
        try:
            content = path.read_bytes()
            report = json.loads(content)
            previous, finished_at = report[KEY], str(report["finished_at"])
        except (OSError, ValueError, KeyError, TypeError):
            continue
        digests[sha256(content)] = finished_at
        named.add(previous)
    heads = [
        (finished_at, digest) for digest, finished_at in digests.items() if digest not in named
    ]
    return max(heads)[1] if heads else None
