"""A report as an operator wants to read it: the verdict first, then what changed, by name."""

from collections.abc import Iterator

from tws_maintenance.config.indices import (
    ALL_TASKS,
    MARKET_EVENTS,
    METADATA_VALIDATION,
    index_of_task,
)
from tws_maintenance.constituents.diff import Changes, Member
from tws_maintenance.core.errors import ProposalOutdated
from tws_maintenance.reports.announced_words import COLUMNS, upcoming_rows
from tws_maintenance.reports.event_words import (
    apply_events_command,
    escape,
    event_lines,
    failed_providers,
    stored_of,
)
from tws_maintenance.reports.schema import (
    EventsResult,
    FileAudit,
    ListResult,
    Report,
    Result,
    TaskResult,
    ValidationResult,
)
from tws_maintenance.reports.votes import source_lines, titles_of

NOT_KNOWN = "not known: the robot could not be asked"
VERDICTS = {
    "completed": "Completed",
    "partial_failure": "Partly failed",
    "failed": "Failed",
    "interrupted": "Interrupted",
}


def render(report: Report) -> str:
    """Return the report in Markdown."""
    return "\n".join(_lines(report)).rstrip() + "\n"


def verdict(report: Report) -> str:
    """Return in one sentence what a run came to and what it did to the files."""
    results = report.results
    replaced = [task_name(r.task) for r in results if isinstance(r, ListResult) and r.changed]
    stored = [one for r in results if (one := stored_of(r))]
    failed = [task_name(r.task) for r in results if r.status == "failed"]
    unconfirmed = [
        task_name(r.task)
        for r in report.lists
        if r.is_unconfirmed and r.status == "partial_failure"
    ]
    partly = [name for r in results for name in failed_providers(r) if r.status != "failed"]
    skipped = any(r.status == "skipped" for r in results)
    kind = _kind(report)
    parts = [f"{kind} {VERDICTS.get(report.status, report.status).lower()}."]
    if replaced:
        parts.append(f"Replaced: {', '.join(replaced)}.")
    elif stored or kind == "Validation":
        pass
    elif kind == "Apply" and report.status == "completed" and not skipped:
        parts.append("Nothing to change: the files were up to date.")
    elif report.lists or not results:
        parts.append("No file was replaced.")
    else:
        parts.append("Nothing was stored.")
    parts += stored
    if unconfirmed:
        parts.append(f"Not confirmed: {', '.join(unconfirmed)}.")
    if failed or partly:
        parts.append(f"Failed: {', '.join([*failed, *partly])}.")
    return " ".join(parts)


def task_name(task: str) -> str:
    """Return what people call a task."""
    if task == METADATA_VALIDATION:
        return "metadata validation"
    if task == MARKET_EVENTS:
        return "market events"
    return index_of_task(task).name if task in ALL_TASKS else escape(task)


def member(one: Member) -> str:
    """Return a member with its company."""
    return f"{one.symbol} ({one.security})" if one.security else one.symbol


def audit_of(result: Result) -> str:
    """Return an audit's verdict with how many warnings there are to read."""
    told = result.validation.status.replace("_", " ")
    count = len(result.every_warning)
    return f"{told}, {counted(count, 'warning')}" if count else told


def counted(count: int, noun: str) -> str:
    """Return a number with its noun."""
    return f"{count} {noun}" if count == 1 else f"{count} {noun}s"


def counts_of(changes: Changes) -> list[str]:
    """Return how many were added, removed, renamed, and fields changed; each change once."""
    renamed = len(changes.renamed)
    counts = (
        len(changes.added) - renamed,
        len(changes.removed) - renamed,
        renamed,
        len(changes.updated),
    )
    return [str(count) for count in counts]


def promote_command(report: Report) -> str:
    """Return the command that applies what a dry run staged, "" where it would change nothing.

    Lists that failed are left out, so that the command does not end with their refusal.
    """
    lists = report.lists
    ready = [r for r in lists if r.status == "success" and r.proposal_id]
    changing = [r for r in ready if r.added or r.removed or r.changes.updated]
    if not report.dry_run or not changing:
        return ""
    tasks = [f" --task {result.task}" for result in ready]
    is_all = len(ready) == len(lists)
    return f"python -m tws_maintenance promote {report.report_id}{'' if is_all else ''.join(tasks)}"


def _kind(report: Report) -> str:
    if all(r.task == METADATA_VALIDATION for r in report.results) and report.results:
        return "Validation"
    return "Dry run" if report.dry_run else "Apply"


def _lines(report: Report) -> Iterator[str]:
    yield f"# {verdict(report)}"
    yield ""
    by = f"by {escape(report.actor)} ({report.entry_point})"
    yield f"{report.report_id}, {report.finished_at}, {report.duration_seconds} s, {by}"
    if report.reason:
        yield f"\nReason: {escape(report.reason)}"
    if any(report.overrides.values()):
        yield "\nOverride: a large change was accepted (`--allow-large-change`)."
    yield ""
    yield from _table(report.lists)
    for result in report.results:
        yield from _task(result)
    loose = [
        e
        for e in report.errors
        if not any(e.endswith(x) for r in report.results for x in r.every_error)
    ]
    if loose:
        yield "## The run itself\n"
        yield from (f"- **error:** {escape(error)}" for error in loose)
        yield ""
    if command := promote_command(report):
        yield f"To apply exactly this:\n\n    {command}\n"
    if command := apply_events_command(report):
        yield f"To fetch and store the events:\n\n    {command}\n"
    yield f"Run {report.run_id}."


