"""What a report says to people: every sentence, count and table, decided once.

What belongs here: a pure function of a report. What does not: how it is laid out, which is the
Markdown writer's, the command line's and the console's templates' own.
"""

from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from enum import StrEnum
from itertools import groupby
from typing import TYPE_CHECKING, Any

from tws_maintenance.config.indices import METADATA_VALIDATION, task_name
from tws_maintenance.constituents.csv_file import UNREADABLE
from tws_maintenance.constituents.diff import Changes
from tws_maintenance.core.errors import ProposalOutdated
from tws_maintenance.core.text import counted, words
from tws_maintenance.market_events.model import provider_title
from tws_maintenance.reports.event_words import (
    apply_events_command,
    event_lines,
    failed_providers,
    robots_own_lines,
    robots_own_of,
    stored_of,
    symbol_lines,
)
from tws_maintenance.reports.schema import (
    BACKUP_SOURCE,
    EventsResult,
    ListResult,
    ProviderResult,
    Report,
    Result,
    TaskResult,
    ValidationResult,
)
from tws_maintenance.reports.votes import VOTE, source_lines, titles_of

if TYPE_CHECKING:
    from tws_maintenance.reports.summary import ReportSummary

VERDICTS = {
    "completed": "completed",
    "partial_failure": "partly failed",
    "failed": "failed",
    "interrupted": "interrupted",
}
CONCERNED = {"positions": "you hold", "strategies": "traded by", "watchlist": "you watch"}
NOT_KNOWN = "not known: the robot could not be asked"
UNKNOWN = "-"
_LIST_COLUMNS = ("before", "after", "added", "removed", "renamed", "fields", "seconds")
_PROVIDER_COLUMNS = ("fetched", "new", "changed", "stale", "unchanged", "seconds")


class Style(StrEnum):
    """What a piece of a text is, so that each output can write it in its own way."""

    TEXT = "text"
    ADDRESS = "address"
    CODE = "code"
    TIME = "time"
    STATUS = "status"


@dataclass(frozen=True)
class Span:
    """A piece of a text."""

    text: str
    style: Style = Style.TEXT


class Part(StrEnum):
    """What a fact is about: what the run left behind, where it came from, and the proof of it."""

    OUTCOME = "outcome"
    ORIGIN = "origin"
    EVIDENCE = "evidence"


@dataclass(frozen=True)
class Fact:
    """Something to know under a label of its own."""

    label: str
    spans: tuple[Span, ...]
    part: Part = Part.ORIGIN

    @property
    def text(self) -> str:
        """The fact as plain text."""
        return "".join(span.text for span in self.spans)


@dataclass(frozen=True)
class Group:
    """What is said of one kind: a line each, or one line where `joint` stands between them.

    `details` belong to the last line. One that `is_bulk` names so many that only a page, which
    can fold them, shows it.
    """

    kind: str
    texts: tuple[str, ...]
    joint: str = ""
    details: tuple[str, ...] = ()
    is_bulk: bool = False


@dataclass(frozen=True)
class Row:
    """A row of a table; `status` is the code of what its cell of the status says in words."""

    status: str
    cells: tuple[str, ...]


@dataclass(frozen=True)
class Table:
    """A table; a column is its name and whether it is of numbers."""

    title: str
    columns: tuple[tuple[str, bool], ...]
    rows: tuple[Row, ...]

    def without(self, name: str) -> "Table":
        """Return the table without a column."""
        kept = [number for number, (column, _) in enumerate(self.columns) if column != name]
        rows = (Row(one.status, tuple(one.cells[n] for n in kept)) for one in self.rows)
        return Table(self.title, tuple(self.columns[n] for n in kept), tuple(rows))


@dataclass(frozen=True)
class Figure:
    """How many of a kind."""

    count: int
    kind: str


@dataclass(frozen=True)
class ResultView:
    """What is said of one task.

    `status` is its code and `state` its words. `changes` are what differs, `reasons` why, and
    `concerns` whom it concerns. `summary` and `figures` are the row of the lists' table in words.
    """

    name: str
    status: str
    state: str
    audit: str
    summary: str = ""
    figures: tuple[Figure, ...] = ()
    table: Table | None = None
    files: tuple[Fact, ...] = ()
    changes: tuple[Group, ...] = ()
    reasons: tuple[Group, ...] = ()
    concerns: tuple[Group, ...] = ()
    errors: tuple[str, ...] = ()
    warnings: tuple[str, ...] = ()
    facts: tuple[Fact, ...] = ()

    @property
    def groups(self) -> tuple[Group, ...]:
        """What changes, why, and whom it concerns, in the order to read it."""
        return (*self.changes, *self.reasons, *self.concerns)


@dataclass(frozen=True)
class NextStep:
    """A command that follows from a dry run, and what it is for."""

    purpose: str
    command: str


