"""The audit of each live file as it is now: done once, then remembered until something changes.

`status` and the page ask all the time, and an audit loads pandas and pandera. A remembered audit
counts only for the same bytes of the file, its stamp and its newest backup, the same settings and
the same program; it leaves out age and drift. `validate` and the job of that name always audit.

The memory is in the home, beside the locks of its runs. Whoever can write there can write the
lists and the reports as well, so it is trusted as they are. Where it is missing, damaged or
unreadable, the file is audited again. In a home without a run nothing is written.
"""

import contextlib
import json
from collections.abc import Mapping
from datetime import datetime
from pathlib import Path

from tws_maintenance.audit.results import Outcome, ValidationStatus
from tws_maintenance.config.home import Home
from tws_maintenance.config.indices import Index
from tws_maintenance.config.settings import Settings
from tws_maintenance.constituents.audit_live import large_change_was_accepted, validate_live
from tws_maintenance.constituents.backups import newest_backups
from tws_maintenance.constituents.rules import FRESH, NOT_EDITED
from tws_maintenance.core.atomic import to_json, write_whole
from tws_maintenance.core.code_fingerprint import program_mark
from tws_maintenance.core.digest import sha256
from tws_maintenance.reports.schema import Part, Validation

# Freshness and drift have fields of their own in a status.
SHOWN_APART = frozenset({FRESH.name, NOT_EDITED.name})


class _Remembered(Part):
    """The outcome of an audit; `of` is the sha256 of everything that it depends on."""

    of: str
    audit: Validation


class _Memory(Part):
    audits: dict[str, _Remembered]


def live_audits(
    home: Home, settings: Settings, refreshed: Mapping[str, str | None], at: datetime
) -> dict[str, Validation]:
    """Return the audit of each maintained list's file, by task, and remember the new ones.

    `refreshed` holds when each was last refreshed.
    """
    before, known = _keys(home, settings), _recall(home)
    found = {
        index.task: known[of]
        if (of := before[index.task]) in known
        else _judged(home, settings, index, refreshed.get(index.task), at)
        for index in settings.maintained
    }
    if any(of not in known for of in before.values() if of):
        after = _keys(home, settings)
        # A file that changed during its audit is audited again next time.
        same = (task for task, of in before.items() if of == after[task])
        _remember(home, {task: (before[task], found[task]) for task in same})
    return found


def remembered_audits(home: Home, settings: Settings) -> dict[str, Validation] | None:
    """Return what `live_audits` would, without an audit; None where a file needs one."""
    keys, known = _keys(home, settings), _recall(home)
    if not known.keys() >= set(keys.values()):
        return None
    return {task: known[of] for task, of in keys.items() if of is not None}


def _judged(
    home: Home, settings: Settings, index: Index, refreshed_at: str | None, at: datetime
) -> Validation:
    audit = validate_live(home, index, settings.of(index), refreshed_at, at)
    return Validation(
        status=audit.status,
        warnings=audit.messages(Outcome.WARNED, but=SHOWN_APART),
        errors=audit.messages(Outcome.FAILED),
    )


def _keys(home: Home, settings: Settings) -> dict[str, str | None]:
    """Return by task the key of its audit, None for a file that cannot be read."""
    backups = newest_backups(home)
    return {
        index.task: _key(home, settings, index, backups.get(home.live_file(index.key).name))
        for index in settings.maintained
    }


def _key(home: Home, settings: Settings, index: Index, backup: Path | None) -> str | None:
    live = _sha256_of(home.live_file(index.key))
    if live is None:
        return None
    parts = (
        program_mark(),
        index.task,
        settings.of(index).model_dump_json(),
        live,
        _sha256_of(home.generation_file(index.key)),
        backup and (home.relative(backup), _sha256_of(backup)),
        # From the receipt of the promoted proposal, which retention removes.
        large_change_was_accepted(home, index, live),
    )
    return sha256(json.dumps(parts).encode())


def _sha256_of(path: Path) -> str | None:
    try:
        return sha256(path.read_bytes())
    except OSError:
        return None


def _recall(home: Home) -> dict[str | None, Validation]:
    """Return the remembered audits by what each depends on."""
    try:
        memory = _Memory.model_validate_json(home.live_audits.read_bytes())
    except (OSError, ValueError):
        return {}
    judged = (one for one in memory.audits.values() if one.audit.status != ValidationStatus.NOT_RUN)
    return {one.of: one.audit for one in judged}


def _remember(home: Home, audits: Mapping[str, tuple[str | None, Validation]]) -> None:
    memory = _Memory(
        audits={task: _Remembered(of=of, audit=audit) for task, (of, audit) in audits.items() if of}
    )
    with contextlib.suppress(OSError):
        write_whole(home.live_audits, to_json(memory.to_dict()))
