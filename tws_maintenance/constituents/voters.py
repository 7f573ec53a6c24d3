"""Which sources of an index may vote today, and why another is set aside.

What belongs here: what a source answered, the rule of an index, and the judgement of each list as
a whole. Who is a member is in `vote`. A source that is set aside does not block the others: they
vote without it, and the reason is kept.

A list is *sound* where it was read, stands in one piece, agrees with its own stated count, is of a
day that is neither too old nor still to come, and has between `min_rows` and `max_rows` members. A
page without a day of its own is not too old: perhaps it needed no edit. An authority decides by
itself, so its list must also have a symbol in each row, and each only once.

Only sound lists are compared. Two lists are *far* from each other where the shares that stand in
only one of them are more than `fail_disagreement` of the longer list, else *near*. A share under
two tickers is no difference. Lists that are near each other, directly or through a third one, are
a camp. The largest camp votes, and the others are set aside as far from the rest. Of several
largest camps the one with the authority votes, else the only one whose lists are all near the
live list, else no camp. So

- a single source is not compared;
- of two that are far from each other the authority stays, else the one that is near the live list
  where the other is not; without a live list neither does;
- of three, one that is far from both others is set aside, and one that is far from a single other
  stays; of three that are all far from each other the same holds as of two;
- of four, two that are near each other stay against two that agree with no other; of two pairs
  that contradict each other the authority's or the live list's stays.

The live list only chooses between camps of one size: sources that agree are not held to an old
list. Each pair is compared in both directions at once, so the order of the answers plays no part.
"""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from datetime import date, timedelta
from itertools import combinations

from tws_maintenance.constituents.matching import Listing, Roll, differing
from tws_maintenance.core.text import counted

# A list of tomorrow is one of a market that is a day ahead; a later one is a mistake.
AHEAD = timedelta(days=1)
NAMED = 8


@dataclass(frozen=True)
class Answer:
    """What one source said.

    `rows` are its lines that can be a member; what a fund holds besides (cash, rights, futures) is
    gone already. `failure` says why there are no rows. `as_of` is the day and
    `stated_count` the number of members that the list itself names. `tables` counts the tables of
    the same columns that the list was split into.
    """

    name: str
    title: str = ""
    is_fund: bool = False
    rows: tuple[Listing, ...] = ()
    failure: str = ""
    as_of: date | None = None
    stated_count: int | None = None
    tables: int = 1

    @property
    def called(self) -> str:
        """Return the name of the source in messages."""
        return self.title or self.name


@dataclass(frozen=True)
class VoteRule:
    """How the members of one index are decided.

    `authority` decides without a vote, else `quorum` of the `voters`, given in their order.
    `describe` is (column, sources in order) for each column. `pattern` is what a well-formed symbol
    matches, "" for any. `fail_disagreement` is a share of the rows (0.10 is 10 %).
    """

    voters: tuple[str, ...]
    quorum: int
    authority: str | None = None
    describe: tuple[tuple[str, tuple[str, ...]], ...] = ()
    pattern: str = ""
    min_rows: int = 1
    max_rows: int | None = None
    max_source_age_days: float = 10.0
    fail_disagreement: float = 0.10

    @property
    def order(self) -> tuple[str, ...]:
        """Return the sources that can decide, the authority first."""
        first = (self.authority,) if self.authority else ()
        return (*first, *(name for name in self.voters if name != self.authority))


@dataclass(frozen=True)
class Standing:
    """Whether a source may vote.

    `reason` says why not, "" where it may. `may_describe` is also true of an incomplete list: the
    name that it has for a member is as good as before. `rows` counts its members. `notes` are
    sentences about single lines.
    """

    name: str
    title: str
    is_usable: bool
    reason: str
    may_describe: bool
    rows: int
    notes: tuple[str, ...] = ()


def standings(
    answers: Mapping[str, Answer],
    rolls: Mapping[str, Roll],
    live: Roll | None,
    rule: VoteRule,
    day: date,
) -> dict[str, Standing]:
    """Return the standing of each source that can decide or that answered, in that order."""
    faults: dict[str, str] = {}
    for name in rule.order:
        answer = answers.get(name)
        faults[name] = _fault(answer, rolls[name], rule, day) if answer else "it was not asked"
    sound = {name: rolls[name] for name, fault in faults.items() if not fault}
    faults |= _far_from_the_rest(sound, live, rule, answers)
    others = sorted(name for name in answers if name not in faults)
    faults |= dict.fromkeys(others, "it has no vote")
    return {
        name: _standing(
            answers.get(name, Answer(name)), rolls.get(name, Roll({})), rule, day, fault
        )
        for name, fault in faults.items()
    }


