"""The report in the API: its JSON as the file holds it, and the schema that describes it.

The API passes a report on as it was written, so what belongs here is only its description. What a
report must hold is checked in `tws_maintenance.reports.schema`.
"""

from typing import Annotated, Any

from pydantic import WithJsonSchema

from tws_maintenance.config.indices import TASKS

# A JSON object whose keys this program does not decide, or whose values it only passes on.
JsonObject = dict[str, Any]
# A whole report, and one element of its `results`.
ReportJson = JsonObject
ResultJson = JsonObject

_TEXT: JsonObject = {"type": "string"}
_TEXTS: JsonObject = {"type": "array", "items": _TEXT}
_COUNT: JsonObject = {"type": "integer", "minimum": 0}
_INSTANT: JsonObject = {"type": "string", "format": "date-time"}
_SECONDS: JsonObject = {"type": "number"}
_TRUTH: JsonObject = {"type": "boolean"}


def _maybe(schema: JsonObject) -> JsonObject:
    return {"anyOf": [schema, {"type": "null"}]}


def _object(*, is_open: bool = False, **properties: JsonObject) -> JsonObject:
    return {
        "type": "object",
        "required": list(properties),
        "properties": properties,
        "additionalProperties": is_open,
    }


def _reported(*words: str) -> JsonObject:
    return {"type": "string", "enum": list(words)}


_RUN_STATUS = _reported("completed", "partial_failure", "failed", "interrupted")
_VALIDATION_STATUS = _reported("passed", "failed", "not_run")
_RESULT = _object(
    is_open=True,
    task=_TEXT,
    status=_reported("success", "failed", "skipped", "partial_failure"),
    dry_run=_TRUTH,
    source=_maybe(_TEXT),
    started_at=_maybe(_INSTANT),
    finished_at=_maybe(_INSTANT),
    duration_seconds=_maybe(_SECONDS),
    before_count=_maybe(_COUNT),
    after_count=_maybe(_COUNT),
    added=_TEXTS,
    removed=_TEXTS,
    validation=_object(status=_VALIDATION_STATUS, warnings=_TEXTS, errors=_TEXTS),
    warnings=_TEXTS,
    errors=_TEXTS,
)
REPORT_SCHEMA = _object(
    report_id=_TEXT,
    run_id=_TEXT,
    entry_point=_TEXT,
    actor=_TEXT,
    reason=_TEXT,
    status=_RUN_STATUS,
    dry_run=_TRUTH,
    overrides={"type": "object"},
    started_at=_INSTANT,
    finished_at=_INSTANT,
    duration_seconds=_SECONDS,
    results={"type": "array", "items": _RESULT},
    warnings=_TEXTS,
    errors=_TEXTS,
    previous_report_sha256=_maybe(_TEXT),
)

# Words that answers repeat from a report or from Dagster's tags. The schema lists the words of
# this version; another one, from an older report or an edited one, is passed on as it is, because
# one odd file must not keep every status from being answered.
TaskName = Annotated[str, WithJsonSchema(_reported(*TASKS))]
RunStatus = Annotated[str, WithJsonSchema(_RUN_STATUS)]
ValidationStatus = Annotated[str, WithJsonSchema(_VALIDATION_STATUS)]
# One element of a result's `providers`.
ProviderJson = Annotated[
    JsonObject, WithJsonSchema(_object(is_open=True, provider=_TEXT, status=_TEXT))
]
