"""Who is a member of an index: one pure function of the sources' lists and the live list.

What belongs here: the votes for each share, their outcome, and the rows that follow from it. Which
lists may vote is in `voters`, and which lines mean the same share is in `matching`. Nothing is
fetched or written.

1. Where the authority is usable, its list is the list (`authority`).
2. Else each share is put to the vote of the usable sources (`quorum`): at least `quorum` of them
   list it, and it is a member; at least `quorum` do not, and it is no member. Where both or neither
   hold (both can with four voters; then more votes win), it is *undecided* and stays as the live
   list has it. A share *joins* only if one vote for it is not a fund's, or an effective announced
   change names it: funds hold spin-offs and rights for weeks, two of them at once. To leave, any
   quorum will do.
3. With a quorum of 1 the first usable source decides (`single`).
   In 2 and 3 no source may anticipate an announced change: until its day a share that is to join
   stays out, and one that is to leave stays in, undecided (`announced`). A vote the other way
   counts.
4. With fewer usable sources than the quorum nothing changes (`unconfirmed`). Without a live list
   the first usable source is staged, else the first one that could be read, also unconfirmed. Funds
   that have no other source beside them cannot begin a list either.

A *vote* is about a share. A source lists it under any of its tickers, or on a line without a proper
ticker that is recognised by identifier or name (a placeholder such as 2670549D). A line that is
not recognised is an abstention: its source has no vote on a member that it lacks and that the line
might be. The ticker is a second question: the live one stays until at least `quorum` sources, and
more than list the live one, list another. Then the share is *renamed*, once. An identifier in the
live rows (as a source had it when the list was published) carries over a change of name as well.
"""

import re
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import date
from enum import StrEnum
from functools import cached_property

from tws_maintenance.constituents.announced import Announcements
from tws_maintenance.constituents.matching import (
    Listing,
    Roll,
    are_same,
    groups_of,
    might_be,
    roll_of,
)
from tws_maintenance.constituents.voters import Answer, Standing, VoteRule, standings
from tws_maintenance.sources.model import Action, AnnouncedChange

COLUMNS = ("security", "sector", "sub_industry")
NOTHING_ANNOUNCED = Announcements()


class DecidedBy(StrEnum):
    """What made the list what it is."""

    AUTHORITY = "authority"
    QUORUM = "quorum"
    SINGLE = "single"
    UNCONFIRMED = "unconfirmed"


class Outcome(StrEnum):
    """The outcome for a share that changed or stayed undecided."""

    JOINS = "joins"
    LEAVES = "leaves"
    UNDECIDED_IN = "undecided_in"
    UNDECIDED_OUT = "undecided_out"
    RENAMED = "renamed"


@dataclass(frozen=True)
class Ballot:
    """A row of the vote's table: one symbol, who lists it, and what follows.

    The sources are all usable ones, in the order of the rule. With `from_symbol` the row is about
    a ticker of a member: `symbol` is the new one, `listed_by` are the sources that have it, and
    `not_listed_by` those that have another one or lack the share. `held_by` is the upcoming change
    that keeps an undecided one as it is.
    """

    symbol: str
    security: str
    listed_by: tuple[str, ...]
    not_listed_by: tuple[str, ...]
    abstaining: tuple[str, ...]
    outcome: Outcome
    from_symbol: str = ""
    held_by: AnnouncedChange | None = None


@dataclass(frozen=True)
class Decision:
    """Who is a member, and how that was decided.

    `rows` are sorted by symbol. Not `is_confirmed` where too few usable sources could decide;
    `reason` is a sentence about it either way. `ballots` has each changed or undecided symbol.
    """

    rows: tuple[Listing, ...]
    rule: DecidedBy
    is_confirmed: bool
    reason: str
    sources: tuple[Standing, ...]
    ballots: tuple[Ballot, ...] = ()

    @property
    def symbols(self) -> tuple[str, ...]:
        """Return the members' symbols in published order."""
        return tuple(row.symbol for row in self.rows)

    @property
    def undecided(self) -> tuple[Ballot, ...]:
        """Return the symbols that stay as they are: too few sources agree, or it is too early."""
        undecided = (Outcome.UNDECIDED_IN, Outcome.UNDECIDED_OUT)
        return tuple(one for one in self.ballots if one.outcome in undecided)