@dataclass(frozen=True)
class ReportView:
    """What a report says; `errors` and `warnings` are the run's own, not those of its results."""

    report_id: str
    run_id: str
    status: str
    kind: str
    verdict: str
    by: str
    finished_at: str
    duration_seconds: float
    notes: tuple[Fact, ...]
    lists: Table | None
    results: tuple[ResultView, ...]
    errors: tuple[str, ...]
    warnings: tuple[str, ...]
    next_steps: tuple[NextStep, ...]
    remark: str


def view_of(report: Report) -> ReportView:
    """Return what a report says."""
    said = {
        f"{one.task}: {text}"
        for one in report.results
        for text in (*one.every_error, *one.every_warning)
    }
    return ReportView(
        report_id=report.report_id,
        run_id=report.run_id,
        status=report.status,
        kind=kind_of(report),
        verdict=verdict(report),
        by=f"by {report.actor} ({words(report.entry_point)})",
        finished_at=report.finished_at,
        duration_seconds=report.duration_seconds,
        notes=tuple(_notes(report)),
        lists=_list_table(report.lists),
        results=tuple(view_of_result(one) for one in report.results),
        errors=tuple(text for text in report.errors if text not in said),
        warnings=tuple(text for text in report.warnings if text not in said),
        next_steps=(steps := tuple(_next_steps(report))),
        remark="" if steps else _remark(report),
    )


def view_of_result(result: TaskResult) -> ResultView:
    """Return what a report says of one task."""
    if isinstance(result, ListResult):
        return _list_view(result)
    if isinstance(result, EventsResult):
        return _events_view(result)
    return _view(result, files=tuple(_files(result)))


def kind_of(report: "Report | ReportSummary") -> str:
    """Return what kind of run a report is of, such as "dry run" or "restore"."""
    if report.dry_run is None:
        return "unknown"
    if report.results and all(one.task == METADATA_VALIDATION for one in report.results):
        return "validation"
    if any((one.source or "").startswith(BACKUP_SOURCE) for one in report.results):
        return "restore preview" if report.dry_run else "restore"
    return "dry run" if report.dry_run else "apply"


def verdict(report: Report) -> str:
    """Return in one sentence what a run came to and what it did to the files."""
    results, kind = report.results, kind_of(report)
    unconfirmed = [
        task_name(one.task)
        for one in report.lists
        if one.is_unconfirmed and one.status == "partial_failure"
    ]
    failed = [task_name(one.task) for one in results if one.status == "failed"]
    partly = [name for one in results for name in failed_providers(one) if one.status != "failed"]
    parts = [f"{kind.capitalize()} {VERDICTS[report.status]}.", *_stored(report, kind)]
    if unconfirmed:
        parts.append(f"Not confirmed: {', '.join(unconfirmed)}.")
    if failed or partly:
        parts.append(f"Failed: {', '.join([*failed, *partly])}.")
    return " ".join(parts)


def _stored(report: Report, kind: str) -> Iterator[str]:
    """Yield what became of the files and of the stored events."""
    replaced = [task_name(one.task) for one in report.lists if one.changed]
    stored = [text for one in report.results if (text := stored_of(one))]
    skipped = any(one.status == "skipped" for one in report.results)
    if replaced:
        yield f"Replaced: {', '.join(replaced)}."
    elif stored or kind == "validation":
        pass
    elif not report.dry_run and report.status == "completed" and not skipped:
        yield "Nothing to change: the files were up to date."
    elif report.lists or not report.results:
        yield "No file was replaced."
    else:
        yield "Nothing was stored."
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
        if members := [
            _named(one.symbol, one.security) for one in found if one.symbol not in moved
        ]:
            yield Group(kind, tuple(members), ", ")
    renamed = (
        f"{one.from_symbol} is now {_named(one.to_symbol, one.security)}" for one in changes.renamed
    )
    updated = (
        f"{one.symbol} {words(one.field)}: {one.before or '(blank)'} → {one.after or '(blank)'}"
        for one in changes.updated
    )
    yield from grouped(("renamed", text) for text in renamed)
    yield from grouped(("changed", text) for text in updated)


def grouped(lines: Iterable[tuple[str, str]]) -> Iterator[Group]:
    """Yield a group of each run of lines (kind, text) with the same kind."""
    for kind, found in groupby(lines, key=lambda line: line[0]):
        yield Group(kind, tuple(text for _, text in found))


def _view(result: TaskResult, **said: Any) -> ResultView:
    return ResultView(
        name=task_name(result.task),
        status=result.status,
        state=state_of(result),
        audit=_audit(result),
        errors=tuple(result.every_error),
        warnings=tuple(result.every_warning),
        facts=tuple(_facts(result)),
        **said,
    )


