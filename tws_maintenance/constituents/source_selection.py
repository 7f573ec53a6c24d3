"""Which source decides who is a member, which describes the members best, and who agrees.

Nothing is fetched here: it goes by what all sources of one index answered.
"""

from collections.abc import Iterator
from dataclasses import dataclass, replace
from datetime import date, datetime, timedelta
from typing import Any

from tws_maintenance.config.indices import DECLARED, Index
from tws_maintenance.config.settings import IndexSettings
from tws_maintenance.constituents.csv_file import LiveFile
from tws_maintenance.constituents.proposal import Proposal
from tws_maintenance.core.clock import utc_text
from tws_maintenance.sources.model import Attempt, Gathered, SourceRow, SourceTable

# A list of tomorrow is one of a market that is a day ahead; a later one is a mistake.
AHEAD = timedelta(days=1)


@dataclass(frozen=True)
class Choice:
    """The source that decides, with what the others made better of its list.

    `enrichment` is {column: name of the source that described most members}, `warnings` say which
    source should have decided and why it did not.
    """

    attempt: Attempt
    table: SourceTable
    enrichment: dict[str, str]
    warnings: tuple[str, ...] = ()

    def membership(self) -> dict[str, Any]:
        """Return {source, title, url, as_of}, as a report tells it."""
        spec = self.attempt.spec
        return {
            "source": spec.name,
            "title": spec.title,
            "url": self.attempt.url,
            "as_of": as_of_text(self.table),
        }


def choose(
    gathered: Gathered, limits: IndexSettings, live: LiveFile | None, at: datetime
) -> Choice:
    """Return the first source that answers and passes, described by whichever is best at it.

    Raises:
        SourceError: none does; it names each with its fault.
    """
    faults: list[str] = []
    short: tuple[Attempt, SourceTable] | None = None
    for name in limits.membership:
        attempt = gathered.of(name)
        table = attempt.table if attempt else None
        if attempt is None or table is None:
            faults += _faults(gathered, name)
            continue
        if told := _why_not_now(attempt, table, limits, at):
            faults.append(told)
        elif len(table.rows) < (limits.min_rows or 1):
            short = short or (attempt, table)
            faults.append(f"{attempt.url}: only {len(table.rows)} rows")
        else:
            return _described(gathered, attempt, table, live, limits, at, faults)
    if short is not None:  # for the audit to refuse, by its own rule and in its words
        return _described(gathered, *short, live, limits, at, [])
    raise gathered.failure(faults)


def as_of_text(table: SourceTable) -> str | None:
    """Return the day of which a list says that it is, else when its page was last edited."""
    if table.as_of is not None:
        return table.as_of.isoformat()
    return utc_text(table.revised_at) if table.revised_at else None


def corroborate(
    choice: Choice, gathered: Gathered, limits: IndexSettings, at: datetime
) -> list[dict[str, Any]]:
    """Return what each other source says of the members.

    {source, title, url, as_of, error, is_old, only_here, only_there} each: `only_here` are members
    that the list that decides has alone, `only_there` those that the other has alone, as {symbol,
    security}. `is_old` where the other is too old to speak of today.
    """
    here = _by_symbol(choice.table, gathered.index)
    others = dict.fromkeys((*limits.membership, *(limits.corroboration or ())))
    return [
        _second(gathered, name, here, limits, at)
        for name in others
        if name != choice.attempt.spec.name
    ]


def _second(
    gathered: Gathered,
    name: str,
    here: dict[str, SourceRow],
    limits: IndexSettings,
    at: datetime,
) -> dict[str, Any]:
    spec = gathered.index.addresses(name)[0]
    attempt = gathered.of(name)
    told: dict[str, Any] = {"source": name, "title": spec.title}
    if attempt is None or attempt.table is None:
        error = "; ".join(_faults(gathered, name)) or "it was not asked"
        return told | {
            "url": None, "as_of": None, "error": error, "is_old": False,
            "only_here": [], "only_there": [],
        }  # fmt: skip
    there = _by_symbol(attempt.table, gathered.index)
    return told | {
        "url": attempt.url,
        "as_of": as_of_text(attempt.table),
        "error": None,
        "is_old": _is_old(attempt.table.as_of, limits, at),
        "only_here": _named(here, there),
        "only_there": _named(there, here),
    }


def _named(these: dict[str, SourceRow], others: dict[str, SourceRow]) -> list[dict[str, str]]:
    return [
        {"symbol": symbol, "security": row.security}
        for symbol, row in sorted(these.items())
        if symbol not in others
    ]


def _by_symbol(table: SourceTable, index: Index) -> dict[str, SourceRow]:
    """Return its well-formed members; a fund also holds what is none."""
    rule = index.symbol_rule
    found = {rule.symbol_of(row.ticker): row for row in table.rows}
    return {symbol: row for symbol, row in found.items() if rule.is_symbol(symbol)}


def _faults(gathered: Gathered, name: str) -> list[str]:
    found = [one for one in gathered.attempts if one.spec.name == name]
    return [f"{one.url}: {one.error}" for one in found if one.error is not None]


def _is_old(as_of: date | None, limits: IndexSettings, at: datetime) -> bool:
    return as_of is not None and at.date() - as_of > timedelta(days=limits.max_source_age_days)


