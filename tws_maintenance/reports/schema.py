"""A report and its results: the one shape that is written, read, checked, shown and published.

A JSON file may still hold anything: a report that was edited, or one of another program.
`parse_report` accepts only a complete report of ours. Keys are in their documented order.
"""

import operator
from collections.abc import Iterable
from datetime import date, datetime
from enum import StrEnum
from typing import Annotated, Any, Literal, Self

from pydantic import (
    AfterValidator,
    BaseModel,
    ConfigDict,
    Discriminator,
    Field,
    Tag,
    ValidationError,
    WithJsonSchema,
    model_validator,
)

from tws_maintenance.audit.results import ValidationStatus
from tws_maintenance.config.events_service import EventsService
from tws_maintenance.config.indices import MARKET_EVENTS, METADATA_VALIDATION
from tws_maintenance.constituents.diff import Changes
from tws_maintenance.constituents.vote import DecidedBy
from tws_maintenance.core.clock import parse_utc, utc_text


class TaskStatus(StrEnum):
    """How a task ended; a refused promotion has failed, a skipped task never started."""

    SUCCESS = "success"
    FAILED = "failed"
    SKIPPED = "skipped"
    PARTIAL_FAILURE = "partial_failure"


class RunStatus(StrEnum):
    """How a run ended."""

    COMPLETED = "completed"
    PARTIAL_FAILURE = "partial_failure"
    FAILED = "failed"
    INTERRUPTED = "interrupted"


class EntryPoint(StrEnum):
    """Where a run was started from."""

    CLI = "cli"
    CONSOLE = "console"
    SCHEDULE = "schedule"
    SENSOR = "sensor"
    DAGSTER_UI = "dagster_ui"
    DAGSTER_CLI = "dagster_cli"


def _instant(text: str) -> str:
    try:
        parse_utc(text)
    except OverflowError as error:
        raise ValueError(f"{text} is out of range") from error
    return text


def _day(text: str) -> str:
    return date.fromisoformat(text).isoformat()


def _named(text: str) -> str:
    if not text.strip():
        raise ValueError("a provider of events has no name")
    return text


def is_none(value: object) -> bool:
    """Return whether there is no value; such a key is left out."""
    return value is None


Instant = Annotated[str, AfterValidator(_instant)]
Day = Annotated[str, AfterValidator(_day)]
Count = Annotated[int, Field(ge=0)]
Texts = list[str]


class Part(BaseModel):
    """A part of what is written as JSON, such as a report.

    A key of a later version is ignored, a wrong type is refused.
    """

    model_config = ConfigDict(
        strict=True,
        extra="ignore",
        allow_inf_nan=False,
        validate_by_name=True,
        # What is written holds no other key.
        json_schema_extra={"additionalProperties": False},
    )

    def to_dict(self) -> dict[str, Any]:
        """Return it in the plain values of JSON."""
        return self.model_dump(mode="json", by_alias=True)


class Validation(Part):
    """The outcome of an audit, with its messages."""

    model_config = ConfigDict(
        json_schema_extra={
            "additionalProperties": False,
            "required": ["status", "warnings", "errors"],
        }
    )

    status: ValidationStatus = ValidationStatus.NOT_RUN
    warnings: Texts = []
    errors: Texts = []


class Result(Part):
    """The keys that the result of every task begins with, filled in while the task runs."""

    task: str
    status: TaskStatus = TaskStatus.SKIPPED
    dry_run: bool
    source: str | None = None
    started_at: Instant | None = None
    finished_at: Instant | None = None
    duration_seconds: float | None = None
    before_count: Count | None = None
    after_count: Count | None = None
    added: Texts = []
    removed: Texts = []
    validation: Validation = Field(default_factory=Validation)
    warnings: Texts = []
    errors: Texts = []

    def begin(self, at: datetime) -> None:
        """Note when the task started, unless it did before."""
        self.started_at = self.started_at or utc_text(at)

    def end(self, at: datetime) -> None:
        """Note when the task ended, and so how long it took."""
        self.begin(at)
        self.finished_at = utc_text(at)
        began = parse_utc(str(self.started_at))
        self.duration_seconds = round((at - began).total_seconds(), 3)

    @property
    def every_warning(self) -> Texts:
        """The warnings of the task and of its audit."""
        return [*self.warnings, *self.validation.warnings]

    @property
    def every_error(self) -> Texts:
        """The errors of the task and of its audit."""
        return [*self.errors, *self.validation.errors]


class SourceAnswer(Part):
    """The answer of one address; without a sha256 there was nothing to read.

    `usable` is whether its list voted; if not, `reason` says why.
    """

    name: str
    title: str
    url: str
    status: int | None
    sha256: str | None
    bytes: int | None
    fetched_at: str | None
    as_of: str | None = None
    usable: bool
    reason: str | None = None


class Dropped(Part):
    """A row of a source that is not a member, and why."""

    source: str = ""
    row: str
    reason: str