def decide(
    answers: Iterable[Answer],
    live: Sequence[Listing] | None,
    rule: VoteRule,
    announced: Announcements = NOTHING_ANNOUNCED,
    *,
    day: date,
) -> Decision:
    """Return who is a member on `day`; `live` is the published list, None or empty without one.

    `day` is what the age of a list is measured at, `announced` has a day of its own, the market's.
    The order of `answers` does not matter.

    Raises:
        ValueError: two answers have one name, or the quorum is below 1.
    """
    room = _Room.of(answers, live, rule, day)
    if rule.authority in room.usable:
        title = room.standing[rule.authority].title
        reason = f"{title} decides: it is the authority, and its list is usable."
        return room.decided_by(rule.authority, DecidedBy.AUTHORITY, reason)
    voters = [name for name in room.usable if name in rule.voters]
    if rule.quorum == 1 and voters:
        reason = f"{room.standing[voters[0]].title} decides: it is the first usable source."
        return room.decided_by(voters[0], DecidedBy.SINGLE, reason, announced)
    has_a_page = any(not room.answers[name].is_fund for name in voters)
    if len(voters) >= rule.quorum and (room.live is not None or has_a_page):
        return room.decided_by_vote(voters, announced)
    return room.unconfirmed(voters, announced)


@dataclass(frozen=True)
class _Tally:
    """Who of all usable sources lists a share, by ticker; "" is a line without a proper one."""

    tickers: Mapping[str, str]
    abstaining: frozenset[str]

    def yes(self, names: Iterable[str]) -> list[str]:
        return [name for name in names if name in self.tickers]

    def no(self, names: Iterable[str]) -> list[str]:
        return [name for name in names if name not in self.tickers and name not in self.abstaining]

    def with_ticker(self, symbol: str, names: Iterable[str]) -> list[str]:
        return [name for name in names if self.tickers.get(name) == symbol]


