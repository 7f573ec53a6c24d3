"""The requests of the API: strict types, unknown fields refused, defaults that change nothing.

`"false"` is not false and `[]` is not "all". The OpenAPI description derives from these models, so
it describes what is enforced. The valid tasks, venues and symbols depend on what the home
maintains; that is the context in which a body is validated and described. A body that starts a run
also returns the spec of that run.
"""

import json
import re
from collections.abc import Callable, Mapping
from datetime import date
from typing import Annotated, Any, Literal, Self, TypeVar

from pydantic import (
    AfterValidator,
    BaseModel,
    BeforeValidator,
    ConfigDict,
    Field,
    ValidationError,
    ValidationInfo,
    model_validator,
)
from pydantic.config import JsonDict
from pydantic_core import PydanticKnownError

from tws_maintenance.config.indices import (
    ALL_TASKS,
    DECLARED,
    DEFAULT_DAYS,
    MARKET_EVENTS,
    MAX_DAYS,
    Maintained,
    maintained,
)
from tws_maintenance.config.symbol_markets import markets_at, read_symbol
from tws_maintenance.console.api.responses import FieldFault, FieldFaults
from tws_maintenance.console.api_error import ApiError
from tws_maintenance.core.errors import UsageError
from tws_maintenance.market_events.providers.closures import MAX_REASON, MAX_TITLE, check_time
from tws_maintenance.runs import request
from tws_maintenance.runs.request import RunSpec

MAX_WAIT_SECONDS = 120
DEFAULT_WAIT_SECONDS = 30
REPORT_ID_PATTERN = r"^maintenance_[0-9]{8}_[0-9]{6}(_[0-9]{1,4})?$"
# Also reports of an older form, which are listed and shown.
ANY_REPORT_ID_PATTERN = r"^maintenance_[A-Za-z0-9_.-]{1,100}$"
RUN_ID_PATTERN = r"^[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12}$"
BACKUP_PATTERN = r"^(newest|[0-9]{8}_[0-9]{6}(_[0-9]{1,4})?)$"
_CONTROL = r"\x00-\x1f\x7f-\x9f\u2028\u2029"
# One line of plain text: it goes into reports, logs and a terminal.
PLAIN_LINE = rf"^[^{_CONTROL}]*$"
# The same, but not blank.
FILLED_LINE = rf"^[^{_CONTROL}]*[^\s{_CONTROL}][^{_CONTROL}]*$"
MAX_SYMBOLS = 100
# Marks a field whose words depend on the home; `described` replaces it.
OF_HOME = "x-of-home"
# The words that a field accepts, by its mark.
_WORDS: dict[str, Callable[[Maintained], tuple[str, ...]]] = {
    "tasks": lambda home: (*home.tasks, *home.groups),
    "lists": lambda home: home.constituent_tasks,
    "venues": lambda home: tuple(venue.code for venue in home.venues),
}


def described(schema: Any, home: Maintained) -> Any:
    """Return a JSON schema with a home's tasks, venues and symbols in the marked fields."""
    if isinstance(schema, list):
        return [described(one, home) for one in schema]
    if not isinstance(schema, dict):
        return schema
    found = {key: described(one, home) for key, one in schema.items() if key != OF_HOME}
    mark = schema.get(OF_HOME)
    if mark == "symbols":
        return {**found, "pattern": _symbol_pattern(home)}
    return {**found, "enum": list(_WORDS[mark](home))} if mark else found


def _home_of(info: ValidationInfo) -> Maintained:
    """Return what the home of the validated body maintains; without one, what every home does."""
    return info.context if isinstance(info.context, Maintained) else maintained()


def _word(mark: str) -> Callable[[str, ValidationInfo], str]:
    def check(value: str, info: ValidationInfo) -> str:
        home = _home_of(info)
        words = _WORDS[mark](home)
        if value in words:
            return value
        for index in DECLARED.values():
            if value == index.task and index not in home:
                raise ValueError(index.how_to_switch_on)
        *first, last = map(repr, words)
        raise PydanticKnownError("literal_error", {"expected": f"{', '.join(first)} or {last}"})

    return check