class Vote(Part):
    """Which usable sources list a symbol, and which do not."""

    symbol: str
    security: str = ""
    listed_by: Texts = []
    not_listed_by: Texts = []


class Undecided(Vote):
    """A symbol without a decision: it stays in the list if `kept`, else out of it.

    `reason` is "" where too few sources agree; the votes show that.
    """

    kept: bool
    reason: str = ""


class ChangedMember(Vote):
    """A symbol that joins or leaves, or the new ticker of a member."""

    outcome: str
    from_symbol: str = ""


class Membership(Part):
    """How it was decided who is a member.

    `rule` is `authority`, `quorum` or `single`; `unconfirmed` where too few sources were usable and
    the list stayed as it was. `votes` are the members of each usable source.
    """

    rule: str
    quorum: Count
    reason: str = ""
    votes: dict[str, Count] = {}
    undecided: list[Undecided] = []
    changed: list[ChangedMember] = []


class Announced(Part):
    """An announced change of an index, or a change of the list without an announcement.

    `effective_date` is a day of the index's market, null for a change that is `unexplained`.
    """

    effective_date: Day | None
    action: Literal["add", "remove"]
    symbol: str
    security: str = ""
    counterpart: str = ""
    reason: str = ""
    source: str = ""
    status: Literal["explains", "upcoming", "unexplained"]


class Cache(Part):
    """Whether a cache of the robot has seen what was published."""

    name: str
    outcome: str
    detail: str


class ListResult(Result):
    """The result of one list.

    `refusal` is the code of a refused promotion (`stale`, `too_old`, `used`, `unaudited`,
    `lock_held`, `missing`); exit codes distinguish a refusal from a failure by it.
    `announcements_known` is whether all announcements could be read; the key is left out if not.
    `announced_impact` holds, by symbol, whom the upcoming changes concern; symbols that concern
    nobody are left out. Positions and strategies are None where the robot could not be asked.
    """

    task: Annotated[str, WithJsonSchema({"type": "string", "pattern": "_constituents$"})]
    proposal_id: str | None = None
    proposal_sha256: str | None = None
    changes: Changes = Changes()
    sources: list[SourceAnswer] = []
    rows_read: Count | None = None
    rows_dropped: list[Dropped] = []
    membership: Membership | None = None
    announced: list[Announced] = []
    carried_forward: Count = 0
    impact: dict[str, Texts | None] = {"positions": [], "strategies": [], "watchlist": []}
    output_path: str | None = None
    backup_path: str | None = None
    changed: bool = False
    caches: list[Cache] = []
    refusal: str | None = None
    announcements_known: bool = Field(default=False, exclude_if=operator.not_)
    announced_impact: dict[str, dict[str, Texts | None]] = Field(
        default={}, exclude_if=operator.not_
    )

    @property
    def is_unconfirmed(self) -> bool:
        """Whether too few sources were usable to decide who is a member."""
        return self.membership is not None and self.membership.rule == DecidedBy.UNCONFIRMED


class NamedEvent(Part):
    """An event as a report names it."""

    event_type: str | None = None
    symbol: str | None = None
    date: str
    title: str


class EventsDiff(Part):
    """The events of a run by what happens to each."""

    new: list[NamedEvent] = []
    changed: list[NamedEvent] = []
    stale: list[NamedEvent] = []
    unchanged: list[NamedEvent] = []

    @property
    def is_empty(self) -> bool:
        """Whether nothing would change."""
        return not (self.new or self.changed or self.stale)


class SymbolAnswer(Part):
    """How Yahoo answered about one symbol."""

    outcome: str
    text: str | None = Field(default=None, exclude_if=is_none)


class Asked(Part):
    """A symbol whose events were asked for: where it came from, and the outcome."""

    origins: Texts = Field(validation_alias="from", serialization_alias="from")
    is_portfolio_relevant: bool = False
    outcome: str | None = None
    text: str | None = Field(default=None, exclude_if=is_none)


class ProviderResult(Part):
    """The answer of one provider. Only Yahoo has `symbols`; the last two are of the robot's log."""

    provider: Annotated[str, AfterValidator(_named)]
    event_type: str = ""
    status: str
    fetched: Count
    new: Count
    changed: Count
    unchanged: Count
    stale: Count
    errors: Count = 0
    error_message: str | None
    duration_seconds: float | None = None
    source: str | None = None
    symbols: dict[str, SymbolAnswer] | None = Field(default=None, exclude_if=is_none)
    upserted: Count | None = Field(default=None, exclude_if=is_none)
    is_robots_own: bool | None = Field(default=None, exclude_if=is_none)


class WindowShown(Part):
    """The days for which events were fetched; empty before the fetch."""

    start_at_utc: Instant | None = Field(default=None, exclude_if=is_none)
    end_at_utc: Instant | None = Field(default=None, exclude_if=is_none)
    days: Count | None = Field(default=None, exclude_if=is_none)


