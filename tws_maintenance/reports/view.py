"""What people read in a report: every sentence, count and table, decided once.

What belongs here: pure functions of a report. What does not: the layout, which belongs to the
Markdown writer, the command line and the console's templates.
"""

import shlex
from collections.abc import Iterable, Iterator
from dataclasses import dataclass, replace
from itertools import groupby
from typing import Literal, NamedTuple

from tws_maintenance.config.events_service import EventsService
from tws_maintenance.config.indices import (
    DEFAULT_DAYS,
    DEFAULT_MAX_SYMBOLS,
    MARKET_EVENTS,
    task_name,
)
from tws_maintenance.constituents.csv_file import UNREADABLE
from tws_maintenance.constituents.diff import Changes, Member
from tws_maintenance.core.errors import ProposalOutdated
from tws_maintenance.core.text import counted, words
from tws_maintenance.market_events.model import provider_title
from tws_maintenance.reports.file_names import BACKUP_SOURCE
from tws_maintenance.reports.schema import (
    Asked,
    EventsDiff,
    EventsResult,
    ListResult,
    NamedEvent,
    ProviderResult,
    Report,
    Result,
    TaskResult,
    ValidationResult,
)
from tws_maintenance.reports.summary import kind_of
from tws_maintenance.reports.vote_words import VOTE, source_lines, titles_of

CONCERNED = {"positions": "you hold", "strategies": "traded by", "watchlist": "you watch"}
NOT_KNOWN = "not known: the robot could not be asked"
UNKNOWN = "-"
_ABBREVIATIONS = ("FOMC", "CPI", "PPI", "GDP", "SEC", "8K", "10Q", "10K", "S3")
_PROPER = {**{word: word for word in _ABBREVIATIONS}, "FED": "Fed", "FORM4": "form 4"}

# The kind of a piece of text: each output writes it in its own way.
Style = Literal["text", "address", "code", "time", "status"]
# What a fact is about: the outcome of the run, where it came from, or the proof of that.
Part = Literal["outcome", "origin", "evidence"]


class Span(NamedTuple):
    """A piece of a text."""

    text: str
    style: Style = "text"


class Fact(NamedTuple):
    """A fact with its label."""

    label: str
    spans: tuple[Span, ...]
    part: Part = "origin"

    @property
    def text(self) -> str:
        """The fact as plain text."""
        return "".join(span.text for span in self.spans)


class Group(NamedTuple):
    """The texts of one kind: a line each, or one line where `joint` joins them.

    `folded` are many more texts, which only a page shows, because it can fold them.
    """

    kind: str
    texts: tuple[str, ...]
    joint: str = ""
    folded: tuple[str, ...] = ()


class Table(NamedTuple):
    """A table; its columns of texts come first, then those of numbers, the last of them seconds."""

    texts: tuple[str, ...]
    numbers: tuple[str, ...]
    rows: tuple[tuple[str, ...], ...]


@dataclass(frozen=True)
class ResultView:
    """What people read about one task: its `status` as a code, and as words in `state`.

    `changes` are what differs, `reasons` why, and `concerns` whom it concerns; `summary` is the
    row of the table of lists in words.
    """

    name: str
    status: str
    state: str
    audit: str
    errors: tuple[Group, ...]
    warnings: tuple[Group, ...]
    facts: tuple[Fact, ...]
    summary: str = ""
    table: Table | None = None
    files: tuple[Fact, ...] = ()
    changes: tuple[Group, ...] = ()
    reasons: tuple[Group, ...] = ()
    concerns: tuple[Group, ...] = ()

    @property
    def groups(self) -> tuple[Group, ...]:
        """What changes, why, whom it concerns, and what is wrong, in the order to read it."""
        return (*self.changes, *self.reasons, *self.concerns, *self.errors, *self.warnings)


@dataclass(frozen=True)
class ReportView:
    """What people read in `report`; `own` are the errors and warnings of the run itself.

    `next_steps` are (what for, command); where a dry run has none, `remark` may say why.
    """

    report: Report
    kind: str
    verdict: str
    by: str
    notes: tuple[Fact, ...]
    lists: Table | None
    results: tuple[ResultView, ...]
    own: tuple[Group, ...]
    next_steps: tuple[tuple[str, str], ...]
    remark: str