def _list_view(result: ListResult) -> ResultView:
    added, removed, renamed, updated = _counts(result.changes)
    is_compared = result.before_count is not None and result.after_count is not None
    if result.refusal:
        return _view(result, summary="Refused, so nothing was changed.")
    if result.after_count is None and result.status != "skipped":
        return _view(result, summary="Nothing was staged, so the changes are not known.")
    reasons = grouped(source_lines(result))
    if not is_compared:
        # Who votes for each of hundreds of new members is in the JSON.
        reasons = (one for one in reasons if one.kind != VOTE)
        return _view(result, changes=tuple(_new_list(result)), reasons=tuple(reasons))
    summary = f"{result.before_count} rows before, {result.after_count} after"
    figures = (
        *(Figure(added, "added"), Figure(removed, "removed")),
        *(Figure(renamed, "renamed"), Figure(updated, "changed fields")),
    )
    if not any(one.count for one in figures):
        summary += ". No member and no field differs."
    return _view(
        result,
        summary=summary,
        figures=tuple(one for one in figures if one.count),
        changes=tuple(change_groups(result.changes)),
        reasons=tuple(reasons),
        concerns=tuple(_concerns(result)),
    )


def _new_list(result: ListResult) -> Iterator[Group]:
    if result.after_count is None:
        return
    why = "the file before is unreadable" if _is_unreadable(result) else "there was no file before"
    yield Group(
        "new list", (f"{result.after_count} members; {why}, so no limit on changes applies",)
    )
    members = [_named(one.symbol, one.security) for one in result.changes.added]
    yield Group("members", tuple(members), ", ", is_bulk=True)


def _concerns(result: ListResult) -> Iterator[Group]:
    for key, names in result.impact.items():
        if names is None:
            yield Group(CONCERNED.get(key, key), (NOT_KNOWN,))
        elif names:
            yield Group(CONCERNED.get(key, key), tuple(names), ", ")


def _events_view(result: EventsResult) -> ResultView:
    diff = result.diff
    figures = (
        *(Figure(len(diff.new), "new"), Figure(len(diff.changed), "changed")),
        *(Figure(len(diff.stale), "stale"), Figure(len(diff.unchanged), "unchanged")),
    )
    return _view(
        result,
        figures=figures,
        table=_provider_table(result),
        changes=tuple(grouped(event_lines(result))),
        reasons=tuple(_looked_at(result)),
    )


def _looked_at(result: EventsResult) -> Iterator[Group]:
    if result.symbols:
        yield Group("symbols", tuple(symbol_lines(result.symbols)), ", ")
    if told := robots_own_of(result):
        yield Group("also stored", (told,), details=tuple(robots_own_lines(result)))


def _list_table(lists: list[ListResult]) -> Table | None:
    if not lists:
        return None
    columns = [("list", False), ("status", False), ("audit", False)]
    columns += [(name, True) for name in _LIST_COLUMNS]
    return Table("Lists", tuple(columns), tuple(_list_row(one) for one in lists))


def _list_row(result: ListResult) -> Row:
    cells = (
        task_name(result.task),
        state_of(result),
        _audit(result),
        _before(result),
        UNKNOWN if result.after_count is None else str(result.after_count),
        *(str(count) for count in _counts(result.changes)),
        _seconds(result.duration_seconds),
    )
    return Row(result.status, cells)


def _before(result: ListResult) -> str:
    """Return the rows of the file before; where nothing was staged, no file was read either."""
    if result.before_count is not None:
        return str(result.before_count)
    if _is_unreadable(result):
        return "unreadable"
    return UNKNOWN if result.after_count is None else "none"


def _is_unreadable(result: ListResult) -> bool:
    """Return whether a message is about the live file that could not be read."""
    texts = (*result.warnings, *result.errors)
    return any(one.startswith(f"data/{result.task}.csv ") and UNREADABLE in one for one in texts)


def _provider_table(result: EventsResult) -> Table | None:
    if not result.providers:
        return None
    columns = [("provider", False), ("status", False)]
    columns += [(name, True) for name in _PROVIDER_COLUMNS]
    return Table("Providers", tuple(columns), tuple(_provider_row(one) for one in result.providers))


def _provider_row(one: ProviderResult) -> Row:
    counts = (one.fetched, one.new, one.changed, one.stale, one.unchanged)
    cells = (
        provider_title(one.provider),
        words(one.status),
        *(str(count) for count in counts),
        _seconds(one.duration_seconds),
    )
    return Row(one.status, cells)


def _audit(result: Result) -> str:
    """Return an audit's verdict with how many warnings there are to read."""
    count = len(result.every_warning)
    told = words(result.validation.status)
    return f"{told}, {counted(count, 'warning')}" if count else told