def _table(lists: list[ListResult]) -> Iterator[str]:
    if not lists:
        return
    yield "| list | status | audit | before | after | added | removed | renamed | fields |"
    yield "|---|---|---|--:|--:|--:|--:|--:|--:|"
    for result in lists:
        cells = [
            task_name(result.task),
            status_of(result),
            audit_of(result),
            _number(result.before_count),
            _number(result.after_count),
            *counts_of(result.changes),
        ]
        yield f"| {' | '.join(cells)} |"
    yield ""


def _task(result: TaskResult) -> Iterator[str]:
    yield f"## {task_name(result.task)}: {status_of(result)}"
    yield ""
    if isinstance(result, ListResult):
        yield from _changes(result)
    if isinstance(result, EventsResult):
        yield from event_lines(result)
    if isinstance(result, ValidationResult):
        yield from _files(result.files)
    for kind, texts in (
        ("error", result.every_error),
        ("warning", result.every_warning),
    ):
        yield from (f"- **{kind}:** {escape(text)}" for text in texts)
    yield ""
    if isinstance(result, ListResult):
        yield from _announced(result)
    yield from _origin(result)
    yield ""


def _changes(result: ListResult) -> Iterator[str]:
    changes = result.changes
    if result.refusal:
        return
    if result.before_count is None and result.after_count is not None:
        yield f"- **new list:** {result.after_count} members; there was no file before"
        return
    renamed = {one.to_symbol for one in changes.renamed}
    left = {one.from_symbol for one in changes.renamed}
    for key, members_of, skip in (
        ("added", changes.added, renamed),
        ("removed", changes.removed, left),
    ):
        members = [escape(member(one)) for one in members_of if one.symbol not in skip]
        if members:
            yield f"- **{key}:** {', '.join(members)}"
    for one in changes.renamed:
        yield (
            f"- **renamed:** {escape(one.from_symbol)} is now {escape(one.to_symbol)} "
            f"({escape(one.security)})"
        )
    for field in changes.updated:
        before, after = (escape(text) or "(blank)" for text in (field.before, field.after))
        yield f"- **changed:** {escape(field.symbol)} {field.field}: {before} → {after}"
    yield from (
        f"- **{kind}:** {escape(text)}"
        for kind, text in source_lines(result)
        if kind != "upcoming"  # a table of its own
    )
    told = [
        f"{whom} {NOT_KNOWN if names is None else ', '.join(names)}"
        for whom, names in result.impact.items()
        if names or names is None
    ]
    if told:
        yield f"- **concerns:** {escape('; '.join(told))}"


def _announced(result: ListResult) -> Iterator[str]:
    """Yield the table of the announced changes that are still to come, nothing without any."""
    rows = upcoming_rows(result.announced)
    if rows:
        yield "Announced, and still to come:\n"
        yield f"| {' | '.join(COLUMNS)} |"
        yield "|---" * len(COLUMNS) + "|"
        yield from (f"| {' | '.join(escape(cell) for cell in row)} |" for row in rows)
        yield ""


def _files(files: dict[str, FileAudit]) -> Iterator[str]:
    for key, one in files.items():
        age = one.last_refreshed_at or "never"
        yield (
            f"- **{task_name(f'{key}_constituents')}:** {one.validation.status}, "
            f"{_number(one.row_count, 'no')} rows, last refreshed {age}"
            + (" (stale)" if one.stale else "")
        )


def _origin(result: TaskResult) -> Iterator[str]:
    if source := result.source:
        is_address = "://" in source or source.startswith("data/")
        yield f"- source: <{source}>" if is_address else f"- source: {source}"
    if isinstance(result, ListResult):
        yield from _fetched(result)
    if not isinstance(result, ValidationResult) and result.proposal_id:
        yield f"- proposal: `{result.proposal_id}`"
    if isinstance(result, ListResult):
        if result.output_path:
            yield f"- written: `{result.output_path}`"
        if result.backup_path:
            yield f"- the former file is kept as: `{result.backup_path}`"
    if result.duration_seconds is not None:
        yield f"- duration: {result.duration_seconds} s"


def _fetched(result: ListResult) -> Iterator[str]:
    for one in result.sources:
        if one.sha256:
            of = f", of {one.as_of}" if one.as_of else ""
            yield (
                f"- fetched: <{one.url}>, HTTP {one.status}, {one.bytes} bytes, "
                f"sha256 `{one.sha256[:16]}…`, {one.fetched_at}{of}"
            )
    titles = titles_of(result)
    for row in result.rows_dropped:
        of = f" of {escape(titles[row.source])}" if row.source in titles else ""
        yield f"- dropped{of}: {escape(row.row)}: {escape(row.reason)}"
    if result.carried_forward:
        yield f"- carried forward: {result.carried_forward} values that the source left blank"


def status_of(result: TaskResult) -> str:
    """Return a task's status in words that tell a replaced file from an unchanged one."""
    status = result.status.replace("_", " ")
    if result.status == "success" and isinstance(result, ListResult) and not result.dry_run:
        return "replaced" if result.changed else "nothing to change"
    if isinstance(result, ListResult) and result.is_unconfirmed and result.status != "failed":
        return "not confirmed"
    if code := result.refusal:
        return (
            f"refused ({'outdated' if code == ProposalOutdated.code else code.replace('_', ' ')})"
        )
    return status


def _number(value: int | None, nothing: str = "none") -> str:
    return nothing if value is None else str(value)
