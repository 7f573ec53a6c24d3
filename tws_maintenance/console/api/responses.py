"""The answers of the API: one strict model for each answer.

The views build these models and the OpenAPI description derives from them. The order of the fields
is the order of the keys. An `Omissible` field is written only if it has a value. The models of
`reports.status` are answered unchanged, with addresses added. Reports are passed on as their files
hold them: the schema lists the words of this version, and another word, from an older or edited
report, is passed on, because one odd file must not prevent every status.
"""

from typing import Annotated, Any, Literal

from pydantic import ConfigDict, Field, WithJsonSchema
from pydantic.json_schema import SkipJsonSchema

from tws_maintenance.pipeline.run_records import CheckOutcome, RunState, StepState
from tws_maintenance.reports import schema, status
from tws_maintenance.reports.schema import Count, Part, Validation, is_none
from tws_maintenance.reports.status import Instant, TaskName

# A JSON object whose keys this program does not decide, or whose values it only passes on.
JsonObject = dict[str, Any]
RunStatus = Annotated[str, WithJsonSchema({"type": "string", "enum": [*schema.RunStatus]})]
# A date that was checked when it was made.
Day = Annotated[str, WithJsonSchema({"type": "string", "format": "date"})]


def _without_default(schema: JsonObject) -> None:
    """Remove the default from a field's schema: a key without a value is left out."""
    schema.pop("default", None)


Omissible = Field(json_schema_extra=_without_default, exclude_if=is_none)


class Answer(Part):
    """The base of every answer that is built here: unknown fields are refused, no field changes."""

    model_config = ConfigDict(extra="forbid", frozen=True)


class Proposal(Answer):
    """The newest proposal for a list, and whether it can be promoted."""

    proposal_id: str
    report_id: str
    state: Literal["waiting", "promoted", "rejected", "stale", "too_old"]
    why: str
    created_at: Instant
    before_count: Count | None
    after_count: Count
    added: Count
    removed: Count
    renamed: Count
    updated: Count


class ListStatus(status.ListStatus):
    """One index list: its file, its last refresh and what waits for it."""

    file_audit: Validation
    proposal: Proposal | None
    run_url: str | None


class EventsStatus(status.EventsStatus):
    """The last sync of market events, and whether a newer one is needed."""

    run_url: str | None


class LatestReport(status.LatestReport):
    """The newest report in short."""

    run_url: str | None


class Venue(Answer):
    """An exchange by its own clock; `local_time` looks like "Fri 16:05"."""

    venue: str
    name: str
    state: Literal["open", "lunch", "closed", "unknown"]
    until: Instant | None
    timezone: str
    local_time: str


class Robot(Answer):
    """The trading robot as it last answered; the counts are null until it has."""

    url: str
    problem: str | None
    positions: Count | None
    strategies: Count | None


class RunFacts(Answer):
    """A run, its tasks and who started it."""

    run_id: str
    report_id: str | None
    state: RunState
    tasks: list[TaskName]
    dry_run: bool
    job: str | None
    entry_point: str | None
    actor: str | None
    created_at: Instant | None
    started_at: Instant | None


class RunLine(RunFacts):
    """A run with the address of its page in Dagster."""

    run_url: str | None


class Status(Answer):
    """What is fresh, what waits and what runs; `robot` only where one is configured."""

    constituents: list[ListStatus]
    market_events: EventsStatus
    latest_report: LatestReport | None
    venues: list[Venue]
    running: list[RunLine]
    robot: Annotated[Robot | SkipJsonSchema[None], Omissible] = None


class Step(Answer):
    """One step of a run."""

    step: str
    task: TaskName
    state: StepState
    started_at: Instant | None
    finished_at: Instant | None
    message: str


class Check(Answer):
    """The outcome of one asset check."""

    task: TaskName
    name: str
    outcome: CheckOutcome
    message: str
    asset: str


class Run(RunLine):
    """One run with its steps and checks; `status` is its report's, null until there is one."""

    steps: list[Step]
    checks: list[Check]
    finished_at: Instant | None
    status: RunStatus | None


class Started(Answer):
    """A run that is still in progress."""

    run_id: str
    status_url: str


class DamagedReport(Answer):
    """A report whose file cannot be read as a report: the problem, and the text that is left."""

    report_id: str
    damaged: Literal[True]
    problem: str
    text: str


class ReportLine(Answer):
    """A report in the list of reports; `warnings` and `errors` are counts."""

    report_id: str
    run_id: str | None
    status: str | None
    dry_run: bool | None
    finished_at: str | None
    warnings: Count
    errors: Count
    damaged: bool


class Reports(Answer):
    """A page of the reports, newest first; `total` counts all that match."""

    reports: list[ReportLine]
    total: Count


class Generation(Answer):
    """The last promotion of an index; null before the first."""

    index: str
    task: TaskName
    generation: str | None
    report_id: str | None
    promoted_at: Instant | None
    sha256: str | None