def _symbol_pattern(home: Maintained) -> str:
    """Return the pattern of the symbols that `symbol_markets` reads, only in canonical form."""
    return f"^({'|'.join(market.pattern for market in markets_at(home.venues))})$"


def _canonical(value: Any, info: ValidationInfo) -> Any:
    """Return a canonical symbol. Raises ValueError with the fault or the canonical form."""
    home = _home_of(info)
    if isinstance(value, str) and not re.fullmatch(_symbol_pattern(home).strip("^$"), value):
        try:
            symbol = read_symbol(value, home.venues)
        except UsageError as error:
            raise ValueError(str(error)) from error
        raise ValueError(f"write {value!r} as {symbol}")
    return value


TaskName = Annotated[
    str, AfterValidator(_word("tasks")), Field(json_schema_extra={OF_HOME: "tasks"})
]
ListTask = Annotated[
    str, AfterValidator(_word("lists")), Field(json_schema_extra={OF_HOME: "lists"})
]
Symbol = Annotated[
    str,
    Field(examples=["AAPL", "D05.SI", "0005.HK"], json_schema_extra={OF_HOME: "symbols"}),
    BeforeValidator(_canonical),
]
Wait = Annotated[
    float,
    Field(
        ge=0,
        le=MAX_WAIT_SECONDS,
        allow_inf_nan=False,
        description="Seconds to wait for the run's end; 0 answers at once.",
    ),
]
Reason = Annotated[request.Reason, Field(max_length=500, pattern=PLAIN_LINE)]


def _integral(value: Any) -> Any:
    """Return 28 for 28.0: in JSON, and so in the API's description, they are the same number."""
    return int(value) if isinstance(value, float) and value.is_integer() else value


Days = Annotated[request.Days, Field(ge=1, le=MAX_DAYS), BeforeValidator(_integral)]
Symbols = Annotated[
    list[Symbol],
    Field(max_length=MAX_SYMBOLS, description="Also fetch the events of these symbols."),
]


class _Body(BaseModel):
    model_config = ConfigDict(extra="forbid", strict=True, frozen=True)


class _RunBody(_Body):
    """A body that starts a run; fields that it shares with `RunSpec` have the same names."""

    def _spec(self, actor: str, tasks: tuple[str, ...], backup: str = "") -> RunSpec:
        """Return the requested run: an apply, unless the body has a `dry_run`."""
        own = {name: value for name, value in self if name in RunSpec.__dataclass_fields__}
        wanted = {"dry_run": False, **own, "tasks": tasks, "backup": backup, "actor": actor}
        return RunSpec(**wanted)


# Fields that only market events use must not be ignored silently.
_EVENTS_FIELDS_NEED_EVENTS: JsonDict = {
    "if": {"anyOf": [{"required": ["symbols"]}, {"required": ["days"]}]},
    "then": {
        "anyOf": [
            {"not": {"required": ["tasks"]}},
            {"properties": {"tasks": {"contains": {"enum": [MARKET_EVENTS, "all"]}}}},
        ]
    },
}


class RunBody(_RunBody):
    """Start a run: a dry run of everything unless the body says otherwise."""

    model_config = ConfigDict(json_schema_extra=_EVENTS_FIELDS_NEED_EVENTS)

    tasks: Annotated[
        list[TaskName], Field(min_length=1, description="Tasks or groups of tasks.")
    ] = ["all"]
    dry_run: bool = True
    symbols: Symbols = []
    days: Days = DEFAULT_DAYS
    allow_large_change: request.AllowLargeChange = False
    reason: Reason = ""
    wait: Wait = DEFAULT_WAIT_SECONDS

    @model_validator(mode="after")
    def _events_fields_need_events(self) -> Self:
        given = self.model_fields_set.intersection(request.FOR_EVENTS)
        if given and not {MARKET_EVENTS, "all"} & set(self.tasks):
            raise ValueError(
                f"{' and '.join(sorted(given))} need the task {MARKET_EVENTS}, which this run does "
                "not include"
            )
        return self

    def spec(self, home: Maintained, actor: str) -> RunSpec:
        """Return the run that fetches, audits and, if requested, applies."""
        return self._spec(actor, home.expanded(self.tasks))