def view_of(report: Report) -> ReportView:
    """Return what people read in a report."""
    results, next_steps = report.results, tuple(_next_steps(report))
    warned = {f"{one.task}: {text}" for one in results for text in one.every_warning}
    failed = {f"{one.task}: {text}" for one in results for text in one.every_error}
    staged = any(one and one.proposal_id for one in (*report.lists, report.events))
    is_idle = report.dry_run and report.status == "completed" and staged and not next_steps
    return ReportView(
        report=report,
        kind=kind_of(report),
        verdict=verdict(report),
        by=f"by {report.actor} ({words(report.entry_point)})",
        notes=tuple(_notes(report)),
        lists=_list_table(report.lists),
        results=tuple(view_of_result(one) for one in results),
        own=(
            *_all("error", [text for text in report.errors if text not in failed]),
            *_all("warning", [text for text in report.warnings if text not in warned]),
        ),
        next_steps=next_steps,
        remark="Nothing would change." if is_idle else "",
    )


def view_of_result(result: TaskResult) -> ResultView:
    """Return what people read about one task of a report."""
    plain = ResultView(
        name=task_name(result.task),
        status=result.status,
        state=state_of(result),
        audit=_audit(result),
        errors=_all("error", result.every_error),
        warnings=_all("warning", result.every_warning),
        facts=tuple(one for one in _facts(result) if one.text),
    )
    match result:
        case ListResult():
            return _of_list(plain, result)
        case EventsResult():
            return _of_events(plain, result)
    return replace(plain, files=tuple(_files(result)))


def verdict(report: Report) -> str:
    """Return the outcome of a run and what it did to the files, in short sentences."""
    results, kind = report.results, kind_of(report)
    ended = "partly failed" if report.status == "partial_failure" else report.status
    unconfirmed = [
        task_name(one.task)
        for one in report.lists
        if one.is_unconfirmed and one.status == "partial_failure"
    ]
    failed = [task_name(one.task) for one in results if one.status == "failed"]
    failed += [name for one in results for name in failed_providers(one) if one.status != "failed"]
    parts = [f"{kind.capitalize()} {ended}.", *_stored(report, kind)]
    if unconfirmed:
        parts.append(f"Not confirmed: {', '.join(unconfirmed)}.")
    if failed:
        parts.append(f"Failed: {', '.join(failed)}.")
    return " ".join(parts)


def _stored(report: Report, kind: str) -> Iterator[str]:
    """Yield what happened to the files and to the stored events."""
    replaced = [task_name(one.task) for one in report.lists if one.changed]
    stored = [text for one in report.results if (text := _stored_events(one))]
    skipped = any(one.status == "skipped" for one in report.results)
    if replaced:
        yield f"Replaced: {', '.join(replaced)}."
    elif stored or kind == "validation":
        pass
    elif not report.dry_run and report.status == "completed" and not skipped:
        yield "Nothing to change: the files were up to date."
    else:
        is_of_files = report.lists or not report.results
        yield "No file was replaced." if is_of_files else "Nothing was stored."
    yield from stored


def state_of(result: TaskResult) -> str:
    """Return a task's status in words that distinguish a replaced file from an unchanged one."""
    if isinstance(result, ListResult):
        if result.status == "success" and not result.dry_run:
            return "replaced" if result.changed else "nothing to change"
        if result.is_unconfirmed and result.status != "failed":
            return "not confirmed"
    if code := result.refusal:
        return f"refused ({'outdated' if code == ProposalOutdated.code else words(code)})"
    return words(result.status)


def change_groups(changes: Changes) -> Iterator[Group]:
    """Yield the changes of a list by kind, each change once."""
    moved = {symbol for one in changes.renamed for symbol in (one.from_symbol, one.to_symbol)}
    for kind, found in (("added", changes.added), ("removed", changes.removed)):
        if members := [_named(one) for one in found if one.symbol not in moved]:
            yield Group(kind, tuple(members), ", ")
    renames = ((one.from_symbol, Member(one.to_symbol, one.security)) for one in changes.renamed)
    yield from _all("renamed", (f"{former} is now {_named(now)}" for former, now in renames))
    fields = ((f"{u.symbol} {u.field}", u.before, u.after) for u in changes.updated)
    yield from _all("changed", (_change(*one, "(blank)") for one in fields))


