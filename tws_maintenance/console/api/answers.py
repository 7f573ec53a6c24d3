"""The shapes of what the API answers, as JSON Schema 2020-12.

Written out, not derived: they are a promise to other programs. Our own shapes are closed, so that
a field that is added here and not there is found by the test that calls every address.
"""

from typing import Any

from tws_maintenance.config.indices import TASKS

Schema = dict[str, Any]
TEXT: Schema = {"type": "string"}
TEXTS: Schema = {"type": "array", "items": TEXT}
COUNT: Schema = {"type": "integer", "minimum": 0}
TRUTH: Schema = {"type": "boolean"}
ANY: Schema = {}


def _maybe(schema: Schema) -> Schema:
    return {"anyOf": [schema, {"type": "null"}]}


def _one_of(*values: str) -> Schema:
    return {"type": "string", "enum": list(values)}


def _list(schema: Schema) -> Schema:
    return {"type": "array", "items": schema}


def _object(**properties: Schema) -> Schema:
    return {
        "type": "object",
        "required": list(properties),
        "properties": properties,
        "additionalProperties": False,
    }


def _open_object(**properties: Schema) -> Schema:
    return {**_object(**properties), "additionalProperties": True}


def _with_optional(schema: Schema, **properties: Schema) -> Schema:
    return {**schema, "properties": {**schema["properties"], **properties}}


def _reference(name: str) -> Schema:
    return {"$ref": f"#/components/schemas/{name}"}


INSTANT: Schema = {"type": "string", "format": "date-time"}
TASK = _one_of(*TASKS)
RUN_STATUS = _one_of("completed", "partial_failure", "failed", "interrupted")
VALIDATION = _object(status=_one_of("passed", "failed", "not_run"), warnings=TEXTS, errors=TEXTS)
RUN_LINE = {
    "run_id": TEXT,
    "report_id": _maybe(TEXT),
    "state": _one_of("queued", "running", "finished", "failed", "interrupted"),
    "tasks": _list(TASK),
    "dry_run": TRUTH,
    "job": _maybe(TEXT),
    "entry_point": _maybe(TEXT),
    "actor": _maybe(TEXT),
    "created_at": _maybe(INSTANT),
    "started_at": _maybe(INSTANT),
    "run_url": _maybe(TEXT),
}
PROPOSAL = _object(
    proposal_id=TEXT,
    report_id=TEXT,
    state=_one_of("waiting", "promoted", "rejected", "stale", "too_old"),
    why=TEXT,
    created_at=INSTANT,
    before_count=_maybe(COUNT),
    after_count=COUNT,
    added=COUNT,
    removed=COUNT,
    renamed=COUNT,
    updated=COUNT,
)
CONSTITUENTS = _object(
    task=TASK,
    name=TEXT,
    file=TEXT,
    last_refreshed_at=_maybe(INSTANT),
    row_count=_maybe(COUNT),
    source=_maybe(TEXT),
    validation=VALIDATION,
    stale=TRUTH,
    unconfirmed=_maybe(TEXT),
    restored_at=_maybe(INSTANT),
    drift=_maybe(TEXT),
    file_problem=_maybe(TEXT),
    file_audit=VALIDATION,
    last_run=_maybe(
        _object(report_id=TEXT, status=TEXT, audit=_maybe(TEXT), dry_run=_maybe(TRUTH))
    ),
    run_id=_maybe(TEXT),
    run_url=_maybe(TEXT),
    proposal=_maybe(PROPOSAL),
)
PROVIDER = _open_object(provider=TEXT, status=TEXT)
MARKET_EVENTS = _object(
    last_refreshed_at=_maybe(INSTANT),
    fetched=COUNT,
    upserted=COUNT,
    stale=COUNT,
    errors=COUNT,
    providers=_list(PROVIDER),
    status=_maybe(TEXT),
    run_id=_maybe(TEXT),
    run_url=_maybe(TEXT),
    service=_one_of("robot", "embedded"),
    doubts=TEXTS,
    moved=TEXTS,
    needs_refresh=TRUTH,
)
ROBOT = _object(url=TEXT, problem=_maybe(TEXT), positions=_maybe(COUNT), strategies=_maybe(COUNT))
CACHE = _object(
    generation=_maybe(TEXT), seen=_maybe(TEXT), invalidated_at=_maybe(INSTANT), error=_maybe(TEXT)
)
LATEST = _object(
    report_id=TEXT,
    finished_at=_maybe(INSTANT),
    status=_maybe(TEXT),
    warnings=TEXTS,
    errors=TEXTS,
    run_id=_maybe(TEXT),
    run_url=_maybe(TEXT),
)
VENUE = _object(
    venue=TEXT,
    name=TEXT,
    state=_one_of("open", "lunch", "closed", "unknown"),
    until=_maybe(INSTANT),
    timezone=TEXT,
    local_time=TEXT,
)
STEP = _object(
    step=TEXT,
    task=TASK,
    state=_one_of("waiting", "running", "done", "failed", "skipped"),
    started_at=_maybe(INSTANT),
    finished_at=_maybe(INSTANT),
    message=TEXT,
)
CHECK = _object(
    task=TASK,
    name=TEXT,
    outcome=_one_of("passed", "warned", "failed"),
    message=TEXT,
    asset=TEXT,
)
RESULT = _open_object(
    task=TEXT,
    status=_one_of("success", "failed", "skipped", "partial_failure"),
    dry_run=TRUTH,
    source=_maybe(TEXT),
    started_at=_maybe(INSTANT),
    finished_at=_maybe(INSTANT),
    duration_seconds=_maybe({"type": "number"}),
    before_count=_maybe(COUNT),
    after_count=_maybe(COUNT),
    added=TEXTS,
    removed=TEXTS,
    validation=VALIDATION,
    warnings=TEXTS,
    errors=TEXTS,
)
REPORT = _object(
    report_id=TEXT,
    run_id=TEXT,
    entry_point=TEXT,
    actor=TEXT,
    reason=TEXT,
    status=RUN_STATUS,
    dry_run=TRUTH,
    overrides={"type": "object"},
    started_at=INSTANT,
    finished_at=INSTANT,
    duration_seconds={"type": "number"},
    results=_list(RESULT),
    warnings=TEXTS,
    errors=TEXTS,
    previous_report_sha256=_maybe(TEXT),
)
DAMAGED = _object(
    report_id=TEXT, damaged={"type": "boolean", "const": True}, problem=TEXT, text=TEXT
)
REPORT_LINE = _object(
    report_id=TEXT,
    run_id=_maybe(TEXT),
    status=_maybe(TEXT),
    dry_run=_maybe(TRUTH),
    finished_at=_maybe(TEXT),
    warnings=COUNT,
    errors=COUNT,
    damaged=TRUTH,
)
GENERATION = _object(
    index=TEXT,
    task=TASK,
    generation=_maybe(TEXT),
    report_id=_maybe(TEXT),
    promoted_at=_maybe(INSTANT),
    sha256=_maybe(TEXT),
)
EVENT = _open_object(
    event_id=TEXT,
    event_type=TEXT,
    symbol=_maybe(TEXT),
    title=TEXT,
    event_date={"type": "string", "format": "date"},
    start_at_utc=_maybe(INSTANT),
    status=TEXT,
    severity=_one_of("high", "medium", "low"),
    days_away=COUNT,
)
SYNC = _object(
    provider=TEXT,
    event_type=TEXT,
    status=TEXT,
    fetched_count=COUNT,
    upserted_count=COUNT,
    stale_count=COUNT,
    error_count=COUNT,
    error_message=_maybe(TEXT),
    # Null where the robot, whose log it then is, says nothing of it or is still at work.
    sync_started_at=_maybe(INSTANT),
    sync_finished_at=_maybe(INSTANT),
    window_start_utc=_maybe(INSTANT),
    window_end_utc=_maybe(INSTANT),
    detail={"type": "object"},
)
WATCHED = {
    "watchlist": _list(_object(symbol=TEXT, added_at=_maybe(TEXT))),
    "count": COUNT,
    "unreadable": TEXTS,
}