def _why_not_now(attempt: Attempt, table: SourceTable, limits: IndexSettings, at: datetime) -> str:
    """Return why a readable list may not decide, "" where it may.

    Only a list with a day of its own can be too old: a page that nobody had to edit is not.
    """
    if table.as_of is None:
        return ""
    where = f"{attempt.spec.title} ({attempt.url})"
    if _is_old(table.as_of, limits, at):
        return (
            f"{where} is of {table.as_of}, and max_source_age_days is "
            f"{limits.max_source_age_days:g}: too old to decide"
        )
    if table.as_of > at.date() + AHEAD:
        return f"{where} says that it is of {table.as_of}, which is still to come"
    return ""


def _described(
    gathered: Gathered,
    attempt: Attempt,
    table: SourceTable,
    live: LiveFile | None,
    limits: IndexSettings,
    at: datetime,
    faults: list[str],
) -> Choice:
    """Return the list with each column from the source that is best at it."""
    index = gathered.index
    columns: dict[str, list[str]] = {}
    enrichment: dict[str, str] = {}
    for column, sources in index.best_at:
        own = [str(getattr(row, column)) for row in table.rows]
        better = {name: _column(gathered, name, column, limits, at) for name in sources}
        columns[column] = _values(index, attempt, table, own, better, live, column)
        used = [name for name in sources if better[name]]
        enrichment[column] = used[0] if used else attempt.spec.name

    def best(row: SourceRow, place: int, name: str) -> str:
        return columns[name][place] if name in columns else str(getattr(row, name))

    rows = tuple(
        replace(
            row,
            security=best(row, place, "security"),
            sector=best(row, place, "sector"),
            sub_industry=best(row, place, "sub_industry"),
        )
        for place, row in enumerate(table.rows)
    )
    told = tuple(_fallen_back(index, attempt, limits, fault) for fault in faults)
    return Choice(attempt, replace(table, rows=rows), enrichment, told)


def _values(
    index: Index,
    attempt: Attempt,
    table: SourceTable,
    own: list[str],
    better: dict[str, dict[str, str]],
    live: LiveFile | None,
    column: str,
) -> list[str]:
    """Return one column of the list that decides, from whoever is better at it.

    Where the best one decides, what it says stays as it is, odd or not, for the audit to see.
    """
    symbols = [index.symbol_rule.symbol_of(row.ticker) for row in table.rows]
    others = list(better.values())
    if attempt.spec.name == next(iter(better)):
        found = [next((o[s] for o in others if s in o), "") for s in symbols]
        return [said or other for said, other in zip(own, found, strict=True)]
    if column == "security" and live is not None:
        # A name as the page had it is better than the shortened capitals of a list of holdings.
        others.append({row["symbol"]: row["security"] for row in live.rows if row.get("security")})
    return [
        next((other[symbol] for other in others if symbol in other), said)
        for symbol, said in zip(symbols, own, strict=True)
    ]


def _column(
    gathered: Gathered, name: str, column: str, limits: IndexSettings, at: datetime
) -> dict[str, str]:
    """Return {symbol: value} of one column of a source, {} where it has none or is too old."""
    attempt = gathered.of(name)
    if attempt is None or attempt.table is None or _is_old(attempt.table.as_of, limits, at):
        return {}
    rows = _by_symbol(attempt.table, gathered.index)
    return {symbol: value for symbol, row in rows.items() if (value := getattr(row, column))}


def _fallen_back(index: Index, attempt: Attempt, limits: IndexSettings, fault: str) -> str:
    lost = ""
    if attempt.spec.name != limits.membership[0]:
        first = index.addresses(limits.membership[0])[0].title
        lost = f" {first} was not used; membership comes from {attempt.spec.title}."
    return f"{fault.rstrip('.')}. The list was read from {attempt.url}.{lost}"


def agreements(proposal: Proposal) -> Iterator[tuple[str, str]]:
    """Yield (symbol, what the other sources say of it) for each member that came or went."""
    changes = proposal.changes
    for symbol in sorted({one.symbol for one in (*changes.added, *changes.removed)}):
        came = any(one.symbol == symbol for one in changes.added)
        # What is no symbol of this index was looked for nowhere.
        is_known = DECLARED[proposal.index].symbol_rule.is_symbol(symbol)
        others = proposal.corroboration if is_known else ()
        told = [_agreement(one, symbol, came=came) for one in others]
        if any(told):
            yield symbol, "; ".join(filter(None, told))


def _agreement(one: dict[str, Any], symbol: str, *, came: bool) -> str:
    """Return whether a source has what changed, "" where it could not be asked."""
    if one["error"]:
        return ""
    of = one["title"] + (f" of {one['as_of'][:10]}" if one["as_of"] else "")
    if one["is_old"]:
        is_other = one["only_here"] if came else one["only_there"]
        differs = any(each["symbol"] == symbol for each in is_other)
        said = ("not in" if came else "still in") if differs else "the same in"
        return f"{said} {of}, which is too old to confirm it"
    if came:
        is_missing = any(each["symbol"] == symbol for each in one["only_here"])
        return f"not in {of}" if is_missing else f"confirmed by {of}"
    is_there = any(each["symbol"] == symbol for each in one["only_there"])
    return f"still in {of}" if is_there else f"confirmed by {of}, which does not list it"
