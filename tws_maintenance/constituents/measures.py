"""What is measured about a list before it is judged: counts, turnover, age."""

from collections.abc import Iterator
from dataclasses import replace
from datetime import datetime
from email.utils import parsedate_to_datetime

import pandas as pd

from tws_maintenance.audit.results import Measure
from tws_maintenance.config.settings import IndexSettings
from tws_maintenance.constituents import rules
from tws_maintenance.constituents.csv_file import LiveFile
from tws_maintenance.constituents.diff import company_key
from tws_maintenance.constituents.promotion_stamp import Generation
from tws_maintenance.constituents.proposal import Proposal
from tws_maintenance.constituents.vote_text import undecided_text
from tws_maintenance.core.clock import parse_utc
from tws_maintenance.core.text import counted, some_of

NAMED = 8
NAMED_MEMBERS = 12
OVERRIDE = 'If that is right, add --allow-large-change --reason "..."'


def staged_measures(
    frame: pd.DataFrame,
    proposal: Proposal,
    live: LiveFile | None,
    last: Generation | None,
    limits: IndexSettings,
) -> list[Measure]:
    """Return the measurements of a proposal, taken from the files themselves."""
    measures = [
        _parsed(proposal),
        *row_counts(frame, limits),
        count_change(
            len(frame),
            len(live.rows) if live else None,
            "the live file" if live else "there is no live file",
            limits,
        ),
        _turnover(frame, live, limits),
        _names(frame, live, limits),
        _dropped(proposal, limits),
        _sectors_lost(frame, live),
        _stated_count(len(frame), proposal),
        _older(proposal, last),
        _confirmed(proposal),
        _decided(proposal),
    ]
    return [replace(one, advice=OVERRIDE) if one.rule.yields else one for one in measures]


def row_counts(frame: pd.DataFrame, limits: IndexSettings) -> Iterator[Measure]:
    """Yield the row count against its minimum and its maximum, as rows too few and too many."""
    minimum, rows = limits.min_rows or 1, len(frame)
    yield Measure(
        rules.ROW_COUNT,
        float(minimum - rows),
        f"{rows} rows, expected at least {minimum}",
        fail_above=0.0,
    )
    maximum = limits.max_rows
    yield Measure(
        rules.ROW_COUNT_MAXIMUM,
        None if maximum is None else float(rows - maximum),
        f"{rows} rows, expected at most {maximum}",
        fail_above=0.0,
    )


def count_change(after: int, before: int | None, what: str, limits: IndexSettings) -> Measure:
    """Return the share by which the count differs from the `before` rows of `what`.

    Without `before`, `what` says why nothing is compared.
    """
    if not before:
        return Measure(rules.COUNT_CHANGE, None, f"{after} rows; not compared: {what}")
    share = abs(after - before) / before
    suspect = ""
    if before < (limits.min_rows or 1) <= after:
        suspect = f"; that list was itself below the minimum of {limits.min_rows}"
    return Measure(
        rules.COUNT_CHANGE,
        share,
        f"{before} rows in {what}, {after} now: {share:.1%} "
        f"(warning above {limits.warn_change:.0%}, failure above {limits.fail_change:.0%})"
        + suspect,
        limits.warn_change,
        limits.fail_change,
    )


def _parsed(proposal: Proposal) -> Measure:
    used = proposal.rows_read - len(proposal.rows_lost)
    return Measure(
        rules.PARSED,
        0.0 if used > 0 else 1.0,
        f"{used} of {proposal.rows_read} source rows were used",
        fail_above=0.0,
    )


def _turnover(frame: pd.DataFrame, live: LiveFile | None, limits: IndexSettings) -> Measure:
    if live is None or not live.rows or "symbol" not in frame:
        return Measure(rules.TURNOVER, None, "not compared: there is no live file")
    before, after = {row["symbol"] for row in live.rows}, set(frame["symbol"])
    added, removed = len(after - before), len(before - after)
    share = (added + removed) / len(before)
    return Measure(
        rules.TURNOVER,
        share,
        f"{added} added and {removed} removed of {len(before)}: {share:.1%} "
        f"(warning above {limits.warn_turnover:.0%}, failure above {limits.fail_turnover:.0%})",
        limits.warn_turnover,
        limits.fail_turnover,
    )


def _names(frame: pd.DataFrame, live: LiveFile | None, limits: IndexSettings) -> Measure:
    """Return how many names changed: shifted names are well formed, and all wrong."""
    if live is None or not {"symbol", "security"} <= set(frame.columns):
        return Measure(rules.NAMES, None, "not compared: no live file, or no column to compare")
    before = {row["symbol"]: company_key(row.get("security", "")) for row in live.rows}
    after = dict(zip(frame["symbol"], frame["security"].map(company_key), strict=True))
    stayed = [symbol for symbol in after if before.get(symbol)]
    if not stayed:
        return Measure(rules.NAMES, None, "not compared: no symbol stayed")
    other = [symbol for symbol in stayed if after[symbol] != before[symbol]]
    share = len(other) / len(stayed)
    return Measure(
        rules.NAMES,
        share,
        f"{len(other)} of {len(stayed)} symbols that stayed now name another company: {share:.1%} "
        f"(warning above {limits.warn_names:.0%}, failure above {limits.fail_names:.0%})"
        + (f": {', '.join(other[:NAMED])}" if other else ""),
        limits.warn_names,
        limits.fail_names,
    )


