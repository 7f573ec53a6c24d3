"""Who is a member according to the sources of one index: the vote, and its records.

What belongs here: turning answers into the terms of the vote, and its decision into the records of
a proposal. The rules of the vote are in `vote` and `voters`; nothing is fetched or written here.
"""

from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from datetime import UTC, datetime
from functools import cached_property
from typing import Any

from tws_maintenance.config.home import Home
from tws_maintenance.config.indices import Index
from tws_maintenance.config.settings import IndexSettings
from tws_maintenance.constituents.announced import Announcements
from tws_maintenance.constituents.carry_forward import listings
from tws_maintenance.constituents.csv_file import LiveFile
from tws_maintenance.constituents.matching import Listing
from tws_maintenance.constituents.placeholder_tickers import known_members, recognised
from tws_maintenance.constituents.promotion_stamp import read_generation
from tws_maintenance.constituents.proposal import read_proposal
from tws_maintenance.constituents.vote import Ballot, DecidedBy, Decision, Outcome, decide
from tws_maintenance.constituents.voters import Answer, Standing, VoteRule
from tws_maintenance.core.clock import utc_text
from tws_maintenance.core.errors import ProposalMissing
from tws_maintenance.sources.model import Action, Attempt, Gathered, SourceTable

Identifiers = Mapping[str, tuple[str, ...]]


@dataclass(frozen=True)
class Membership:
    """The decision about one index, with the lists that it is based on.

    `tables` are the readable lists by source, with unknown lines recognised where possible;
    `published` are the identifiers of the members as they were published last.
    """

    index: Index
    gathered: Gathered
    tables: Mapping[str, SourceTable]
    rule: VoteRule
    decision: Decision
    published: Identifiers
    has_live: bool
    announced: Announcements

    @property
    def keeps_the_live_list(self) -> bool:
        """Whether nothing may change, because too few sources are usable."""
        return self.has_live and not self.decision.is_confirmed

    @cached_property
    def standing(self) -> dict[str, Standing]:
        """Return the standing of each source."""
        return {one.name: one for one in self.decision.sources}

    @cached_property
    def deciders(self) -> tuple[str, ...]:
        """Return the sources that the list comes from, none where the live list stays."""
        usable = [name for name in self.rule.order if self.standing[name].is_usable]
        voters = [name for name in usable if name in self.rule.voters]
        match self.decision.rule:
            case DecidedBy.AUTHORITY:
                return tuple(filter(None, [self.rule.authority]))
            case DecidedBy.SINGLE:
                return tuple(voters[:1])
            case DecidedBy.QUORUM:
                return tuple(voters)
        legible = [name for name in self.rule.order if self.standing[name].may_describe]
        return () if self.has_live else tuple([*voters, *legible][:1])

    @property
    def lead(self) -> Attempt:
        """Return the answer of the first source that decided, else of the first that has a list."""
        first = next(iter(self.deciders or self.tables))
        found = self.gathered.of(first)
        assert found is not None, "a source without a list decides nothing"
        return found

    @property
    def renamed(self) -> dict[str, str]:
        """Return {symbol: former symbol} of each member whose ticker changed."""
        ballots = self.decision.ballots
        return {one.symbol: one.from_symbol for one in ballots if one.outcome == Outcome.RENAMED}

    def identifiers(self) -> dict[str, tuple[str, ...]]:
        """Return the identifiers of each member, those of today's lists where they have any."""
        found: dict[str, set[str]] = {}
        for name, table in self.tables.items():
            if self.standing[name].may_describe:
                for one in listings(table, self.index):
                    found.setdefault(one.symbol, set()).update(one.identifiers)
        former = {symbol: self.published.get(symbol, ()) for symbol in self.decision.symbols}
        known = {
            symbol: tuple(sorted(found.get(symbol, ()))) or ids for symbol, ids in former.items()
        }
        return {symbol: ids for symbol, ids in known.items() if ids}

    def record(self) -> dict[str, Any]:
        """Return {rule, quorum, reason, votes, undecided, changed}, as a report has it.

        Without a live list every member is new, and `changed` is left empty.
        """
        undecided = self.decision.undecided
        changed = [one for one in self.decision.ballots if one not in undecided]
        return {
            "rule": self.decision.rule.value,
            "quorum": self.rule.quorum,
            "reason": self.decision.reason,
            "votes": {one.name: one.rows for one in self.decision.sources if one.is_usable},
            "undecided": [_undecided(one) for one in undecided],
            "changed": [
                {"outcome": one.outcome.value, **_ballot(one), "from_symbol": one.from_symbol}
                for one in changed
                if self.has_live
            ],
        }


def _ballot(one: Ballot) -> dict[str, Any]:
    return {
        "symbol": one.symbol,
        "security": one.security,
        "listed_by": list(one.listed_by),
        "not_listed_by": list(one.not_listed_by),
    }


def _undecided(one: Ballot) -> dict[str, Any]:
    """Return a symbol that stays as it is; `kept` where it stays in the list.

    `reason` is "" where too few sources agree, which their votes show.
    """
    is_ticker = bool(one.from_symbol)
    kept = one.outcome == Outcome.UNDECIDED_IN and not is_ticker
    return {**_ballot(one), "kept": kept, "reason": _why_held(one)}


