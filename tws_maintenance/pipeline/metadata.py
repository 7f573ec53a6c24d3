"""The metadata that the Dagster UI shows for a materialization or a check."""

from pathlib import Path

import dagster as dg

from tws_maintenance.audit.results import RuleResult
from tws_maintenance.config.home import Home
from tws_maintenance.constituents.diff import Changes
from tws_maintenance.constituents.proposal import STAGED, Proposal
from tws_maintenance.core.text import counted
from tws_maintenance.reports.schema import EventsResult, ListResult, TaskResult
from tws_maintenance.reports.view import changes_of

PREVIEW_ROWS = 12
MAX_DIFF_ROWS = 200
_EVENT_COLUMNS = ("change", "event_type", "symbol", "date", "title")
_PROVIDER_COLUMNS = ("provider", "status", "fetched", "new", "changed", "stale", "error_message")
_DIFF_COLUMNS = ("change", "symbol", "security", "field", "before", "after")


def proposal_metadata(
    home: Home, proposal: Proposal, result: TaskResult
) -> dict[str, dg.MetadataValue]:
    """Return the metadata of a staged or promoted proposal, including the task result."""
    assert isinstance(result, ListResult)
    folder, changes = home.proposal(proposal.proposal_id), result.changes
    return {
        "dagster/row_count": dg.MetadataValue.int(proposal.after_count),
        "rows_before": dg.MetadataValue.int(proposal.before_count or 0),
        "added": dg.MetadataValue.int(len(changes.added)),
        "removed": dg.MetadataValue.int(len(changes.removed)),
        "renamed": dg.MetadataValue.int(len(changes.renamed)),
        "fields_changed": dg.MetadataValue.int(len(changes.updated)),
        "carried_forward": dg.MetadataValue.int(proposal.carried_forward),
        "diff": diff_table(changes),
        "sha256": dg.MetadataValue.text(proposal.sha256),
        "source": dg.MetadataValue.url(proposal.source),
        "proposal": dg.MetadataValue.path(str(folder)),
        "preview": dg.MetadataValue.md(_preview(folder / STAGED)),
        "task_result": dg.MetadataValue.json(result.to_dict()),
    }


def diff_table(changes: Changes) -> dg.MetadataValue:
    """Return the `changes` of a task result as a table, at most 200 rows of it."""
    rows: list[dict[str, str]] = [
        {
            "change": "renamed",
            "symbol": one.to_symbol,
            "security": one.security,
            "field": "symbol",
            "before": one.from_symbol,
            "after": one.to_symbol,
        }
        for one in changes.renamed
    ]
    for kind, members in (("added", changes.added), ("removed", changes.removed)):
        rows += [{"change": kind, **vars(one)} for one in members]
    rows += [{"change": "updated", **vars(one)} for one in changes.updated]
    return _table(rows[:MAX_DIFF_ROWS], _DIFF_COLUMNS)


def events_metadata(home: Home, result: TaskResult) -> dict[str, dg.MetadataValue]:
    """Return the metadata of staged or stored market events, including the task result."""
    assert isinstance(result, EventsResult)
    rows = [
        {"change": kind, **{key: value or "" for key, value in event.to_dict().items()}}
        for kind, events in changes_of(result.diff)
        for event in events
    ]
    providers = [
        {
            key: "" if (value := getattr(one, key)) is None else str(value)
            for key in _PROVIDER_COLUMNS
        }
        for one in result.providers
    ]
    return {
        "dagster/row_count": dg.MetadataValue.int(result.after_count or 0),
        "rows_before": dg.MetadataValue.int(result.before_count or 0),
        **{kind: dg.MetadataValue.int(len(events)) for kind, events in result.diff},
        "diff": _table(rows[:MAX_DIFF_ROWS], _EVENT_COLUMNS),
        "providers": _table(providers, _PROVIDER_COLUMNS),
        "sha256": dg.MetadataValue.text(result.proposal_sha256 or ""),
        "source": dg.MetadataValue.text(result.source or ""),
        "proposal": dg.MetadataValue.path(str(home.proposal(str(result.proposal_id)))),
        "task_result": dg.MetadataValue.json(result.to_dict()),
    }


def check_metadata(result: RuleResult) -> dict[str, dg.MetadataValue]:
    """Return what a check measured and its offenders; its description says what it found."""
    metadata: dict[str, dg.MetadataValue] = {}
    if result.measured is not None:
        metadata["measured"] = dg.MetadataValue.float(result.measured)
    if result.cells:
        cells = [{key: str(value) for key, value in vars(cell).items()} for cell in result.cells]
        metadata["offenders"] = _table(cells, ("row", "column", "value", "of"))
    return metadata


def _table(rows: list[dict[str, str]], columns: tuple[str, ...]) -> dg.MetadataValue:
    return dg.MetadataValue.table(
        records=[dg.TableRecord({name: row.get(name, "") for name in columns}) for row in rows],
        schema=dg.TableSchema([dg.TableColumn(name, "string") for name in columns]),
    )


def _preview(path: Path) -> str:
    """Return the first rows of the staged file as a code block, which shows any text as it is."""
    lines = path.read_text(encoding="utf-8").splitlines()
    more = len(lines) - PREVIEW_ROWS - 1
    shown = [
        *lines[: PREVIEW_ROWS + 1],
        *([f"... and {counted(more, 'more row')}"] if more > 0 else []),
    ]
    return "```\n" + "\n".join(shown).replace("```", "'''") + "\n```"
