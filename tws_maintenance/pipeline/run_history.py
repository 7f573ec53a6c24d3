"""Dagster's history of our runs, as the plain records of `run_records`.

Reads straight from the instance, which takes milliseconds however many runs there are. Nothing is
written here; `tws_maintenance.pipeline.reconcile` closes runs that died.
"""

import json
import re
from collections.abc import Iterable, Iterator
from datetime import UTC, datetime

import dagster as dg

from tws_maintenance.config.home import Home
from tws_maintenance.config.indices import ALL_TASKS, DECLARED
from tws_maintenance.core.clock import utc_text
from tws_maintenance.pipeline import asset_keys
from tws_maintenance.pipeline.asset_checks import staged_check_keys
from tws_maintenance.pipeline.jobs import CLEAN_UP
from tws_maintenance.pipeline.reconcile import UNFINISHED, is_ours, may_be_alive
from tws_maintenance.pipeline.run_records import (
    Audited,
    CheckOutcome,
    CheckView,
    Known,
    Looked,
    Materialized,
    RunState,
    RunView,
    StepState,
    StepView,
)
from tws_maintenance.pipeline.tags import (
    REPORT_ID_TAG,
    own_tag,
    plan_of,
)
from tws_maintenance.reports.schema import ListResult
from tws_maintenance.reports.store import is_refresh

IN_PROGRESS = [*UNFINISHED, dg.DagsterRunStatus.QUEUED]
_QUEUED = frozenset(
    {dg.DagsterRunStatus.QUEUED, dg.DagsterRunStatus.NOT_STARTED, dg.DagsterRunStatus.STARTING}
)
_STEP_EVENTS: dict[dg.DagsterEventType, StepState] = {
    dg.DagsterEventType.STEP_START: "running",
    dg.DagsterEventType.STEP_SUCCESS: "done",
    dg.DagsterEventType.STEP_FAILURE: "failed",
    dg.DagsterEventType.STEP_SKIPPED: "skipped",
}
# A message for an operator needs no module name of Dagster's.
_DAGSTER_ERROR = re.compile(r"^dagster\.[\w.]+: ")
# Enough to find the last refresh behind several restores.
MATERIALIZATIONS_READ = 20


def what_is_known(home: Home, instance: dg.DagsterInstance) -> Known:
    """Return what a status needs from Dagster."""
    records = _in_progress(home, instance)
    return Known(
        running=tuple(_views(instance, records)),
        has_dead=_has_dead(home, instance, records),
        is_at_work=bool(records),
        refreshes=refreshes(instance),
        audits=audits(instance),
    )


def look_at_run(home: Home, instance: dg.DagsterInstance, run_id: str) -> Looked:
    """Return one run of `home` with its steps and checks."""
    record, (steps, checks) = _own_record(home, instance, run_id), progress_of(instance, run_id)
    return Looked(
        view=_view(instance, record) if record else None,
        is_dead=record is not None and _has_dead(home, instance, [record]),
        steps=tuple(steps),
        checks=tuple(checks),
    )


def runs_in_progress(home: Home, instance: dg.DagsterInstance) -> tuple[list[RunView], bool]:
    """Return the runs of `home` that have not ended, oldest first, from whatever entry point.

    A clean-up, which works on no task, is left out. The second value is whether one of them all has
    lost its process and needs `reconcile`.
    """
    records = _in_progress(home, instance)
    return _views(instance, records), _has_dead(home, instance, records)


def _in_progress(home: Home, instance: dg.DagsterInstance) -> list[dg.RunRecord]:
    found = instance.get_run_records(dg.RunsFilter(statuses=IN_PROGRESS))
    return [one for one in reversed(found) if is_ours(home, one.dagster_run)]


def _has_dead(home: Home, instance: dg.DagsterInstance, records: list[dg.RunRecord]) -> bool:
    return any(
        one.dagster_run.status in UNFINISHED and not may_be_alive(home, instance, one)
        for one in records
    )


def _views(instance: dg.DagsterInstance, records: list[dg.RunRecord]) -> list[RunView]:
    return [_view(instance, one) for one in records if one.dagster_run.job_name != CLEAN_UP]


def run_view(home: Home, instance: dg.DagsterInstance, run_id: str) -> RunView | None:
    """Return one run of `home`, None where Dagster has none of that id."""
    record = _own_record(home, instance, run_id)
    return _view(instance, record) if record else None


def _own_record(home: Home, instance: dg.DagsterInstance, run_id: str) -> dg.RunRecord | None:
    record = instance.get_run_record_by_id(run_id)
    if record is None or record.dagster_run.job_name == CLEAN_UP:
        return None
    return record if is_ours(home, record.dagster_run) else None


def progress_of(
    instance: dg.DagsterInstance, run_id: str
) -> tuple[list[StepView], list[CheckView]]:
    """Return the steps of a run in the order of the plan, and the results of its checks."""
    run = instance.get_run_by_id(run_id)
    if run is None:
        return [], []
    steps = {step: StepView(step, task) for step, task in _planned(run, instance)}
    kinds = {*_STEP_EVENTS, dg.DagsterEventType.ASSET_CHECK_EVALUATION}
    checks = []
    for record in instance.get_records_for_run(run_id, of_type=kinds).records:
        event = record.event_log_entry.dagster_event
        if event is None:
            continue
        if event.event_type == dg.DagsterEventType.ASSET_CHECK_EVALUATION:
            checks.append(_check(event.asset_check_evaluation_data))
        elif step := steps.get(event.step_key or ""):
            _follow(step, event, _text_of(record.event_log_entry.timestamp))
    return list(steps.values()), checks


