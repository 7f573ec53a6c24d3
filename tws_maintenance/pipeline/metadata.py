"""What the Dagster UI shows of a materialization or a check: plain records as metadata."""

from pathlib import Path
from typing import Any

import dagster as dg

from tws_maintenance.audit.results import RuleResult
from tws_maintenance.config.home import Home
from tws_maintenance.constituents.proposal import STAGED, Proposal

PREVIEW_ROWS = 12
MAX_DIFF_ROWS = 200
_EVENT_COLUMNS = ("change", "event_type", "symbol", "date", "title")
_PROVIDER_COLUMNS = ("provider", "status", "fetched", "new", "changed", "stale", "error_message")
_DIFF_COLUMNS = ("change", "symbol", "security", "field", "before", "after")


def proposal_metadata(
    home: Home, proposal: Proposal, result: dict[str, Any]
) -> dict[str, dg.MetadataValue]:
    """Return the metadata of a staged or promoted proposal, the task result among it."""
    folder = home.proposal(proposal.proposal_id)
    changes = result["changes"]
    return {
        "dagster/row_count": dg.MetadataValue.int(proposal.after_count),
        "rows_before": dg.MetadataValue.int(proposal.before_count or 0),
        "added": dg.MetadataValue.int(len(changes["added"])),
        "removed": dg.MetadataValue.int(len(changes["removed"])),
        "renamed": dg.MetadataValue.int(len(changes["renamed"])),
        "fields_changed": dg.MetadataValue.int(len(changes["updated"])),
        "carried_forward": dg.MetadataValue.int(proposal.carried_forward),
        "diff": diff_table(changes),
        "sha256": dg.MetadataValue.text(proposal.sha256),
        "source": dg.MetadataValue.url(proposal.source),
        "proposal": dg.MetadataValue.path(str(folder)),
        "preview": dg.MetadataValue.md(_preview(folder / STAGED)),
        "task_result": dg.MetadataValue.json(result),
    }


def diff_table(changes: dict[str, Any]) -> dg.MetadataValue:
    """Return the `changes` of a task result as a table, at most 200 rows of it."""
    rows: list[dict[str, str]] = [
        {
            "change": "renamed",
            "symbol": one["to_symbol"],
            "security": one["security"],
            "field": "symbol",
            "before": one["from_symbol"],
            "after": one["to_symbol"],
        }
        for one in changes["renamed"]
    ]
    rows += [{"change": kind, **one} for kind in ("added", "removed") for one in changes[kind]]
    rows += [{"change": "updated", **one} for one in changes["updated"]]
    return _table(rows[:MAX_DIFF_ROWS], _DIFF_COLUMNS)


def events_metadata(home: Home, result: dict[str, Any]) -> dict[str, dg.MetadataValue]:
    """Return the metadata of staged or stored market events, the task result among it."""
    diff = result["diff"]
    rows = [
        {"change": kind, **{key: value or "" for key, value in event.items()}}
        for kind in ("new", "changed", "stale")
        for event in diff[kind]
    ]
    providers = [
        {key: "" if one[key] is None else str(one[key]) for key in _PROVIDER_COLUMNS}
        for one in result["providers"]
    ]
    return {
        "dagster/row_count": dg.MetadataValue.int(result["after_count"] or 0),
        "rows_before": dg.MetadataValue.int(result["before_count"] or 0),
        **{kind: dg.MetadataValue.int(len(events)) for kind, events in diff.items()},
        "diff": _table(rows[:MAX_DIFF_ROWS], _EVENT_COLUMNS),
        "providers": _table(providers, _PROVIDER_COLUMNS),
        "sha256": dg.MetadataValue.text(result["proposal_sha256"]),
        "source": dg.MetadataValue.text(result["source"]),
        "proposal": dg.MetadataValue.path(str(home.proposal(result["proposal_id"]))),
        "task_result": dg.MetadataValue.json(result),
    }


def check_metadata(result: RuleResult) -> dict[str, dg.MetadataValue]:
    """Return what a check found, with its offenders as a table."""
    metadata: dict[str, dg.MetadataValue] = {"found": dg.MetadataValue.text(result.message)}
    if result.measured is not None:
        metadata["measured"] = dg.MetadataValue.float(result.measured)
    if result.cells:
        cells = [{key: str(value) for key, value in cell.items()} for cell in result.cells]
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
    shown = [*lines[: PREVIEW_ROWS + 1], *([f"... and {more} more rows"] if more > 0 else [])]
    return "```\n" + "\n".join(shown).replace("```", "'''") + "\n```"