@dataclass(frozen=True)
class _Room:
    """Everything that one decision is based on."""

    rule: VoteRule
    answers: Mapping[str, Answer]
    rolls: Mapping[str, Roll]
    published: tuple[Listing, ...]
    live: Roll | None
    standing: Mapping[str, Standing]

    @classmethod
    def of(
        cls,
        answers: Iterable[Answer],
        live: Sequence[Listing] | None,
        rule: VoteRule,
        day: date,
    ) -> "_Room":
        if rule.quorum < 1:
            raise ValueError(f"the quorum is {rule.quorum}; expected at least 1")
        by_name: dict[str, Answer] = {}
        for answer in answers:
            if by_name.setdefault(answer.name, answer) is not answer:
                raise ValueError(f"two answers are named {answer.name!r}; expected one a source")
        is_symbol = re.compile(rule.pattern or ".+").fullmatch
        rolls = {name: roll_of(answer.rows, is_symbol) for name, answer in by_name.items()}
        known = roll_of(live, bool) if live else None
        found = standings(by_name, rolls, known, rule, day)
        return cls(rule, by_name, rolls, tuple(live or ()), known, found)

    @cached_property
    def usable(self) -> list[str]:
        return [name for name in self.rule.order if self.standing[name].is_usable]

    def decided_by(
        self,
        name: str,
        rule: DecidedBy,
        reason: str,
        announced: Announcements = NOTHING_ANNOUNCED,
    ) -> Decision:
        """Return the list of one source, with a table of how the others differ.

        A line of an unknown member stays as it is, for the audit to refuse. So does any odd line of
        a page that decides by itself: a page has no placeholders.
        """
        is_literal = rule != DecidedBy.AUTHORITY and not self.answers[name].is_fund
        literal = name if is_literal else ""
        members, ballots, known = self._count([name], 1, announced, literal)
        roll = self.rolls[name]
        unknown = [line for line in roll.unresolved if line not in known]
        described = self._described(members, roll if is_literal else None)
        rows = _in_order([*described, *unknown, *roll.copies])
        is_confirmed = rule is not DecidedBy.UNCONFIRMED
        return Decision(rows, rule, is_confirmed, reason, self._sources(), ballots)

    def decided_by_vote(self, voters: list[str], announced: Announcements) -> Decision:
        members, ballots, _ = self._count(voters, self.rule.quorum, announced)
        titles = ", ".join(self.standing[name].title for name in voters)
        reason = (
            f"{self._authority_aside()}{len(voters)} of {len(self.rule.voters)} sources are usable "
            f"({titles}), and {self.rule.quorum} of them must agree."
        )
        rows = self._described(members)
        return Decision(rows, DecidedBy.QUORUM, True, reason, self._sources(), ballots)

    def unconfirmed(self, voters: list[str], announced: Announcements) -> Decision:
        """Return the live list as it is, or without one the first list that could be read."""
        reason = self._authority_aside() + self._why_unconfirmed(voters)
        if self.live is not None:
            rows = _in_order(self.published)
            # Fewer than a quorum decide nothing, so each difference is an undecided ballot.
            _, ballots, _ = self._count(voters, self.rule.quorum, announced)
            reason = f"{reason} The list stays as it is."
            return Decision(rows, DecidedBy.UNCONFIRMED, False, reason, self._sources(), ballots)
        legible = [name for name in self.rule.order if self.standing[name].may_describe]
        first = next(iter([*voters, *legible]), None)
        if first is None:
            return Decision((), DecidedBy.UNCONFIRMED, False, reason, self._sources())
        reason = f"{reason} The list of {self.standing[first].title} is staged as it is."
        return self.decided_by(first, DecidedBy.UNCONFIRMED, reason)

    def _authority_aside(self) -> str:
        if not self.rule.authority:
            return ""
        found = self.standing[self.rule.authority]
        return f"{found.title}, the authority, was not used: {found.reason.rstrip('.')}. "

    def _why_unconfirmed(self, voters: list[str]) -> str:
        if len(voters) >= self.rule.quorum:
            return "Only funds are usable, and funds do not hold only members."
        aside = [
            f"{one.title}: {one.reason}"
            for one in (self.standing[name] for name in self.rule.voters)
            if not one.is_usable
        ]
        verb = "is" if len(voters) == 1 else "are"
        return (
            f"{len(voters)} of {len(self.rule.voters)} sources {verb} usable, but "
            f"{self.rule.quorum} must agree ({'; '.join(aside) or 'there is no other source'})."
        )

    def _sources(self) -> tuple[Standing, ...]:
        return tuple(self.standing.values())

    def _count(
        self,
        deciders: list[str],
        quorum: int,
        announced: Announcements,
        literal: str = "",
    ) -> tuple[dict[str, frozenset[str]], tuple[Ballot, ...], list[Listing]]:
        """Return {member: all its symbols}, the ballots, and the lines that were recognised.

        With a quorum of 1 one source decides, who may bring any member. Of the source `literal` no
        line is recognised.
        """
        heard = dict.fromkeys([*self.usable, *deciders])
        rolls = {name: self.rolls[name] for name in heard}
        settled = self._settled(deciders, rolls, announced)
        members = {symbol: frozenset({symbol}) for symbol in settled}
        lists = [*rolls.values(), *([self.live] if self.live else [])]
        loose = set().union(*(roll.lines.keys() for roll in lists)) - settled
        linked = groups_of(lists)
        groups = {linked.get(symbol, frozenset({symbol})) for symbol in loose}
        samples = {group: _samples(group, lists) for group in groups}
        tallies, known = _tallies(rolls, samples, literal)
        ballots = [self._unanimous(symbol, rolls) for symbol in settled if self.live is None]
        for group, tally in tallies.items():
            verdict = _Verdict(self, tally, group, samples[group], deciders, quorum, announced)
            if symbol := verdict.published:
                members[symbol] = group
            if ballot := verdict.ballot():
                ballots.append(ballot)
        ballots.sort(key=lambda one: (one.symbol, one.from_symbol))
        return members, tuple(ballots), known

    def _settled(
        self, deciders: list[str], rolls: Mapping[str, Roll], announced: Announcements
    ) -> frozenset[str]:
        """Return the members that need no count, most of them.

        Every decider and the live list have them. Without a live list every usable source has, and
        a page or an authority is one of them: else nothing is put to the vote. There, all sources
        may anticipate a change.
        """
        names = [*rolls] if self.live is None else deciders
        lists = [rolls[name].lines for name in names]
        first = lists[0] if self.live is None else self.live.lines
        settled = frozenset(first).intersection(*lists)
        if self.live is not None or not announced.upcoming:
            return settled
        return frozenset(s for s in settled if not announced.holding(Action.ADD, [first[s]]))

    def _unanimous(self, symbol: str, listed_by: Iterable[str]) -> Ballot:
        security = self.security_of(symbol, frozenset({symbol}))
        return Ballot(symbol, security, tuple(listed_by), (), (), Outcome.JOINS)

    def _described(
        self, members: Mapping[str, frozenset[str]], literal: Roll | None = None
    ) -> tuple[Listing, ...]:
        """Return the rows of the members, each column from the source that is best at it.

        Then from the live list, then from whichever source has it, in the order of the rule. A
        name is as the list `literal` has it, a blank one too.
        """
        best = dict(self.rule.describe)
        orders = {column: self._describers(best.get(column, ())) for column in COLUMNS}
        live = self.live.lines if self.live else {}
        rows = []
        for symbol, group in members.items():
            values = {
                column: _first_value(column, symbol, group, rolls)
                for column, rolls in orders.items()
            }
            if literal is not None and symbol in literal.lines:
                values["security"] = literal.lines[symbol].security
            kept = next((live[each] for each in (symbol, *sorted(group)) if each in live), None)
            rows.append(Listing(symbol, **values, identifiers=kept.identifiers if kept else ()))
        return _in_order(rows)

    def _describers(self, best: Sequence[str]) -> list[Mapping[str, Listing]]:
        def lines(names: Iterable[str]) -> list[Mapping[str, Listing]]:
            able = [name for name in names if name in self.standing]
            return [self.rolls[name].lines for name in able if self.standing[name].may_describe]

        kept = [self.live.lines] if self.live else []
        return [*lines(best), *kept, *lines(self.rule.order)]

    @cached_property
    def _names(self) -> list[Mapping[str, Listing]]:
        return self._describers(dict(self.rule.describe).get("security", ()))

    def security_of(self, symbol: str, group: frozenset[str]) -> str:
        return _first_value("security", symbol, group, self._names)