def _why_held(one: Ballot) -> str:
    if one.held_by is None:
        return ""
    is_removal = one.held_by.action is Action.REMOVE
    what = "new ticker" if one.from_symbol else "removal" if is_removal else "addition"
    return f"its {what} is announced for {one.held_by.effective_date}"


def hold_vote(
    home: Home,
    gathered: Gathered,
    limits: IndexSettings,
    live: LiveFile | None,
    at: datetime,
) -> Membership:
    """Return who is a member at an instant by what the sources of an index answered.

    If no announcements could be read, no change waits for its day, and what only funds list does
    not join.

    Raises:
        SourceError: no source gave a list that could be read, or without a live list none that
            could be staged; names each fault.
    """
    index, published = gathered.index, published_identifiers(home, gathered.index)
    tables = _tables(gathered, limits, live, published)
    rule = rule_of(index, limits)
    answers = [_answer(gathered, name, tables.get(name)) for name in limits.sources]
    listed = None if live is None else _live_listings(live, published)
    announced = Announcements.at(gathered, at)
    decision = decide(answers, listed, rule, announced, day=at.astimezone(UTC).date())
    if not tables or not decision.rows:
        raise gathered.failure([*_faults(gathered, decision.sources)])
    has_live = listed is not None
    return Membership(index, gathered, tables, rule, decision, published, has_live, announced)


def rule_of(index: Index, limits: IndexSettings) -> VoteRule:
    """Return the rule by which the sources of an index vote."""
    return VoteRule(
        voters=tuple(name for name in limits.sources if name != index.authority),
        quorum=limits.quorum or index.quorum,
        authority=index.authority if index.authority in limits.sources else None,
        describe=index.best_at,
        pattern=index.symbol_rule.pattern,
        min_rows=limits.min_rows or index.min_rows,
        max_rows=limits.max_rows or index.max_rows,
        max_source_age_days=limits.max_source_age_days,
        fail_disagreement=limits.fail_disagreement,
    )


def source_records(
    gathered: Gathered, standing: Mapping[str, Standing] | None = None
) -> Iterator[dict[str, Any]]:
    """Yield {name, title, url, status, ...} of each address that was asked.

    Without `standing`, no source was usable.
    """
    for one in gathered.attempts:
        found = (standing or {}).get(one.spec.name) if one.table is not None else None
        yield {
            "name": one.spec.name,
            "title": one.spec.title,
            "url": one.url,
            "status": one.status,
            "sha256": one.raw.sha256 if one.raw else None,
            "bytes": len(one.raw.content) if one.raw else None,
            "fetched_at": utc_text(one.raw.fetched_at) if one.raw else None,
            "as_of": as_of_text(one.table) if one.table else None,
            "usable": found is not None and found.is_usable,
            "reason": (found.reason if found else _error_of(one)) or None,
        }


def as_of_text(table: SourceTable) -> str | None:
    """Return the day that a list states, else when its page was last edited."""
    if table.as_of is not None:
        return table.as_of.isoformat()
    return utc_text(table.revised_at) if table.revised_at else None


def published_identifiers(home: Home, index: Index) -> Identifiers:
    """Return the identifiers of the members as they were published last, {} where none are kept."""
    stamp = read_generation(home, index)
    if stamp is None:
        return {}
    try:
        return read_proposal(home, stamp.proposal_id).identifiers
    except ProposalMissing:
        return {}


def _tables(
    gathered: Gathered, limits: IndexSettings, live: LiveFile | None, published: Identifiers
) -> dict[str, SourceTable]:
    """Return each readable list by source, with unknown lines recognised by all that is known."""
    found = {name: gathered.of(name) for name in limits.sources}
    read = {name: one.table for name, one in found.items() if one is not None and one.table}
    tables = dict(read)
    for name, table in read.items():
        if any(row.is_unknown for row in table.rows):
            others = [other for key, other in read.items() if key != name]
            known = known_members(gathered.index, others, live)
            known.add((symbol, "", ids) for symbol, ids in published.items())
            tables[name] = recognised(table, gathered.index, known)
    return tables


def _answer(gathered: Gathered, name: str, table: SourceTable | None) -> Answer:
    spec = gathered.index.addresses(name)[0]
    if table is None:
        faults = [_error_of(one) for one in gathered.attempts if one.spec.name == name]
        failure = "; ".join(filter(None, faults)) or "it was not asked"
        return Answer(name, spec.title, spec.is_fund, failure=failure)
    return Answer(
        name,
        spec.title,
        spec.is_fund,
        listings(table, gathered.index, name),
        as_of=table.as_of,
        stated_count=table.stated_count,
        tables=table.tables,
    )


def _live_listings(live: LiveFile, published: Identifiers) -> list[Listing]:
    """Return the live list for the vote.

    Without its sectors, because `normalise` counts those that are carried forward.
    """
    return [
        Listing(
            row["symbol"], row.get("security", ""), identifiers=published.get(row["symbol"], ())
        )
        for row in live.rows
    ]


def _faults(gathered: Gathered, sources: Iterable[Standing]) -> Iterator[str]:
    for one in gathered.attempts:
        if one.error is not None:
            yield f"{one.url}: {one.error}"
    asked = {one.spec.name: one for one in gathered.attempts if one.table is not None}
    for found in sources:
        if found.name in asked and found.reason:
            yield f"{asked[found.name].url}: {found.reason}"


def _error_of(attempt: Attempt) -> str:
    return str(attempt.error) if attempt.error else ""