def _standing(answer: Answer, roll: Roll, rule: VoteRule, day: date, fault: str) -> Standing:
    is_legible = not (answer.failure or answer.tables > 1 or _wrong_day(answer.as_of, rule, day))
    return Standing(
        name=answer.name,
        title=answer.called,
        is_usable=not fault,
        reason=fault,
        may_describe=is_legible and bool(roll.lines),
        rows=len(roll),
        notes=tuple(_notes(roll)),
    )


def _notes(roll: Roll) -> Iterable[str]:
    if roll.repeated:
        yield f"it lists {_some(roll.repeated)} more than once"
    if roll.unresolved:
        lines = [
            f"{one.symbol} {one.security}".strip() or "a blank line" for one in roll.unresolved
        ]
        yield f"{counted(len(lines), 'line')} without a recognised symbol: {_some(lines)}"


def _fault(answer: Answer, roll: Roll, rule: VoteRule, day: date) -> str:
    """Return why a list is not sound, "" where it is."""
    return next(filter(None, _faults(answer, roll, rule, day)), "")


def _faults(answer: Answer, roll: Roll, rule: VoteRule, day: date) -> Iterable[str]:
    rows, least = len(roll), max(1, rule.min_rows)
    yield answer.failure
    if answer.tables > 1:
        yield f"its list is split into {answer.tables} tables with the same columns"
    yield _wrong_day(answer.as_of, rule, day)
    if rows < least:
        yield f"it lists {rows} members, expected at least {least}"
    if rule.max_rows is not None and rows > rule.max_rows:
        yield f"it lists {rows} members, expected at most {rule.max_rows}"
    if answer.stated_count is not None and answer.stated_count != rows:
        yield f"it states {answer.stated_count} members but lists {rows}"
    if answer.name == rule.authority:
        yield "; ".join(_notes(roll))


def _wrong_day(as_of: date | None, rule: VoteRule, day: date) -> str:
    if as_of is None:
        return ""
    if day - as_of > timedelta(days=rule.max_source_age_days):
        limit = f"max_source_age_days is {rule.max_source_age_days:g}"
        return f"it is dated {as_of}, too old on {day} ({limit})"
    if as_of > day + AHEAD:
        return f"it is dated {as_of}, in the future on {day}"
    return ""


def _far_from_the_rest(
    sound: Mapping[str, Roll], live: Roll | None, rule: VoteRule, answers: Mapping[str, Answer]
) -> dict[str, str]:
    """Return {source: why} for each sound source that is far from the rest."""
    apart: dict[str, dict[str, str]] = {name: {} for name in sound}
    for one, other in combinations(sound, 2):
        if distance := _far(sound[one], sound[other], rule):
            apart[one][other] = f"{distance} from {answers[other].called}"
            apart[other][one] = f"{distance} from {answers[one].called}"
    rest = _rest(_camps(apart), sound, live, rule)
    return {
        name: f"it differs in {', '.join(from_whom[other] for other in sorted(from_whom))}: "
        f"more than {rule.fail_disagreement:.0%} of the list"
        for name, from_whom in apart.items()
        if name not in rest
    }


def _camps(apart: Mapping[str, Mapping[str, str]]) -> set[frozenset[str]]:
    """Return the camps; `apart` is {source: the sources that it is far from}."""
    camps: list[frozenset[str]] = []
    for name, far in apart.items():
        near = [camp for camp in camps if camp - far.keys()]
        camps = [camp for camp in camps if camp not in near]
        camps.append(frozenset({name}).union(*near))
    return set(camps)


def _rest(
    camps: set[frozenset[str]], sound: Mapping[str, Roll], live: Roll | None, rule: VoteRule
) -> frozenset[str]:
    """Return the camp that votes, empty where several have the same claim."""
    size = max(map(len, camps), default=0)
    largest = [camp for camp in camps if len(camp) == size]
    if len(largest) > 1:
        official = [camp for camp in largest if rule.authority in camp]
        largest = official or [
            camp
            for camp in largest
            if live is not None and not any(_far(sound[name], live, rule) for name in camp)
        ]
    return largest[0] if len(largest) == 1 else frozenset()


def _far(one: Roll, other: Roll, rule: VoteRule) -> str:
    """Return how far two lists are from each other in words, "" where they are near enough."""
    longer = max(len(one), len(other))
    count = differing(one, other)
    return f"{count} of {longer} members" if count > rule.fail_disagreement * longer else ""


def _some(names: Iterable[str]) -> str:
    listed = list(names)
    more = f" and {len(listed) - NAMED} more" if len(listed) > NAMED else ""
    return ", ".join(listed[:NAMED]) + more