class PromoteBody(_RunBody):
    """Publish exactly what a dry run staged; all its lists unless `tasks` names some."""

    report_id: Annotated[str, Field(pattern=REPORT_ID_PATTERN)]
    tasks: Annotated[list[ListTask], Field(min_length=1)] | None = None
    reason: Reason = ""
    wait: Wait = DEFAULT_WAIT_SECONDS

    def spec(self, tasks: tuple[str, ...], actor: str) -> RunSpec:
        """Return the run that publishes what the dry run staged for `tasks`."""
        return self._spec(actor, tasks)


class RestoreBody(_RunBody):
    """Preview the restore of a backup, or restore it with `dry_run: false`."""

    task: ListTask
    backup: Annotated[str, Field(pattern=BACKUP_PATTERN)] = request.NEWEST
    dry_run: bool = True
    allow_large_change: request.AllowLargeChange = False
    reason: Reason = ""
    wait: Wait = DEFAULT_WAIT_SECONDS

    def spec(self, backup: str, actor: str) -> RunSpec:
        """Return the run that previews or does the restore of the backup with the id `backup`."""
        return self._spec(actor, (self.task,), backup)


class RefreshBody(_RunBody):
    """Fetch, audit and store market events."""

    symbols: Symbols = []
    days: Days = DEFAULT_DAYS
    wait: Wait = DEFAULT_WAIT_SECONDS

    def spec(self, actor: str) -> RunSpec:
        """Return the run that fetches, audits and stores market events."""
        return self._spec(actor, (MARKET_EVENTS,))


class WatchlistBody(_Body):
    """A symbol to add to the watchlist, or to remove from it."""

    symbol: Symbol


def _plain_date(value: Any) -> Any:
    """Return a date such as 2027-01-31; refuse the other notations that pydantic accepts."""
    if isinstance(value, str):
        if not re.fullmatch(r"[0-9]{4}-[0-9]{2}-[0-9]{2}", value):
            raise ValueError("must be a date such as 2027-01-31")
        return date.fromisoformat(value)
    return value


VenueCode = Annotated[
    str, AfterValidator(_word("venues")), Field(json_schema_extra={OF_HOME: "venues"})
]
Day = Annotated[
    date,
    BeforeValidator(_plain_date),
    Field(description="The day in the venue's calendar."),
]


class ClosureBody(_Body):
    """A closure that was announced and that the calendar packages do not have yet."""

    model_config = ConfigDict(
        json_schema_extra={
            "if": {"properties": {"type": {"const": "early_close"}}},
            "then": {"required": ["closes"], "properties": {"closes": {"type": "string"}}},
            "else": {"properties": {"closes": {"type": "null"}}},
        }
    )

    type: Literal["holiday", "early_close"]
    venue: VenueCode
    date: Day
    closes: Annotated[
        str | None,
        Field(
            pattern=r"^([01][0-9]|2[0-3]):[0-5][0-9]$",
            description="The time of an early close, in the venue's local time.",
        ),
    ] = None
    title: Annotated[
        str,
        Field(min_length=1, max_length=MAX_TITLE, pattern=FILLED_LINE, description="The occasion."),
    ]
    reason: Annotated[
        str,
        Field(
            min_length=1,
            max_length=MAX_REASON,
            pattern=FILLED_LINE,
            description="The source of the announcement; kept with the operator's name.",
        ),
    ]

    @model_validator(mode="after")
    def _early_closes_have_a_time(self) -> Self:
        try:
            check_time(self.type, self.closes, "closes")
        except UsageError as error:
            raise ValueError(str(error).removesuffix(".")) from error
        return self