def grouped(lines: Iterable[tuple[str, str]]) -> Iterator[Group]:
    """Yield a group of each run of lines (kind, text) with the same kind."""
    for kind, found in groupby(lines, key=lambda line: line[0]):
        yield Group(kind, tuple(text for _, text in found))


def _all(kind: str, texts: Iterable[str]) -> tuple[Group, ...]:
    return tuple(grouped((kind, text) for text in texts))


def _of_list(plain: ResultView, result: ListResult) -> ResultView:
    if result.refusal:
        return replace(plain, summary="Refused, so nothing was changed.")
    if result.after_count is None:
        is_known = result.status == "skipped"
        summary = "" if is_known else "Nothing was staged, so the changes are not known."
        return replace(plain, summary=summary)
    reasons = tuple(grouped(source_lines(result)))
    if result.before_count is None:
        # The votes for hundreds of new members are in the JSON.
        why = tuple(one for one in reasons if one.kind != VOTE)
        return replace(plain, changes=(_new_list(result),), reasons=why)
    names = ("added", "removed", "renamed", "changed fields")
    counts = zip(_counts(result.changes), names, strict=True)
    changed = ", ".join(f"{count} {name}" for count, name in counts if count)
    rows = f"{result.before_count} rows before, {result.after_count} after"
    return replace(
        plain,
        summary=f"{rows}: {changed or 'no member and no field differs'}",
        changes=tuple(change_groups(result.changes)),
        reasons=reasons,
        concerns=tuple(_concerns(result)),
    )


def _concerns(result: ListResult) -> Iterator[Group]:
    for key, names in result.impact.items():
        if names is None or names:
            texts = (NOT_KNOWN,) if names is None else tuple(names)
            yield Group(CONCERNED.get(key, key), texts, ", ")


def _new_list(result: ListResult) -> Group:
    why = (
        "the previous file is unreadable"
        if _is_unreadable(result)
        else "there was no previous file"
    )
    text = f"{result.after_count} members; {why}, so no limit on changes applies"
    return Group("new list", (text,), folded=tuple(_named(one) for one in result.changes.added))


def _of_events(plain: ResultView, result: EventsResult) -> ResultView:
    kinds = [*changes_of(result.diff), ("unchanged", result.diff.unchanged)]
    symbols = tuple(_symbols(result.symbols))
    providers = tuple(_provider_row(one) for one in result.providers)
    numbers = ("fetched", "new", "changed", "stale", "unchanged", "seconds")
    asked = (Group("symbols", symbols, ", "),) if symbols else ()
    return replace(
        plain,
        summary=", ".join(f"{len(events)} {kind}" for kind, events in kinds),
        table=Table(("provider", "status"), numbers, providers) if providers else None,
        changes=tuple(grouped(_event_lines(result))),
        reasons=(*asked, *_all("also stored", _robots_own(result))),
    )


def _provider_row(one: ProviderResult) -> tuple[str, ...]:
    counts = (one.fetched, one.new, one.changed, one.stale, one.unchanged)
    numbers = (*(str(count) for count in counts), _seconds(one.duration_seconds))
    return (provider_title(one.provider), words(one.status), *numbers)


def _list_table(lists: list[ListResult]) -> Table | None:
    numbers = ("before", "after", "added", "removed", "renamed", "fields", "seconds")
    rows = tuple(
        (
            *(task_name(one.task), state_of(one), _audit(one), _before(one)),
            UNKNOWN if one.after_count is None else str(one.after_count),
            *(str(count) for count in _counts(one.changes)),
            _seconds(one.duration_seconds),
        )
        for one in lists
    )
    return Table(("list", "status", "audit"), numbers, rows) if rows else None


def _before(result: ListResult) -> str:
    """Return the rows of the previous file; where nothing was staged, it was not read."""
    if result.before_count is not None:
        return str(result.before_count)
    if _is_unreadable(result):
        return "unreadable"
    return UNKNOWN if result.after_count is None else "none"