@dataclass(frozen=True)
class _Verdict:
    """What the deciders make of one share."""

    room: _Room
    tally: _Tally
    group: frozenset[str]
    lines: list[Listing]
    deciders: list[str]
    quorum: int
    announced: Announcements

    @cached_property
    def old(self) -> str:
        """Return the symbol under which the live list has the share, "" if it has not."""
        lines = self.room.live.lines if self.room.live else {}
        return next((symbol for symbol in self.group if symbol in lines), "")

    @cached_property
    def held_by(self) -> AnnouncedChange | None:
        """Return the upcoming change that no source may anticipate, if the share has one."""
        return self.announced.holding(Action.REMOVE if self.old else Action.ADD, self.lines)

    @cached_property
    def is_member(self) -> bool | None:
        """Whether the share is a member; None where it is undecided."""
        found = self._by_votes()
        is_change = found is not None and found != bool(self.old)
        return None if is_change and self.held_by else found

    def _by_votes(self) -> bool | None:
        yes, no = self.tally.yes(self.deciders), self.tally.no(self.deciders)
        if len(yes) >= self.quorum and (len(no) < self.quorum or len(yes) > len(no)):
            return True if self.old or self._may_join(yes) else None
        if len(no) >= self.quorum and (len(yes) < self.quorum or len(no) > len(yes)):
            return False
        return None

    def _may_join(self, yes: Iterable[str]) -> bool:
        if self.quorum == 1 or self.announced.lets_in(self.group):
            return True
        return any(not self.room.answers[name].is_fund for name in yes)

    @cached_property
    def published(self) -> str:
        """Return the symbol that is published, "" where the share is no member."""
        is_member = self.is_member
        if is_member is None:
            return self.old
        if not is_member:
            return ""
        return self._renamed_to() or self.old or self._new_ticker()

    def _renamed_to(self) -> str:
        """Return the ticker that replaces the live one, "" where that stays."""
        if not self.old:
            return ""
        counts = self._counts()
        kept = counts.pop(self.old, 0)
        most = max(counts.values(), default=0)
        leading = [symbol for symbol, count in counts.items() if count == most]
        has_won = most >= self.quorum and (kept < self.quorum or most > kept)
        is_won = has_won and len(leading) == 1
        return leading[0] if is_won and not self._holding_ticker(leading[0]) else ""

    def _holding_ticker(self, symbol: str) -> AnnouncedChange | None:
        """Return the upcoming change that brings a new ticker of a member."""
        return self.announced.holding(Action.ADD, [Listing(symbol)])

    def _new_ticker(self) -> str:
        """Return the ticker of a share that joins: most votes, then a page's, then the order."""

        def rank(symbol: str) -> tuple[int, bool, int]:
            names = self.tally.with_ticker(symbol, self.deciders)
            funds_only = all(self.room.answers[name].is_fund for name in names)
            return (-len(names), funds_only, self.deciders.index(names[0]))

        return min(self._counts(), key=rank, default="")

    def _counts(self) -> dict[str, int]:
        counts = {s: len(self.tally.with_ticker(s, self.deciders)) for s in self.group}
        return {symbol: count for symbol, count in counts.items() if count}

    def ballot(self) -> Ballot | None:
        """Return the row of the table, None for a share that stays and is not in question."""
        old, new, is_member = self.old, self.published, self.is_member
        if old and new and old != new:
            return self._ticker_ballot(new, Outcome.RENAMED)
        if is_member is None:
            return self._share_ballot(Outcome.UNDECIDED_IN if old else Outcome.UNDECIDED_OUT)
        if bool(old) != bool(new):
            return self._share_ballot(Outcome.JOINS if new else Outcome.LEAVES)
        return self._pending_ticker() if old else None

    def _pending_ticker(self) -> Ballot | None:
        """Return the row of a new ticker that has votes while the live one has no quorum."""
        counts = self._counts()
        kept = counts.pop(self.old, 0)
        if not counts or kept >= self.quorum:
            return None
        leading = min(counts, key=lambda symbol: (-counts[symbol], symbol))
        held_by = self._holding_ticker(leading)
        return replace(self._ticker_ballot(leading, Outcome.UNDECIDED_OUT), held_by=held_by)

    def _share_ballot(self, outcome: Outcome) -> Ballot:
        symbol = self.old or self.published or self._new_ticker() or min(self.group)
        usable = self.room.usable or self.deciders
        return Ballot(
            symbol,
            self.room.security_of(symbol, self.group),
            tuple(self.tally.yes(usable)),
            tuple(self.tally.no(usable)),
            tuple(name for name in usable if name in self.tally.abstaining),
            outcome,
            held_by=self.held_by if self.is_member is None else None,
        )

    def _ticker_ballot(self, symbol: str, outcome: Outcome) -> Ballot:
        listed_by = self.tally.with_ticker(symbol, self.room.usable)
        # A line without a proper ticker shows that the share is held, but not under which ticker.
        silent = [*self.tally.with_ticker("", self.room.usable), *self.tally.abstaining]
        rest = [name for name in self.room.usable if name not in listed_by]
        return Ballot(
            symbol,
            self.room.security_of(symbol, self.group),
            tuple(listed_by),
            tuple(name for name in rest if name not in silent),
            tuple(name for name in rest if name in silent),
            outcome,
            from_symbol=self.old,
        )


