"""The one config that every job takes, and the faults of a run's config.

What belongs here: fields that are missing or would be ignored. What does not: the types of the
fields, which are in `runs.request`.
"""

from collections.abc import Iterator, Mapping
from dataclasses import fields
from typing import Any, get_args, get_type_hints

import dagster as dg

from tws_maintenance.config.indices import DEFAULT_DAYS, MARKET_EVENTS, MAX_DAYS, Maintained
from tws_maintenance.core.errors import UsageError
from tws_maintenance.pipeline import asset_keys
from tws_maintenance.pipeline.jobs import PROMOTE, RESTORE
from tws_maintenance.runs.request import FOR_EVENTS, RunSpec

# What the operator of a job chooses. The job itself sets whether it is a dry run, and who asks.
KEYS = frozenset(field.name for field in fields(RunSpec)) - {"dry_run", "entry_point", "actor"}
_KINDS: dict[Any, Any] = {tuple[str, ...]: dg.Array(str)}


def _field(annotation: Any, default: Any) -> dg.Field:
    """Return the field of Dagster's config for a field of `RunSpec`."""
    kind, described = get_args(annotation)
    value = list(default) if isinstance(default, tuple) else default
    return dg.Field(_KINDS.get(kind, kind), default_value=value, description=described.description)


def _config() -> dict[str, dg.Field]:
    kinds = get_type_hints(RunSpec, include_extras=True)
    plain = vars(RunSpec((), dry_run=True))
    return {name: _field(kinds[name], plain[name]) for name in plain if name in KEYS}


CONFIG = _config()


def config_of(spec: RunSpec) -> dict[str, Any]:
    """Return the config of the run of `spec`."""
    values = {name: value for name, value in vars(spec).items() if name in KEYS}
    return {k: list(value) if isinstance(value, tuple) else value for k, value in values.items()}


def misuse_of(
    job: str,
    config: Mapping[str, Any],
    steps: frozenset[str],
    planned: frozenset[str],
    maintained: Maintained,
) -> UsageError | None:
    """Return what is missing in a job's config, or would be silently ignored.

    `steps` are the run's, `planned` the tasks that they work for.
    """
    faults = (
        *_lacking(job, config),
        *_in_vain(job, config, steps, planned),
        *_elsewhere(config, planned, maintained),
    )
    return UsageError(faults[0]) if faults else None


def _lacking(job: str, config: Mapping[str, Any]) -> Iterator[str]:
    if job == PROMOTE and not config.get("report_id"):
        yield (
            "promote_proposals needs `report_id` in its config: the dry run to publish, such as "
            "maintenance_20261122_183000. `reports list` shows them. Nothing was started."
        )
    if job == RESTORE and not (config.get("tasks") and config.get("backup")):
        yield (
            "restore_backup needs `tasks` (which lists) and `backup` (a backup's id, or newest) "
            "in its config. `backups list` shows them. Nothing was started."
        )


def _in_vain(
    job: str, config: Mapping[str, Any], steps: frozenset[str], planned: frozenset[str]
) -> Iterator[str]:
    tasks, days = config.get("tasks") or (), config.get("days", DEFAULT_DAYS)
    if not 1 <= days <= MAX_DAYS:
        yield f"`days` is {days}; expected 1 to {MAX_DAYS}. Nothing was started."
    if MARKET_EVENTS not in (tasks or planned):
        for key in FOR_EVENTS:
            unset = CONFIG[key].default_value
            if config.get(key, unset) != unset:
                yield f"`{key}` is only for {MARKET_EVENTS}; this run does not work on them."
    if config.get("report_id") and steps & asset_keys.staging_steps():
        yield "`report_id` is only for promote_proposals; this run stages new proposals."
    if config.get("backup") and job != RESTORE:
        yield "`backup` is only for restore_backup. Nothing was started."


def _elsewhere(
    config: Mapping[str, Any], planned: frozenset[str], maintained: Maintained
) -> Iterator[str]:
    """Yield a fault where another job works on the tasks; the run itself reports unknown tasks."""
    tasks = config.get("tasks") or ()
    elsewhere = [task for task in tasks if task in maintained.tasks and task not in planned]
    if elsewhere:
        yield (
            f"This run does not work on {', '.join(elsewhere)}, only on "
            f"{', '.join(sorted(planned))}. Correct `tasks` or choose another job."
        )