def _is_unreadable(result: ListResult) -> bool:
    """Return whether a message says that the live file could not be read."""
    texts = (*result.warnings, *result.errors)
    return any(one.startswith(f"data/{result.task}.csv ") and UNREADABLE in one for one in texts)


def _audit(result: TaskResult) -> str:
    """Return an audit's verdict with how many warnings there are to read."""
    count, outcome = len(result.every_warning), words(result.validation.status)
    return f"{outcome}, {counted(count, 'warning')}" if count else outcome


def _counts(changes: Changes) -> tuple[int, int, int, int]:
    """Return how many were added, removed, renamed, and fields changed; each change once."""
    joined, left = changes.joined_count, changes.left_count
    return joined, left, len(changes.renamed), len(changes.updated)


def _named(one: Member) -> str:
    return f"{one.symbol} ({one.security})".strip() if one.security else one.symbol


def _change(what: str, before: str | None, after: str | None, nothing: str) -> str:
    return f"{what}: {before or nothing} → {after or nothing}"


def _seconds(value: float | None) -> str:
    return UNKNOWN if value is None else f"{value:.1f}"


def _notes(report: Report) -> Iterator[Fact]:
    if report.reason:
        yield _fact("Reason", report.reason)
    if any(report.overrides.values()):
        option = Span("--allow-large-change", "code")
        yield Fact("Override", (Span("a large change was accepted ("), option, Span(").")))


def _files(result: ValidationResult) -> Iterator[Fact]:
    for key, one in result.files.items():
        rows = "no rows" if one.row_count is None else counted(one.row_count, "row")
        at = Span(one.last_refreshed_at, "time") if one.last_refreshed_at else Span("never")
        status = Span(one.validation.status, "status")
        stale = Span(" (stale)" if one.stale else "")
        spans = (status, Span(f", {rows}, last refreshed "), at, stale)
        yield Fact(task_name(f"{key}_constituents"), spans, "outcome")


def _facts(result: TaskResult) -> Iterator[Fact]:
    """Yield where a result came from, the proof of that, and its outcome; some are blank."""
    source, seconds = result.source or "", result.duration_seconds
    is_address = "://" in source or source.startswith("data/")
    part: Part = "outcome" if source.startswith(BACKUP_SOURCE) else "origin"
    yield _fact("source", source, "address" if is_address else "text", part)
    if isinstance(result, ListResult):
        yield from _evidence(result)
    if not isinstance(result, ValidationResult):
        yield _fact("proposal", result.proposal_id, "code")
    if isinstance(result, ListResult):
        yield _fact("written", result.output_path, "code")
        yield _fact("previous file kept as", result.backup_path, "code", "outcome")
        # Any other outcome is a warning.
        for one in (one for one in result.caches if one.outcome == "invalidated"):
            yield _fact("cache", f"{one.name}: {one.detail}", part="outcome")
    yield _fact("duration", None if seconds is None else f"{seconds} s")


def _evidence(result: ListResult) -> Iterator[Fact]:
    titles = titles_of(result)
    for one in (one for one in result.sources if one.sha256):
        at = f", {one.fetched_at}{f', as of {one.as_of}' if one.as_of else ''}"
        answer = Span(f", HTTP {one.status}, {one.bytes} bytes, sha256 ")
        digest = Span(f"{(one.sha256 or '')[:16]}…", "code")
        yield Fact("fetched", (Span(one.url, "address"), answer, digest, Span(at)), "evidence")
    for row in result.rows_dropped:
        of = f" of {titles[row.source]}" if row.source in titles else ""
        yield _fact(f"dropped{of}", f"{row.row.strip()}: {row.reason}", part="evidence")
    if result.carried_forward:
        values = f"{counted(result.carried_forward, 'value')} that the source left blank"
        yield _fact("carried forward", values, part="evidence")


def _fact(label: str, text: str | None, style: Style = "text", part: Part = "origin") -> Fact:
    return Fact(label, (Span(text or "", style),), part)


