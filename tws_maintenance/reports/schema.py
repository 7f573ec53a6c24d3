"""The form of a report: what whoever shows one can rely on.

A file that is JSON may still hold anything: a report of an older form, one that was edited, one
of another program. What belongs here: telling ours, whole, from all of that.
"""

from typing import Annotated, Any, Self

from pydantic import (
    AfterValidator,
    BaseModel,
    ConfigDict,
    Field,
    TypeAdapter,
    ValidationError,
    model_validator,
)

from tws_maintenance.core.clock import parse_utc


def _instant(text: str) -> str:
    try:
        parse_utc(text)
    except OverflowError as error:
        raise ValueError(f"{text} is out of range") from error
    return text


def _provider(text: str) -> str:
    if not text.strip():
        raise ValueError("a provider of events has no name")
    return text


Instant = Annotated[str, AfterValidator(_instant)]
Count = Annotated[int, Field(ge=0)]
Texts = list[str]


class _Part(BaseModel):
    model_config = ConfigDict(strict=True, extra="ignore", allow_inf_nan=False)


class _Validation(_Part):
    status: str
    warnings: Texts
    errors: Texts


class _Member(_Part):
    symbol: str
    security: str | None = None


class _Renamed(_Part):
    from_symbol: str
    to_symbol: str
    security: str


class _Updated(_Part):
    symbol: str
    field: str
    before: str
    after: str


class _Changes(_Part):
    added: list[_Member]
    removed: list[_Member]
    renamed: list[_Renamed]
    updated: list[_Updated]


class _Source(_Part):
    url: str
    sha256: str | None
    status: Any
    bytes: Any
    fetched_at: Any


class _Dropped(_Part):
    row: str
    reason: str


class _Result(_Part):
    task: str
    status: str
    dry_run: bool
    source: str | None
    started_at: Instant | None
    finished_at: Instant | None
    duration_seconds: float | None
    before_count: Count | None
    after_count: Count | None
    added: Texts
    removed: Texts
    validation: _Validation
    warnings: Texts
    errors: Texts
    refusal: str | None = None


class _DecidedBy(_Part):
    title: str
    as_of: str | None


class _Second(_Part):
    title: str
    as_of: str | None
    error: str | None
    is_old: bool
    only_here: list[_Member]
    only_there: list[_Member]


class _Corroboration(_Part):
    sources: list[_Second]
    changes: dict[str, str]


class _Cache(_Part):
    name: str
    outcome: str
    detail: str


class _ListResult(_Result):
    changes: _Changes
    impact: dict[str, Texts | None]
    sources: list[_Source]
    rows_dropped: list[_Dropped]
    changed: bool
    proposal_id: str | None
    output_path: str | None
    backup_path: str | None
    # Reports of before there were several sources, or a robot, have none of these.
    membership: _DecidedBy | None = None
    corroboration: _Corroboration | None = None
    caches: list[_Cache] = []


class _Event(_Part):
    date: str
    title: str


class _Diff(_Part):
    new: list[_Event]
    changed: list[_Event]
    stale: list[_Event]
    unchanged: list[_Event]


class _Provider(_Part):
    provider: Annotated[str, AfterValidator(_provider)]
    status: str
    fetched: Count
    new: Count
    changed: Count
    stale: Count
    unchanged: Count
    error_message: str | None


class _Asked(_Part):
    came_from: Annotated[Texts, Field(alias="from")]
    outcome: str | None


class _ChangedField(_Part):
    symbol: str | None
    event_type: str
    field: str
    before: str | None
    after: str | None


class _OwnEvent(_Event):
    event_type: str
    change: str


class _RobotsOwn(_Part):
    count: Count
    types: dict[str, Count]
    events: list[_OwnEvent]


class _Move(_Part):
    kind: str
    event_type: str
    symbol: str
    before: str
    after: str | None
    text: str


class _EventsResult(_Result):
    diff: _Diff
    providers: list[_Provider]
    symbols: dict[str, _Asked]
    window: dict[str, Any]
    changed_fields: list[_ChangedField]
    # Reports of before near events were followed have none.
    moved: list[_Move] = []
    service: str = "embedded"
    robots_own: _RobotsOwn | None = None

    @model_validator(mode="after")
    def _what_came_has_a_window(self) -> Self:
        if (self.diff.new or self.diff.changed or self.diff.stale) and "days" not in self.window:
            raise ValueError("there are events, and no window that they were looked for in")
        return self


class _File(_Part):
    row_count: Count | None
    last_refreshed_at: Instant | None
    stale: bool
    validation: _Validation


class _AuditResult(_Result):
    files: dict[str, _File]


class _Report(_Part):
    report_id: str
    run_id: str
    entry_point: str
    actor: str
    reason: str
    status: str
    dry_run: bool
    overrides: dict[str, bool]
    started_at: Instant
    finished_at: Instant
    duration_seconds: float
    results: list[_ListResult | _EventsResult | _AuditResult]
    warnings: Texts
    errors: Texts


_REPORT = TypeAdapter(_Report)


def fault_of(report: dict[str, Any]) -> str:
    """Return what keeps a report from being one of ours, "" where nothing does."""
    try:
        _REPORT.validate_python(report)
    except ValidationError as error:
        first = error.errors(include_url=False, include_context=False, include_input=False)[0]
        place = ".".join(str(part) for part in first["loc"] if not str(part).startswith("_"))
        return f"{place}: {first['msg']}"
    return ""


def is_whole(report: dict[str, Any]) -> bool:
    """Tell whether a report has all that a report of ours has, of the right types."""
    return not fault_of(report)