def _samples(group: frozenset[str], lists: Iterable[Roll]) -> list[Listing]:
    """Return every line that the lists have of one share."""
    return [roll.lines[symbol] for roll in lists for symbol in group if symbol in roll.lines]


def _in_order(rows: Iterable[Listing]) -> tuple[Listing, ...]:
    return tuple(sorted(rows, key=lambda row: (row.symbol, row.security)))


def _tallies(
    rolls: Mapping[str, Roll], samples: Mapping[frozenset[str], list[Listing]], literal: str
) -> tuple[dict[frozenset[str], _Tally], list[Listing]]:
    """Return who lists each share, and the lines without a proper ticker that were recognised."""
    tickers: dict[frozenset[str], dict[str, str]] = {group: {} for group in samples}
    abstaining: dict[frozenset[str], set[str]] = {group: set() for group in samples}
    recognised: list[Listing] = []
    for name, roll in rolls.items():
        for group in samples:
            if found := group & roll.lines.keys():
                tickers[group][name] = next(iter(found))
        for line in roll.unresolved if name != literal else ():
            lacking = [group for group in samples if name not in tickers[group]]
            same = [g for g in lacking if any(are_same(line, one) for one in samples[g])]
            if len(same) == 1:
                tickers[same[0]][name] = ""
                recognised.append(line)
                continue
            for group in lacking:
                if any(might_be(line, one) for one in samples[group]):
                    abstaining[group].add(name)
    return (
        {g: _Tally(tickers[g], frozenset(abstaining[g] - tickers[g].keys())) for g in samples},
        recognised,
    )


def _first_value(
    column: str, symbol: str, group: frozenset[str], lists: Iterable[Mapping[str, Listing]]
) -> str:
    """Return the first value of a column that a list has for a share, "" if no list has."""
    for lines in lists:
        line = lines.get(symbol)
        if line is None and len(group) > 1:
            line = next((lines[each] for each in sorted(group) if each in lines), None)
        if line is not None and (value := str(getattr(line, column))):
            return value
    return ""