def refreshes(instance: dg.DagsterInstance) -> dict[str, Materialized]:
    """Return the newest materialization of each live list, by task, that is a refresh.

    Market events are left out: only the report shows whether a sync was complete.
    """
    keys = {asset_keys.live_key(index): index.task for index in DECLARED.values()}
    newest = instance.get_latest_materialization_events(keys)
    found = {}
    for key, task in keys.items():
        entry = newest.get(key)
        if entry is None:
            continue
        one = _materialized(entry)
        if one is None or not is_refresh(one.result):
            records = instance.fetch_materializations(key, limit=MATERIALIZATIONS_READ).records
            older = (_materialized(record.event_log_entry) for record in records)
            one = next((other for other in older if other and is_refresh(other.result)), None)
        if one is not None:
            found[task] = one
    return found


def audits(instance: dg.DagsterInstance) -> dict[str, Audited]:
    """Return the newest audit of each index, by task, from the asset checks of its proposal."""
    keys = {key: index for index in DECLARED.values() for key in staged_check_keys(index)}
    records = instance.event_log_storage.get_latest_asset_check_execution_by_key(list(keys))
    found: dict[str, list[tuple[str, float, CheckView]]] = {}
    for key, record in records.items():
        event = record.event.dagster_event if record.event else None
        if record.event is None or event is None:
            continue  # only planned: its run has not reached the check, or never will
        if event.event_type == dg.DagsterEventType.ASSET_CHECK_EVALUATION:
            view = _check(event.asset_check_evaluation_data)
            row = (record.run_id, record.event.timestamp, view)
            found.setdefault(keys[key].task, []).append(row)
    return {task: _audited(rows) for task, rows in found.items()}


def _audited(rows: list[tuple[str, float, CheckView]]) -> Audited:
    run_id, last, _ = max(rows, key=lambda one: one[1])
    checks = tuple(view for of, _, view in rows if of == run_id)
    return Audited(run_id, _text_of(last), checks)


def _materialized(entry: dg.EventLogEntry) -> Materialized | None:
    materialization = entry.asset_materialization
    value = materialization.metadata.get("task_result") if materialization else None
    try:
        result = ListResult.model_validate_json(json.dumps(getattr(value, "data", None)))
    except ValueError:  # of another version
        return None
    return Materialized(entry.run_id, result)


def _view(instance: dg.DagsterInstance, record: dg.RunRecord) -> RunView:
    run = record.dagster_run
    plan = plan_of(run, instance)
    return RunView(
        run_id=run.run_id,
        report_id=own_tag(run, REPORT_ID_TAG),
        job=run.job_name,
        state=_state(run.status),
        tasks=tuple(task for task in ALL_TASKS if task in plan.tasks),
        dry_run=plan.dry_run,
        entry_point=plan.entry_point.value,
        actor=plan.actor or "unknown",
        created_at=utc_text(record.create_timestamp.replace(tzinfo=UTC)),
        started_at=_text_of(record.start_time) if record.start_time else None,
        finished_at=_text_of(record.end_time) if record.end_time else None,
    )


def _state(status: dg.DagsterRunStatus) -> RunState:
    if status in _QUEUED:
        return "queued"
    ended: dict[dg.DagsterRunStatus, RunState] = {
        dg.DagsterRunStatus.SUCCESS: "finished",
        dg.DagsterRunStatus.FAILURE: "failed",
        dg.DagsterRunStatus.CANCELED: "interrupted",
    }
    return ended.get(status, "running")


def _planned(run: dg.DagsterRun, instance: dg.DagsterInstance) -> Iterator[tuple[str, str]]:
    """Yield (step, task) in the order in which a person reads them: by task, then by verb."""
    plan = plan_of(run, instance)
    for task in ALL_TASKS:
        if task in plan.tasks:
            for step in _in_order(plan.steps, task):
                yield step, task


def _in_order(steps: Iterable[str], task: str) -> list[str]:
    def verb(step: str) -> int:
        return (
            0 if step.startswith(asset_keys.STAGED_PREFIX) else 1 if step.startswith("audit") else 2
        )

    own = [step for step in steps if asset_keys.task_of_step(step) == task]
    places = {asset_keys.validate_step(index): n for n, index in enumerate(DECLARED.values())}
    return sorted(own, key=lambda step: (verb(step), places.get(step, 0)))


def _follow(step: StepView, event: dg.DagsterEvent, at: str) -> None:
    step.state = _STEP_EVENTS[event.event_type]
    if event.event_type == dg.DagsterEventType.STEP_START:
        step.started_at = at
        return
    step.finished_at = at
    if event.event_type == dg.DagsterEventType.STEP_FAILURE:
        error = event.step_failure_data.error
        described = event.step_failure_data.user_failure_data
        own = described.description if described else None
        message = _DAGSTER_ERROR.sub("", error.message) if error else ""
        step.message = (own or message).strip()


def _check(evaluation: dg.AssetCheckEvaluation) -> CheckView:
    warns = evaluation.severity == dg.AssetCheckSeverity.WARN
    outcome: CheckOutcome = "passed" if evaluation.passed else "warned" if warns else "failed"
    asset = evaluation.asset_key
    task = asset.path[-1]
    return CheckView(
        task, evaluation.check_name, outcome, evaluation.description or "", asset.to_user_string()
    )


def _text_of(timestamp: float) -> str:
    return utc_text(datetime.fromtimestamp(timestamp, UTC))
