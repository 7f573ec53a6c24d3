"""The members of a list over time, as the script of its page draws them.

Belongs here: the few bytes that the page carries, and the same by year for its tables. Does not:
who was a member (`constituents.history`).
"""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from datetime import date, timedelta
from itertools import groupby, pairwise

from tws_maintenance.constituents.history import (
    Change,
    Stay,
    begun_on,
    changes_between,
    known_since,
    member_counts,
    members_on,
)

# The most bytes of a picture in its page; beyond it, the oldest days have counts but no names.
MOST_BYTES = 30_000
_FRAME_BYTES = 200
MOST_DAYS = 3_500
_NAMES = 8
_SIGNS = {"added": "+", "removed": "-", "renamed": "~"}


@dataclass(frozen=True)
class DayOfChanges:
    """What one report or one announcement changed on a day, with the `count` of members after."""

    day: str
    report_id: str
    changes: list[Change]
    count: int | None

    def counted(self, kind: str) -> int:
        """Return how many changes of a kind there are."""
        return sum(one.kind == kind for one in self.changes)


@dataclass(frozen=True)
class YearOfChanges:
    """The days of a year on which something changed, newest first."""

    year: str
    days: list[DayOfChanges]

    def counted(self, kind: str) -> int:
        """Return how many changes of a kind there are."""
        return sum(one.counted(kind) for one in self.days)


def days_of(changes: Iterable[Change], stays: Sequence[Stay]) -> list[DayOfChanges]:
    """Return the changes by day and report, newest first."""
    counts = dict(member_counts(stays))
    grouped = groupby(changes, key=lambda one: (one.day, one.report_id))
    found = [DayOfChanges(*key, [*group], counts.get(key[0])) for key, group in grouped]
    return found[::-1]


def years_of(days: Iterable[DayOfChanges]) -> list[YearOfChanges]:
    """Return the days by year, newest first."""
    return [
        YearOfChanges(year, [*group]) for year, group in groupby(days, key=lambda one: one.day[:4])
    ]


def picture_data(stays: Sequence[Stay], today: date) -> dict[str, object] | None:
    """Return what the script draws, at most `MOST_BYTES` as JSON; None without anything to draw.

    `first` is the first day with `start` members at its end. `days` has a text for each later day
    of changes: how many days it is after the one before, then `+NEW`, `-OLD` or `~FORMER/NOW`, with
    `+*12` for twelve more and `+` for one more without a name.
    """
    begun, since = begun_on(stays), known_since(stays)
    if not begun or since is None:
        return None
    try:
        # Members of a former list were there the day before the first promotion changed it.
        first = date.fromisoformat(since) if since else date.fromisoformat(begun) - timedelta(1)
        moved = changes_between(stays, first, today)
        days = [(date.fromisoformat(day), [*one]) for day, one in groupby(moved, lambda c: c.day)]
    except (ValueError, OverflowError):  # a history that was edited; the page shows what it holds
        return None
    if not days and first >= today:
        return None
    if dropped := days[:-MOST_DAYS]:
        first, days = dropped[-1][0], days[-MOST_DAYS:]
    before = [first, *(day for day, _ in days)]
    return {
        "first": first.isoformat(),
        "today": today.isoformat(),
        "start": len(members_on(stays, first)),
        "days": "|".join(_bounded(before, [changes for _, changes in days])),
    }


def _bounded(before: Sequence[date], days: Sequence[Sequence[Change]]) -> list[str]:
    """Return the text of each day; the oldest have no names if all would be too long."""
    gaps = [(day - former).days for former, day in pairwise(before)]
    texts = [f"{gap} {_text(one, _NAMES)}" for gap, one in zip(gaps, days, strict=True)]
    total = _FRAME_BYTES + sum(len(one.encode()) + 1 for one in texts)
    for place, changes in enumerate(days):
        if total <= MOST_BYTES:
            break
        short = f"{gaps[place]} {_text(changes, 0)}"
        total -= len(texts[place].encode()) - len(short)
        texts[place] = short
    return texts


def _text(changes: Sequence[Change], limit: int) -> str:
    tokens = []
    for kind, sign in _SIGNS.items():
        symbols = [_symbol(one) for one in changes if one.kind == kind]
        tokens += [f"{sign}{symbol}" for symbol in symbols[:limit]]
        if more := len(symbols[limit:]):
            tokens.append(sign if more == 1 else f"{sign}*{more}")
    return " ".join(tokens)


def _symbol(one: Change) -> str:
    """Return a symbol without the text's own signs; an edited file may contain anything."""
    name = f"{one.renamed_from}/{one.symbol}" if one.renamed_from else one.symbol
    return "".join(letter for letter in name if letter.isalnum() or letter in ".-/^=") or "?"
