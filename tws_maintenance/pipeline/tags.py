"""Reading a Dagster run: our tags, its entry point, its plan."""

import contextlib
import platform
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import dagster as dg

from tws_maintenance.config.indices import ALL_TASKS, METADATA_VALIDATION
from tws_maintenance.pipeline import asset_keys
from tws_maintenance.reports.schema import EntryPoint

REPORT_ID_TAG = "tws/report_id"
ACTOR_TAG = "tws/actor"
ENTRY_POINT_TAG = "tws/entry_point"
DRY_RUN_TAG = "tws/dry_run"
# On runs that a command of ours creates: which home, and which machine's process ids.
HOME_TAG = "tws/home"
HOST_TAG = "tws/host"
# On runs that a command of ours creates: the process that works on it, also before its first event.
PROCESS_TAG = "tws/process"
UNKNOWN_UI_USER = "unknown (Dagster UI)"


def report_config(run: dg.DagsterRun) -> dict[str, Any]:
    """Return the config of a run for the report resource, {} where it has none."""
    value: Any = run.run_config
    for key in ("resources", "report", "config"):
        value = value.get(key) if isinstance(value, Mapping) else None
    return dict(value or {})


def host_id() -> str:
    """Return an id of this machine, since its last start, and of this container."""
    parts = [platform.node()]
    with contextlib.suppress(OSError):  # these files exist only on Linux
        parts.append(Path("/proc/sys/kernel/random/boot_id").read_text(encoding="ascii").strip())
        parts.append(Path("/proc/self/ns/pid").readlink().name)
    return " ".join(parts)


def planned_steps(run: dg.DagsterRun, instance: dg.DagsterInstance) -> frozenset[str]:
    """Return the planned steps of the run; correct for jobs, subsets and a plain Materialize."""
    if run.execution_plan_snapshot_id is None:
        return frozenset()
    plan = instance.get_execution_plan_snapshot(run.execution_plan_snapshot_id)
    return frozenset(plan.step_keys_to_execute)


@dataclass(frozen=True)
class RunPlan:
    """What a run does and who asked for it, the same for its report, a page and its history.

    `planned` are the tasks of its `steps`, `tasks` those of them that it works on. `actor` is None
    where it is not known.
    """

    steps: frozenset[str]
    planned: frozenset[str]
    tasks: tuple[str, ...]
    dry_run: bool
    entry_point: EntryPoint
    actor: str | None


def plan_of(run: dg.DagsterRun, instance: dg.DagsterInstance) -> RunPlan:
    """Return the plan of `run`, from its steps, its config and its tags."""
    steps = planned_steps(run, instance)
    asked = tuple(report_config(run).get("tasks") or ())
    planned = frozenset(task for task in map(asset_keys.task_of_step, steps) if task)
    if len(planned) > 1 and METADATA_VALIDATION not in asked:
        # A Materialize of live assets selects their checks too, which belong to validate_metadata.
        planned -= {METADATA_VALIDATION}
    entry_point = entry_point_of(run)
    unknown = UNKNOWN_UI_USER if entry_point == EntryPoint.DAGSTER_UI else None
    return RunPlan(
        steps=steps,
        planned=planned,
        tasks=asked or tuple(task for task in ALL_TASKS if task in planned),
        dry_run=not steps & asset_keys.live_steps(),
        entry_point=entry_point,
        actor=own_tag(run, ACTOR_TAG) or unknown,
    )


def lineage_of(run: dg.DagsterRun) -> tuple[str, ...]:
    """Return the runs that `run` repeats, () for an ordinary one."""
    return tuple(one for one in (run.parent_run_id, run.root_run_id) if one)


def own_tag(run: dg.DagsterRun, name: str) -> str | None:
    """Return a tag of ours, None where Dagster copied it from the repeated run."""
    return None if lineage_of(run) else run.tags.get(name)


def entry_point_of(run: dg.DagsterRun) -> EntryPoint:
    """Return where a run was started from: from our tag, else from Dagster's own tags."""
    tagged = own_tag(run, ENTRY_POINT_TAG)
    if tagged in set(EntryPoint):
        return EntryPoint(tagged)
    if "dagster/schedule_name" in run.tags:
        return EntryPoint.SCHEDULE
    if "dagster/sensor_name" in run.tags:
        return EntryPoint.SENSOR
    return EntryPoint.DAGSTER_UI if run.remote_job_origin else EntryPoint.DAGSTER_CLI
