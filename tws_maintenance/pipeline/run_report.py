"""Reading Dagster's events for a report: the failures that no step could record itself."""

import dagster as dg

from tws_maintenance.pipeline.asset_keys import task_of_step


def step_failures(instance: dg.DagsterInstance, run_id: str) -> dict[str, str]:
    """Return the message of each failed step, by task, or by step where it belongs to no task.

    A step that failed outside its own code (in Dagster's storage, say) must not be a success in
    the report.
    """
    failures: dict[str, str] = {}
    records = instance.get_records_for_run(run_id, of_type=dg.DagsterEventType.STEP_FAILURE).records
    for record in records:
        event = record.event_log_entry.dagster_event
        if event is None or event.step_key is None:
            continue
        error = event.step_failure_data.error
        text = (
            f"step {event.step_key} failed: {error.message.strip() if error else 'no reason given'}"
        )
        failures.setdefault(task_of_step(event.step_key) or event.step_key, text)
    return failures


def reasons_of(instance: dg.DagsterInstance, run_id: str) -> list[str]:
    """Return why a run failed: the messages of its steps, or of the run where no step failed."""
    kinds = {dg.DagsterEventType.STEP_FAILURE, dg.DagsterEventType.RUN_FAILURE}
    steps, run = [], []
    for record in instance.get_records_for_run(run_id, of_type=kinds).records:
        event = record.event_log_entry.dagster_event
        if event is None:
            continue
        if event.event_type == dg.DagsterEventType.STEP_FAILURE:
            described = event.step_failure_data.user_failure_data
            error = event.step_failure_data.error
            steps.append((described and described.description) or (error.message if error else ""))
        else:
            # None where another process marked the run as failed.
            error = event.job_failure_data.error if event.event_specific_data else None
            while error is not None and error.cause is not None:
                error = error.cause
            run.append(error.message if error else event.message or "")
    return [text.strip() for text in steps or run if text.strip()]