class CacheState(Answer):
    """One cache of the robot: the generation on disk and the one that the cache was emptied for."""

    generation: str | None
    seen: str | None
    invalidated_at: Instant | None
    error: str | None


class Caches(Answer):
    """The generation of each index; `caches` and `pid` only where the robot hosts the console."""

    generations: list[Generation]
    caches: Annotated[dict[str, CacheState] | SkipJsonSchema[None], Omissible] = None
    pid: Annotated[Count | SkipJsonSchema[None], Omissible] = None


class Badge(Answer):
    """A badge for shields.io: https://shields.io/badges/endpoint-badge."""

    schemaVersion: Literal[1]  # noqa: N815 - shields.io's own name
    label: str
    message: str
    color: str
    isError: bool  # noqa: N815


class Event(Answer):
    """A coming market event; `days_away` counts days in the event's own market."""

    event_id: str
    event_type: str
    symbol: str | None
    title: str
    event_date: Day
    end_date: Day | None
    event_time: str | None
    start_at_utc: Instant | None
    market_timezone: str
    source: str
    confidence: str
    status: str
    unconfirmed_since: Day | None
    severity: Literal["high", "medium", "low"]
    days_away: Count
    is_portfolio_relevant: bool
    detail: JsonObject


class ProviderSync(Answer):
    """How a provider's newest sync ended; the robot's log gives no end of the window."""

    provider: str
    status: str
    finished_at: Instant | None
    window_end_at_utc: Annotated[Instant | SkipJsonSchema[None], Omissible] = None
    error_message: str | None


class LastSync(Answer):
    """The newest sync, and why its events may be outdated or incomplete."""

    finished_at: Instant
    providers: list[ProviderSync]
    warnings: list[str]


class RobotsEvent(Answer):
    """An event of a type that only the robot keeps."""

    event_type: str
    symbol: str | None
    date: str
    title: str


class Upcoming(Answer):
    """The coming events; `robots_own` only where the robot keeps the events."""

    events: list[Event]
    count: Count
    last_sync: LastSync | None
    robots_own: Annotated[list[RobotsEvent] | SkipJsonSchema[None], Omissible] = None


class Sync(Answer):
    """One provider in one sync; instants are null where the robot's log does not give them."""

    provider: str
    event_type: str
    status: str
    fetched_count: Count
    upserted_count: Count
    stale_count: Count
    error_count: Count
    error_message: str | None
    sync_started_at: Instant | None
    sync_finished_at: Instant | None
    window_start_utc: Instant | None
    window_end_utc: Instant | None
    detail: JsonObject


class SyncLog(Answer):
    """A page of the log of syncs, newest first."""

    logs: list[Sync]
    count: Count


class Closure(Answer):
    """A closure of an exchange that an operator added."""

    venue: str
    type: Literal["holiday", "early_close"]
    date: Day
    closes: str | None
    title: str
    reason: str
    actor: str
    added_at: Instant


class Closures(Answer):
    """The operators' closures from today on; `warnings` say where the packages disagree."""

    closures: list[Closure]
    count: Count
    warnings: list[str]


class ClosuresChanged(Answer):
    """The closures after a change, with the one that was added or removed."""

    added: Annotated[Closure | SkipJsonSchema[None], Omissible] = None
    removed: Annotated[Closure | SkipJsonSchema[None], Omissible] = None
    closures: list[Closure]
    count: Count
    warnings: list[str]


class WatchedSymbol(Answer):
    """A symbol of the watchlist."""

    symbol: str
    added_at: str | None


class Watchlist(Answer):
    """The watchlist; `unreadable` are lines of its file that are not symbols."""

    watchlist: list[WatchedSymbol]
    count: Count
    unreadable: list[str]


class WatchlistChanged(Answer):
    """The watchlist after a change, with what was added or removed."""

    added: Annotated[list[str] | SkipJsonSchema[None], Omissible] = None
    removed: Annotated[list[str] | SkipJsonSchema[None], Omissible] = None
    watchlist: list[WatchedSymbol]
    count: Count
    unreadable: list[str]


class FieldFault(Answer):
    """One field of a request, and what is wrong with it."""

    field: str
    message: str


class FieldFaults(Answer):
    """The fields of a request that were refused."""

    fields: list[FieldFault]


class RunInProgress(Answer):
    """The run that works on one of the same tasks."""

    running: RunFacts


class ProposalRefusal(Answer):
    """Why a list of a dry run cannot be promoted."""

    task: TaskName
    state: str
    why: str


class ProposalRefusals(Answer):
    """The lists of a dry run that cannot be promoted."""

    proposals: list[ProposalRefusal]


Detail = FieldFaults | RunInProgress | ProposalRefusals | None


class Fault(Answer):
    """Why a request was refused: `code` for programs, `message` for people, `detail` for both."""

    code: str
    message: str
    detail: Detail


class Error(Answer):
    """The one shape of every refusal."""

    error: Fault