def _dropped(proposal: Proposal, limits: IndexSettings) -> Measure:
    dropped = proposal.rows_lost
    share = len(dropped) / proposal.rows_read if proposal.rows_read else 0.0
    reasons = "; ".join(f"{one['row']} ({one['reason']})" for one in dropped[:3])
    return Measure(
        rules.DROPPED,
        share,
        f"{len(dropped)} of {proposal.rows_read} source rows were dropped"
        + (f": {reasons}" if reasons else ""),
        limits.warn_dropped,
        limits.fail_dropped,
    )


def _sectors_lost(frame: pd.DataFrame, live: LiveFile | None) -> Measure:
    if live is None or not {"symbol", "sector"} <= set(frame.columns):
        return Measure(rules.SECTORS_LOST, None, "not compared: no live file, or no sectors")
    # Imports lxml, which an audit of live files does not need.
    from tws_maintenance.sources.text import described

    had = {row["symbol"] for row in live.rows if described(row.get("sector", ""))}
    blank = set(frame.loc[frame["sector"].map(described) == "", "symbol"])
    lost = sorted(had & blank)
    return Measure(
        rules.SECTORS_LOST,
        float(len(lost)),
        f"{counted(len(lost), 'member')} lost a sector"
        + (f": {', '.join(lost[:8])}" if lost else ""),
        warn_above=0.0,
        fail_above=rules.MAX_SECTORS_LOST * len(had),
        advice="Check whether the source still has its column of sectors",
    )


def _stated_count(rows: int, proposal: Proposal) -> Measure:
    stated = proposal.stated_count
    if stated is None:
        return Measure(rules.STATED_COUNT, None, "no single list states a count")
    return Measure(
        rules.STATED_COUNT,
        float(abs(stated - rows)),
        f"the page states {stated} members and its table has {rows}"
        + ("" if stated == rows else ": members may be missing or outdated"),
        warn_above=0.0,
    )


def _confirmed(proposal: Proposal) -> Measure:
    """Return whether enough usable sources decided; without them, a changed list fails."""
    vote = proposal.membership
    if not vote:
        return Measure(rules.CONFIRMED, None, "no source was asked: this is a backup")
    is_changed = bool(proposal.changes.added or proposal.changes.removed)
    return Measure(
        rules.CONFIRMED,
        1.0 if proposal.is_unconfirmed else 0.0,
        str(vote["reason"]).rstrip("."),
        warn_above=0.0,
        fail_above=0.0 if is_changed else None,
    )


def _decided(proposal: Proposal) -> Measure:
    """Return how many symbols stay as they are because too few sources agree, by name."""
    undecided = proposal.membership.get("undecided", ())
    titles = {one["name"]: one["title"] for one in proposal.sources}
    named = some_of([undecided_text(one, titles) for one in undecided], NAMED_MEMBERS, "; ")
    return Measure(
        rules.DECIDED,
        float(len(undecided)),
        f"{counted(len(undecided), 'symbol')} undecided, left as in the live file: {named}"
        if named
        else "no symbol is undecided",
        warn_above=0.0,
    )


def _older(proposal: Proposal, last: Generation | None) -> Measure:
    """Return how much older the source is, comparing dates of one kind: edits, or headers."""
    pairs = []
    # Dates of different sources, such as holdings and a page, cannot be compared.
    if last is not None and last.source == proposal.source:
        pairs = [
            ("last edited", proposal.revised_at, last.revised_at),
            ("last modified", proposal.last_modified, last.last_modified),
        ]
    for what, now, before in pairs:
        if now and before and (hours := _hours_older(now, before)) > 0:
            return Measure(
                rules.NOT_OLDER,
                hours,
                f"the source was {what} {now}, but the live file came from one {what} {before}: "
                "an older page may have been served",
                warn_above=0.0,
            )
    known = any(now and before for _, now, before in pairs)
    return Measure(
        rules.NOT_OLDER,
        0.0 if known else None,
        "not older than the live file's source"
        if known
        else "not compared: no two dates of one source",
        warn_above=0.0,
    )


def _hours_older(now: str, before: str) -> float:
    try:
        return (_instant(before) - _instant(now)).total_seconds() / 3600
    except ValueError:
        return 0.0


def _instant(text: str) -> datetime:
    """Read an ISO instant or the date of an HTTP header."""
    return parsedate_to_datetime(text) if "," in text else parse_utc(text)
