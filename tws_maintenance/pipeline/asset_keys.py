"""Asset keys and step names, and the task of a step.

`task_of_step` knows every declared index: a home's history may hold runs of an index that is now
off.
"""

import dagster as dg

from tws_maintenance.config.indices import DECLARED, MARKET_EVENTS, METADATA_VALIDATION, Index

GROUP = "constituents"
STAGED_PREFIX = "staged"
EVENTS_GROUP = MARKET_EVENTS
STAGED_EVENTS = dg.AssetKey([STAGED_PREFIX, MARKET_EVENTS])
EVENTS = dg.AssetKey(MARKET_EVENTS)
STAGED_EVENTS_STEP = f"{STAGED_PREFIX}__{MARKET_EVENTS}"
AUDIT_EVENTS_STEP = f"audit_{MARKET_EVENTS}"


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
    """Return the steps that replace a live file, or store events."""
    return frozenset({*(index.task for index in DECLARED.values()), MARKET_EVENTS})


def staging_steps() -> frozenset[str]:
    """Return the steps that stage something new."""
    return frozenset({*(staged_step(index) for index in DECLARED.values()), STAGED_EVENTS_STEP})


def own_assets() -> frozenset[dg.AssetKey]:
    """Return the keys of every asset of the code location."""
    lists = {key for one in DECLARED.values() for key in (staged_key(one), live_key(one))}
    return frozenset({*lists, STAGED_EVENTS, EVENTS})


def task_of_step(step: str) -> str | None:
    """Return the task that a step works for, None for any other step."""
    if step in (STAGED_EVENTS_STEP, AUDIT_EVENTS_STEP, MARKET_EVENTS):
        return MARKET_EVENTS
    for index in DECLARED.values():
        if step in (staged_step(index), audit_step(index), index.task):
            return index.task
        if step == validate_step(index):
            return METADATA_VALIDATION
    return None