CLOSURE = _object(
    venue=TEXT,
    type=_one_of("holiday", "early_close"),
    date={"type": "string", "format": "date"},
    closes=_maybe(TEXT),
    title=TEXT,
    reason=TEXT,
    actor=TEXT,
    added_at=INSTANT,
)
CLOSURES = {"closures": _list(CLOSURE), "count": COUNT, "warnings": TEXTS}

SCHEMAS: dict[str, Schema] = {
    "Error": _object(error=_object(code=TEXT, message=TEXT, detail=ANY)),
    "Status": _with_optional(
        _object(
            constituents=_list(CONSTITUENTS),
            market_events=MARKET_EVENTS,
            latest_report=_maybe(LATEST),
            venues=_list(VENUE),
            running=_list(_object(**RUN_LINE)),
        ),
        robot=ROBOT,
    ),
    "Run": _object(
        **RUN_LINE,
        steps=_list(STEP),
        checks=_list(CHECK),
        finished_at=_maybe(INSTANT),
        status=_maybe(RUN_STATUS),
    ),
    "Report": REPORT,
    "DamagedReport": DAMAGED,
    # Of an older form, or ours.
    "ReportOrDamaged": {
        "anyOf": [_reference("Report"), _reference("DamagedReport"), {"type": "object"}]
    },
    "Started": _object(run_id=TEXT, status_url=TEXT),
    "Reports": _object(reports=_list(REPORT_LINE), total=COUNT),
    "Caches": _with_optional(
        _object(generations=_list(GENERATION)),
        caches={"type": "object", "additionalProperties": CACHE},
        pid=COUNT,
    ),
    "Badge": _object(
        schemaVersion={"type": "integer", "const": 1},
        label=TEXT,
        message=TEXT,
        color=TEXT,
        isError=TRUTH,
    ),
    "Upcoming": _with_optional(
        _object(events=_list(EVENT), count=COUNT, last_sync=_maybe({"type": "object"})),
        # Where the robot keeps the events: those of types that only it keeps.
        robots_own=_list(
            _object(event_type=TEXT, symbol=_maybe(TEXT), date=TEXT, title=TEXT),
        ),
    ),
    "SyncLog": _object(logs=_list(SYNC), count=COUNT),
    "Closures": _object(**CLOSURES),
    "ClosuresChanged": _with_optional(_object(**CLOSURES), added=CLOSURE, removed=CLOSURE),
    "Watchlist": _object(**WATCHED),
    "WatchlistChanged": {
        "type": "object",
        "required": list(WATCHED),
        "properties": {**WATCHED, "added": TEXTS, "removed": TEXTS},
        "additionalProperties": False,
    },
}


def started() -> dict[str, Schema]:
    """Return the good answers of an address that starts a run."""
    return {
        code: {
            "description": text,
            "content": {"application/json": {"schema": _reference(name)}},
        }
        for code, text, name in (
            ("200", "The run has ended: its report, which tells how.", "Report"),
            ("202", "The run goes on; follow it at `status_url`.", "Started"),
        )
    }