class ChangedField(Part):
    """One field of a changed event, before and after."""

    event_type: str
    symbol: str | None
    field: str
    before: str | None
    after: str | None


class OwnEvent(NamedEvent):
    """An event of a type that only the robot keeps; `change` is what happened to it."""

    change: str


class RobotsOwn(Part):
    """The robot's events of types that are not among our five."""

    count: Count
    types: dict[str, Count]
    events: list[OwnEvent]


class Moved(Part):
    """A near event of a held, traded or watched symbol that moved or is no longer listed."""

    kind: str
    event_type: str
    symbol: str | None
    before: str
    after: str | None
    text: str


class EventsResult(Result):
    """The result of market events; `service` names who keeps them, `refusal` as in `ListResult`."""

    task: Annotated[str, WithJsonSchema({"const": MARKET_EVENTS})]
    providers: list[ProviderResult] = []
    symbols: dict[str, Asked] = {}
    window: WindowShown = Field(default_factory=WindowShown)
    diff: EventsDiff = Field(default_factory=EventsDiff)
    changed_fields: list[ChangedField] = []
    moved: list[Moved] = []
    service: str = EventsService.EMBEDDED.value
    proposal_id: str | None = None
    proposal_sha256: str | None = None
    refusal: str | None = None
    robots_own: RobotsOwn | None = Field(default=None, exclude_if=is_none)

    @model_validator(mode="after")
    def _what_came_has_a_window(self) -> Self:
        if not self.diff.is_empty and self.window.days is None:
            raise ValueError("there are events, but no window of days for which they were fetched")
        return self


class FileAudit(Part):
    """The validation of one live file."""

    row_count: Count | None
    sha256: str | None = None
    last_refreshed_at: Instant | None
    stale: bool
    validation: Validation


class ValidationResult(Result):
    """The result of the validation of the live files, each by its index's key."""

    task: Annotated[str, WithJsonSchema({"const": METADATA_VALIDATION})]
    files: dict[str, FileAudit] = {}
    refusal: str | None = Field(default=None, exclude_if=is_none)


OTHER_TASKS = frozenset({MARKET_EVENTS, METADATA_VALIDATION})
TaskResult = ListResult | EventsResult | ValidationResult


def _kind(value: Any) -> str:
    task = value.get("task") if isinstance(value, dict) else getattr(value, "task", None)
    return task if isinstance(task, str) and task in OTHER_TASKS else "list"


AnyResult = Annotated[
    Annotated[ListResult, Tag("list")]
    | Annotated[EventsResult, Tag(MARKET_EVENTS)]
    | Annotated[ValidationResult, Tag(METADATA_VALIDATION)],
    Discriminator(_kind),
]


class Report(Part):
    """The record of one run."""

    report_id: str
    run_id: str
    entry_point: EntryPoint
    actor: str
    reason: str
    status: RunStatus
    dry_run: bool
    overrides: dict[str, bool]
    started_at: Instant
    finished_at: Instant
    duration_seconds: float
    results: list[AnyResult]
    warnings: Texts
    errors: Texts
    previous_report_sha256: str | None = None

    @property
    def lists(self) -> list[ListResult]:
        """The results of lists, in the order of the tasks."""
        return [one for one in self.results if isinstance(one, ListResult)]

    @property
    def events(self) -> EventsResult | None:
        """The result of market events, None where the run did not work on them."""
        return next((one for one in self.results if isinstance(one, EventsResult)), None)

    def of(self, task: str) -> "TaskResult | None":
        """Return the result of a task, None where the run did not work on it."""
        return next((one for one in self.results if one.task == task), None)


def new_result(task: str, *, dry_run: bool) -> TaskResult:
    """Return the result of `task` as it is before any step."""
    if task == MARKET_EVENTS:
        return EventsResult(task=task, dry_run=dry_run)
    if task == METADATA_VALIDATION:
        return ValidationResult(task=task, dry_run=dry_run)
    return ListResult(task=task, dry_run=dry_run)


def parse_report(content: bytes | str) -> Report:
    """Return the report that a file holds.

    Raises:
        ValueError: it is not a report of ours; the message names the first fault and its place.
    """
    try:
        return Report.model_validate_json(content)
    except ValidationError as error:
        first = error.errors(include_url=False, include_context=False, include_input=False)[0]
        place = ".".join(str(part) for part in first["loc"])
        raise ValueError(f"{place}: {first['msg']}" if place else first["msg"]) from error


def run_status(results: Iterable[Result], errors: Texts) -> RunStatus:
    """Return a run's status from its results: partial means some succeeded and some did not."""
    statuses = {result.status for result in results}
    good = bool(statuses & {TaskStatus.SUCCESS, TaskStatus.PARTIAL_FAILURE})
    bad = bool(statuses & {TaskStatus.FAILED, TaskStatus.PARTIAL_FAILURE}) or bool(errors)
    if good and bad:
        return RunStatus.PARTIAL_FAILURE
    return RunStatus.COMPLETED if good else RunStatus.FAILED