def _next_steps(report: Report) -> Iterator[tuple[str, str]]:
    """Yield (purpose, command); failed lists are left out, because a refusal ends the command."""
    ready = [one for one in report.lists if one.status == "success" and one.proposal_id]
    if report.dry_run and any(one.added or one.removed or one.changes.updated for one in ready):
        is_all = len(ready) == len(report.lists)
        tasks = "" if is_all else "".join(f" --task {one.task}" for one in ready)
        command = f"python -m tws_maintenance promote {report.report_id}{tasks}"
        yield "To apply exactly this", command
    if command := _apply_events_command(report):
        yield "To fetch and store the events", command


def _stored_events(result: Result) -> str:
    """Return what an apply did to the stored events, "" for any other result."""
    is_done = result.status in {"success", "partial_failure"}
    if not isinstance(result, EventsResult) or result.dry_run or not is_done:
        return ""
    counts = ", ".join(f"{len(found)} {kind}" for kind, found in changes_of(result.diff) if found)
    return f"Events stored: {counts}." if counts else "Events: nothing to change."


def failed_providers(result: Result | None) -> list[str]:
    """Return the providers of events that failed or partly failed, without the robot's own."""
    if not isinstance(result, EventsResult):
        return []
    return [
        f"{provider_title(one.provider)}{'' if one.status == 'failed' else ' (in part)'}"
        for one in result.providers
        if one.status in {"failed", "partial_failure"} and not one.is_robots_own
    ]


def type_words(event_type: str | None) -> str:
    """Return a type of events in words: `CPI_RELEASE` is "CPI release"."""
    parts = (event_type or "").split("_")
    return " ".join(_PROPER.get(part, part.lower()) for part in parts)


def _apply_events_command(report: Report) -> str:
    """Return the command that fetches and stores what a dry run showed, "" where none does."""
    result = report.events
    if not report.dry_run or result is None or result.validation.status != "passed":
        return ""
    is_preview = result.service != EventsService.ROBOT
    if is_preview and result.diff.is_empty:
        return ""
    # The robot's service takes no symbols of ours.
    symbols = result.symbols if is_preview else {}
    added = [symbol for symbol, one in symbols.items() if "--symbol" in one.origins]
    options = [f"--symbol {symbol}" for symbol in added]
    if result.window.days != DEFAULT_DAYS:
        options.append(f"--days {result.window.days}")
    if len(symbols) > DEFAULT_MAX_SYMBOLS:
        options.append("--many-symbols")
    if report.overrides.get("allow_large_change"):
        options.append("--allow-large-change")
        options += ["--reason", shlex.quote(report.reason)] if report.reason else []
    return " ".join(["python -m tws_maintenance run --apply --task", MARKET_EVENTS, *options])


def changes_of(diff: EventsDiff) -> list[tuple[str, list[NamedEvent]]]:
    """Return the events that would change, by kind of change."""
    return [("new", diff.new), ("changed", diff.changed), ("stale", diff.stale)]


def _event_lines(result: EventsResult) -> Iterator[tuple[str, str]]:
    """Yield (kind, text) of each event that changes, and of each of its fields."""
    for kind, events in changes_of(result.diff):
        yield from ((kind, f"{one.date} {one.title}") for one in events)
    for change in result.changed_fields:
        what = f"{change.symbol or type_words(change.event_type)} {change.field}"
        yield "field", _change(what, change.before, change.after, "none")


def _robots_own(result: EventsResult) -> Iterator[str]:
    """Yield how many events the robot has of types that only it keeps, then each of them."""
    own = result.robots_own
    if not own or not own.types:
        return
    types = ", ".join(f"{type_words(name)} {count}" for name, count in own.types.items())
    yield f"{counted(own.count, 'event')} of types that only the robot keeps ({types})"
    for one in own.events:
        what = "" if one.change == "unchanged" else f", {one.change}"
        yield f"{one.date} {one.title} ({type_words(one.event_type)}{what})"


def _symbols(symbols: dict[str, Asked]) -> Iterator[str]:
    """Yield each symbol with where it came from and the outcome of its fetch."""
    for symbol, one in symbols.items():
        outcome = f": {words(one.outcome)}" if one.outcome else ""
        yield f"{symbol} ({', '.join(one.origins)}){outcome}"
