"""What changed between two lists: members added, removed, renamed, and fields."""

import re
from collections import Counter
from collections.abc import Iterable, Mapping
from dataclasses import dataclass

from tws_maintenance.constituents.csv_file import Row

COMPARED_FIELDS = ("display_symbol", "security", "sector", "sub_industry")
# Words that come and go in the name of the same company.
_LEGAL_WORDS = frozenset(
    {"the", "inc", "incorporated", "corp", "corporation", "co", "company", "ltd", "limited"}
    | {"plc", "sa", "nv", "ag", "se", "lp", "llc"}
)


@dataclass(frozen=True)
class Member:
    """A symbol with the company it stands for."""

    symbol: str
    security: str


@dataclass(frozen=True)
class Rename:
    """The company stayed, its ticker changed."""

    from_symbol: str
    to_symbol: str
    security: str


@dataclass(frozen=True)
class FieldChange:
    """A member whose description changed."""

    symbol: str
    field: str
    before: str
    after: str


@dataclass(frozen=True)
class Changes:
    """A diff by name; renamed symbols are in `added` and `removed` too."""

    added: tuple[Member, ...] = ()
    removed: tuple[Member, ...] = ()
    renamed: tuple[Rename, ...] = ()
    updated: tuple[FieldChange, ...] = ()

    @property
    def joined_count(self) -> int:
        """How many members are new; one with a new ticker is none."""
        return len(self.added) - len(self.renamed)

    @property
    def left_count(self) -> int:
        """How many members are gone; one with a new ticker is none."""
        return len(self.removed) - len(self.renamed)

    @classmethod
    def from_dict(cls, value: Mapping[str, list[dict[str, str]]]) -> "Changes":
        """Read what `dataclasses.asdict` made of it, from JSON."""
        return cls(
            tuple(Member(**one) for one in value["added"]),
            tuple(Member(**one) for one in value["removed"]),
            tuple(Rename(**one) for one in value["renamed"]),
            tuple(FieldChange(**one) for one in value["updated"]),
        )


def company_key(security: str) -> str:
    """Return the stable part of a company's name: no case, punctuation or legal form.

    A share class is part of it: "Alphabet Inc. (Class A)" is not "Alphabet Inc. (Class C)".
    """
    words = re.findall(r"\w+", security.casefold())
    return " ".join(word for word in words if word not in _LEGAL_WORDS) or " ".join(words)


def renames(before: dict[str, Row], after: dict[str, Row]) -> dict[str, str]:
    """Return old symbol by new symbol for each company that stayed under another ticker.

    Only a name that is unique among those that left and among those that came counts.
    """
    left = _by_unique_company(row for symbol, row in before.items() if symbol not in after)
    came = _by_unique_company(row for symbol, row in after.items() if symbol not in before)
    return {came[key]: left[key] for key in came if key and key in left and came[key]}


def compare(
    before: Iterable[Row], after: Iterable[Row], renamed: Mapping[str, str] | None = None
) -> Changes:
    """Return how `after` differs from `before`, sorted by symbol.

    `renamed` is {symbol: former symbol} of those that are known to be the same share.
    """
    old = {row["symbol"]: row for row in before}
    new = {row["symbol"]: row for row in after}
    return Changes(
        added=tuple(Member(s, new[s].get("security", "")) for s in sorted(new.keys() - old)),
        removed=tuple(Member(s, old[s].get("security", "")) for s in sorted(old.keys() - new)),
        renamed=tuple(
            Rename(from_symbol, to_symbol, new[to_symbol].get("security", ""))
            for to_symbol, from_symbol in sorted({**renames(old, new), **(renamed or {})}.items())
        ),
        updated=tuple(
            FieldChange(symbol, name, old[symbol].get(name, ""), new[symbol].get(name, ""))
            for symbol in sorted(new.keys() & old)
            for name in COMPARED_FIELDS
            if old[symbol].get(name, "") != new[symbol].get(name, "")
        ),
    )


def _by_unique_company(rows: Iterable[Row]) -> dict[str, str]:
    keyed = [(company_key(row.get("security", "")), row["symbol"]) for row in rows]
    counts = Counter(key for key, _ in keyed)
    return {key: symbol for key, symbol in keyed if counts[key] == 1}