def _counts(changes: Changes) -> tuple[int, int, int, int]:
    """Return how many were added, removed, renamed, and fields changed; each change once."""
    renamed = len(changes.renamed)
    added, removed = len(changes.added) - renamed, len(changes.removed) - renamed
    return added, removed, renamed, len(changes.updated)


def _named(symbol: str, security: str) -> str:
    return f"{symbol} ({security})".strip() if security else symbol


def _seconds(value: float | None) -> str:
    return UNKNOWN if value is None else f"{value:.1f}"


def _notes(report: Report) -> Iterator[Fact]:
    if report.reason:
        yield _fact("Reason", report.reason)
    if any(report.overrides.values()):
        option = Span("--allow-large-change", Style.CODE)
        yield Fact("Override", (Span("a large change was accepted ("), option, Span(").")))


def _files(result: ValidationResult) -> Iterator[Fact]:
    for key, one in result.files.items():
        rows = "no rows" if one.row_count is None else f"{one.row_count} rows"
        last = one.last_refreshed_at
        at = Span(last, Style.TIME) if last else Span("never")
        status = Span(one.validation.status, Style.STATUS)
        spans = (status, Span(f", {rows}, last refreshed "), at)
        stale = (Span(" (stale)"),) if one.stale else ()
        yield Fact(task_name(f"{key}_constituents"), (*spans, *stale), Part.OUTCOME)


def _facts(result: TaskResult) -> Iterator[Fact]:
    if source := result.source:
        is_address = "://" in source or source.startswith("data/")
        part = Part.OUTCOME if source.startswith(BACKUP_SOURCE) else Part.ORIGIN
        yield _fact("source", source, Style.ADDRESS if is_address else Style.TEXT, part)
    if isinstance(result, ListResult):
        yield from _evidence(result)
    if not isinstance(result, ValidationResult) and result.proposal_id:
        yield _fact("proposal", result.proposal_id, Style.CODE)
    if isinstance(result, ListResult):
        if result.output_path:
            yield _fact("written", result.output_path, Style.CODE)
        yield from _left_behind(result)
    if result.duration_seconds is not None:
        yield _fact("duration", f"{result.duration_seconds} s")


def _left_behind(result: ListResult) -> Iterator[Fact]:
    if path := result.backup_path:
        yield _fact("the former file is kept as", path, Style.CODE, Part.OUTCOME)
    for cache in result.caches:
        if cache.outcome == "invalidated":  # any other is a warning
            yield _fact("cache", f"{cache.name}: {cache.detail}", part=Part.OUTCOME)


def _evidence(result: ListResult) -> Iterator[Fact]:
    for one in result.sources:
        if one.sha256:
            of = f", of {one.as_of}" if one.as_of else ""
            spans = (
                Span(one.url, Style.ADDRESS),
                Span(f", HTTP {one.status}, {one.bytes} bytes, sha256 "),
                Span(f"{one.sha256[:16]}…", Style.CODE),
                Span(f", {one.fetched_at}{of}"),
            )
            yield Fact("fetched", spans, Part.EVIDENCE)
    titles = titles_of(result)
    for row in result.rows_dropped:
        of = f" of {titles[row.source]}" if row.source in titles else ""
        told = f"{row.row.strip()}: {row.reason}"
        yield _fact(f"dropped{of}", told, part=Part.EVIDENCE)
    if result.carried_forward:
        told = f"{result.carried_forward} values that the source left blank"
        yield _fact("carried forward", told, part=Part.EVIDENCE)


def _fact(label: str, text: str, style: Style = Style.TEXT, part: Part = Part.ORIGIN) -> Fact:
    return Fact(label, (Span(text, style),), part)


def _next_steps(report: Report) -> Iterator[NextStep]:
    if command := _promote_command(report):
        yield NextStep("To apply exactly this", command)
    if command := apply_events_command(report):
        yield NextStep("To fetch and store the events", command)


def _remark(report: Report) -> str:
    """Return what a dry run says where no command follows from it."""
    staged = any(one and one.proposal_id for one in (*report.lists, report.events))
    is_whole = report.dry_run and report.status == "completed"
    return "Nothing would change." if staged and is_whole else ""


def _promote_command(report: Report) -> str:
    """Return the command that applies what a dry run staged, "" where it would change nothing.

    Lists that failed are left out, so that the command does not end with their refusal.
    """
    lists = report.lists
    ready = [one for one in lists if one.status == "success" and one.proposal_id]
    changing = [one for one in ready if one.added or one.removed or one.changes.updated]
    if not report.dry_run or not changing:
        return ""
    tasks = "".join(f" --task {one.task}" for one in ready)
    is_all = len(ready) == len(lists)
    return f"python -m tws_maintenance promote {report.report_id}{'' if is_all else tasks}"
