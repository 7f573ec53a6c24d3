"""Asset keys and step names of an index, and the way back from a step to its task."""

import dagster as dg

from tws_maintenance.indices import INDICES, METADATA_VALIDATION, Index

GROUP = "constituents"
STAGED_PREFIX = "staged"


def staged_key(index: Index) -> dg.AssetKey:
    """Return the key of the staged proposal."""
    return dg.AssetKey([STAGED_PREFIX, index.task])


def live_key(index: Index) -> dg.AssetKey:
    """Return the key of the live file."""
    return dg.AssetKey(index.task)


def staged_step(index: Index) -> str:
    """Return the step that stages `index`, as Dagster names it after the asset."""
    return f"{STAGED_PREFIX}__{index.task}"


def audit_step(index: Index) -> str:
    """Return the step that audits the proposal of `index`."""
    return f"audit_{index.task}"


def validate_step(index: Index) -> str:
    """Return the step that audits the live file of `index`."""
    return f"validate_{index.task}"


def live_steps() -> frozenset[str]:
    """Return the steps that replace a live file."""
    return frozenset(index.task for index in INDICES.values())


def staging_steps() -> frozenset[str]:
    """Return the steps that stage something new."""
    return frozenset(staged_step(index) for index in INDICES.values())


def task_of_step(step: str) -> str | None:
    """Return the task that a step works for, None for a step that is not one of ours."""
    for index in INDICES.values():
        if step in (staged_step(index), audit_step(index), index.task):
            return index.task
        if step == validate_step(index):
            return METADATA_VALIDATION
    return None