class ClosureRemovalBody(_Body):
    """A closure to remove that an operator added."""

    venue: VenueCode
    date: Day
    reason: Reason = ""


def _whole_number(text: str) -> int:
    """Return the number in a query; refuse `1_0` and ` 1`, which Python would accept."""
    if not re.fullmatch(r"[0-9]{1,9}", text):
        raise ValueError("must be a whole number")
    return int(text)


_Number = BeforeValidator(_whole_number)


class _Query(BaseModel):
    model_config = ConfigDict(extra="forbid")


class _Page(_Query):
    limit: Annotated[int, Field(ge=1, le=200), _Number] = 20
    offset: Annotated[int, Field(ge=0, le=10_000_000), _Number] = 0


class ReportsQuery(_Page):
    """A page of the reports, and a filter."""

    status: Literal["completed", "partial_failure", "failed", "interrupted", "damaged"] | None = (
        None
    )
    task: Literal[*ALL_TASKS] | None = None  # type: ignore[valid-type]


class UpcomingQuery(_Query):
    """A filter of the coming events."""

    days: Annotated[Days, _Number] = DEFAULT_DAYS
    type: Literal["EARNINGS", "DIVIDEND", "FOMC", "MARKET_HOLIDAY", "MARKET_EARLY_CLOSE"] | None = (
        None
    )
    symbol: Symbol | None = None


class SyncLogQuery(_Page):
    """A page of the log of syncs."""


class FormatQuery(_Query):
    """The format of a report."""

    format: Literal["json", "md"] = "json"


class NoQuery(_Query):
    """An address that takes no parameter."""


Model = TypeVar("Model", bound=BaseModel)


def read_body(model: type[Model], content: bytes, home: Maintained) -> Model:
    """Return the JSON body as `model`, validated for a home that maintains `home`.

    Raises:
        ApiError: 400, naming each field that is wrong.
    """
    try:
        found = model.model_validate_json(content, context=home)
    except ValidationError as error:
        raise _refused(error, "body") from None
    # Only after validation: a valid body is flat, so Python's own reader can read it.
    names = [name for name, _ in json.loads(content, object_pairs_hook=list)]
    twice = sorted({name for name in names if names.count(name) > 1})
    if twice:
        faults = [FieldFault(field=name, message="given more than once") for name in twice]
        raise ApiError(
            400,
            "invalid_body",
            f"Given more than once: {', '.join(twice)}. Nothing was started.",
            FieldFaults(fields=faults),
        )
    return found


def read_values(model: type[Model], values: Mapping[str, object], home: Maintained) -> Model:
    """Return the values of a form as `model`, validated for a home that maintains `home`.

    Raises:
        ApiError: 400, naming each field that is wrong.
    """
    try:
        return model.model_validate(values, context=home)
    except ValidationError as error:
        raise _refused(error, "body") from None


def read_query(
    model: type[Model], values: dict[str, list[str]], home: Maintained | None = None
) -> Model:
    """Return the parameters of an address as `model`; each may be given once.

    Raises:
        ApiError: 400, naming each parameter that is wrong.
    """
    twice = sorted(name for name, given in values.items() if len(given) > 1)
    if twice:
        raise ApiError(400, "invalid_query", f"Given more than once: {', '.join(twice)}.")
    try:
        return model.model_validate(
            {name: given[0] for name, given in values.items()}, context=home
        )
    except ValidationError as error:
        raise _refused(error, "query") from None


def _refused(error: ValidationError, what: str) -> ApiError:
    faults = [
        FieldFault(
            field=".".join(str(part) for part in one["loc"]) or what,
            message=str(one["msg"]).removeprefix("Value error, "),
        )
        for one in error.errors(include_url=False, include_context=False, include_input=False)
    ]
    named = "; ".join(f"{one.field}: {one.message}" for one in faults)
    message = f"{named}. Nothing was started."
    return ApiError(400, f"invalid_{what}", message, FieldFaults(fields=faults))
