"""Recognise one share of one company in two lists, where their tickers differ.

What belongs here: names, identifiers and tickers, and which lines of two lists are the same share.
Who is a member does not: see `vote`.

Most lines need no such help, because lists that agree on a ticker mean the same share. The others
are compared pairwise, in this order:

1. An identifier. The CUSIP is part of a United States ISIN, so both are compared as the CUSIP.
   Two lines whose identifiers of one kind differ are two shares, whatever their names.
2. The name, without case, accents, punctuation and legal form, blanks left out ("EXXON MOBIL CORP"
   is "ExxonMobil"). A name in capitals that fills the 28 characters of a fund's file may be cut:
   it matches a longer one that begins with it.

A share class is part of a name ("Class A", "CL A", "INC A"). Two named classes never match; a line
without one matches either, unless the tickers look like two classes of one company (GOOG, GOOGL).
A line that matches two lines of the other list matches neither. Two tickers that stand side by side
in any one list are two shares: that evidence is stronger than any name.
"""

import re
import unicodedata
from collections import defaultdict
from collections.abc import Callable, Collection, Iterable, Iterator
from dataclasses import dataclass, field
from functools import lru_cache
from itertools import combinations

# Words that come and go in the name of the same company.
_LEGAL_WORDS = frozenset(
    {"inc", "incorporated", "corp", "corporation", "co", "company", "ltd", "limited", "plc"}
    | {"sa", "nv", "ag", "se", "lp", "llc", "the", "and", "of", "reit", "shares"}
    | {"group", "holdings", "holding", "companies", "cos"}
)
_APOSTROPHES = {ord("'"): None, ord("\N{RIGHT SINGLE QUOTATION MARK}"): None}
# Marks of Hong Kong's boards behind a name: weighted votes, a secondary listing, both.
_BOARD_MARKS = frozenset({"w", "s", "sw"})
_CLASS_WORDS = frozenset({"class", "cl", "series", "ser"})
_LONE_CLASSES = frozenset("abchk")
# State Street cuts at 28 characters, iShares at 34; blanks at the cut or made one leave a bit less.
_CUT_LENGTHS = frozenset({26, 27, 28, 33, 34})
_SHORTEST_CUT = 12
_SHORTEST_WORD = 4
_CUSIP_COUNTRIES = ("US", "CA")
# The last letter marks a class only in longer tickers: DISCA and DISCK, but not FB and FA.
_STEM_OF_CLASSES = 4


@dataclass(frozen=True, slots=True)
class Listing:
    """A line of a list: a share and what the list says of it.

    `identifiers` are its ISIN, CUSIP and SEDOL where the list has them, in any order. A blank or
    malformed `symbol` is a line whose share is not known yet.
    """

    symbol: str
    security: str = ""
    sector: str = ""
    sub_industry: str = ""
    identifiers: tuple[str, ...] = ()


@dataclass(frozen=True)
class CompanyName:
    """What of a name can be compared: `key` has neither blanks nor the share class."""

    key: str
    share_class: str
    is_cut: bool
    words: frozenset[str]

    def is_same(self, other: "CompanyName", *, is_class_needed: bool = False) -> bool:
        """Return whether both name the same share; needs both classes where tickers demand it."""
        classes = (self.share_class, other.share_class)
        if (all(classes) or is_class_needed) and classes[0] != classes[1]:
            return False
        if is_class_needed and not classes[0]:
            return False
        is_named = bool(self.key and other.key)
        return is_named and (
            self.key == other.key or _is_cut_from(self, other) or _is_cut_from(other, self)
        )


def _is_cut_from(short: CompanyName, long: CompanyName) -> bool:
    is_long_enough = len(short.key) >= _SHORTEST_CUT
    return short.is_cut and is_long_enough and long.key.startswith(short.key)


@lru_cache(maxsize=16384)
def company_name(security: str) -> CompanyName:
    """Return what of a company's name can be compared."""
    folded = unicodedata.normalize("NFKD", security.casefold().translate(_APOSTROPHES))
    plain = "".join(one for one in folded if not unicodedata.combining(one))
    # "S.A." is one word: its last letter is no share class.
    words = re.findall(r"[^\W_]+", re.sub(r"\b([a-z])\.(?=[a-z]\b)", r"\1", plain))
    is_cut = security.isupper() and len(security) in _CUT_LENGTHS
    words, share_class = _without_class(words)
    if is_cut and words and any(legal.startswith(words[-1]) for legal in _LEGAL_WORDS):
        words = words[:-1]
    kept = [word for word in words if word not in _LEGAL_WORDS] or words
    return CompanyName("".join(kept), share_class, is_cut, frozenset(kept))


def _without_class(words: list[str]) -> tuple[list[str], str]:
    while len(words) > 1 and words[-1] in _BOARD_MARKS:
        words = words[:-1]
    for place in range(1, len(words) - 1):
        if words[place] in _CLASS_WORDS and len(words[place + 1]) == 1:
            return words[:place] + words[place + 2 :], words[place + 1]
    if len(words) > 1 and words[-1] in _LONE_CLASSES:
        return words[:-1], words[-1]
    return words, ""


def identifiers_of(line: Listing) -> frozenset[str]:
    """Return the identifiers of a line in one form; what has no form of one is left out."""
    return frozenset(filter(None, map(_one_form, line.identifiers)))


@lru_cache(maxsize=16384)
def _one_form(text: str) -> str:
    code = text.strip().upper()
    if not re.fullmatch(r"[A-Z0-9]+", code) or not any(map(str.isdigit, code)):
        return ""
    if len(code) == 12 and code.startswith(_CUSIP_COUNTRIES):  # noqa: PLR2004 - an ISIN
        return code[2:11]
    return code if len(code) in {7, 9, 12} else ""  # SEDOL, CUSIP, ISIN


def are_same(one: Listing, other: Listing) -> bool:
    """Return whether two lines of two lists mean the same share, by identifier, then by name."""
    mine, theirs = identifiers_of(one), identifiers_of(other)
    if mine & theirs:
        return True
    if {len(code) for code in mine} & {len(code) for code in theirs}:
        return False
    name = company_name(one.security)
    needed = _look_like_classes(one.symbol, other.symbol)
    return name.is_same(company_name(other.security), is_class_needed=needed)


def might_be(line: Listing, member: Listing) -> bool:
    """Return whether a line of an unknown share could stand for `member`.

    True for a line without a name, and for one that has a word of the member's name.
    """
    name, other = company_name(line.security), company_name(member.security)
    return not name.words or _has_a_word_of(name, other) or _has_a_word_of(other, name)


def _has_a_word_of(name: CompanyName, other: CompanyName) -> bool:
    # "EXXON" is in ExxonMobil; a short word is in too many names.
    return any(
        word in (name.key if len(word) >= _SHORTEST_WORD else name.words) for word in other.words
    )


def _look_like_classes(one: str, other: str) -> bool:
    """Return whether two tickers look like classes of one company: GOOG, GOOGL; BRK-A, BRK-B."""
    plain = sorted(
        (one.replace("-", ""), other.replace("-", "")), key=lambda text: (len(text), text)
    )
    short, long = plain
    if not short or short == long or not (short + long).isalpha():
        return False
    if len(long) == len(short) + 1:
        return long[:-1] == short
    is_long_enough = len(long) >= _STEM_OF_CLASSES
    return is_long_enough and len(long) == len(short) and long[:-1] == short[:-1]


@dataclass(frozen=True)
class Roll:
    """A list as it is compared: a line a symbol, and the lines whose share is not known yet.

    Of two lines with one symbol the first has it. The second is a copy where it also has the name,
    else a share that is not known.
    """

    lines: dict[str, Listing]
    unresolved: tuple[Listing, ...] = ()
    copies: tuple[Listing, ...] = ()

    def __len__(self) -> int:
        """Return how many members it lists, known or not."""
        return len(self.lines) + len(self.unresolved)

    @property
    def repeated(self) -> tuple[str, ...]:
        """Return the symbols that stand in the list more than once."""
        second = [one.symbol for one in (*self.copies, *self.unresolved)]
        return tuple(dict.fromkeys(symbol for symbol in second if symbol in self.lines))


def roll_of(rows: Iterable[Listing], is_symbol: Callable[[str], object]) -> Roll:
    """Return `rows` as they are compared; `is_symbol` recognises a well-formed symbol."""
    lines: dict[str, Listing] = {}
    unresolved: list[Listing] = []
    copies: list[Listing] = []
    for row in rows:
        if not row.symbol or not is_symbol(row.symbol):
            unresolved.append(row)
        elif row.symbol not in lines:
            lines[row.symbol] = row
        elif company_name(row.security) == company_name(lines[row.symbol].security):
            copies.append(row)
        else:
            unresolved.append(row)
    return Roll(lines, tuple(unresolved), tuple(copies))


def differing(one: Roll, other: Roll) -> int:
    """Return how many shares stand in only one of two lists.

    A share under two tickers is no difference, and each line that is not known yet may be one of
    those that its list lacks.
    """
    here, there = one.lines.keys() - other.lines.keys(), other.lines.keys() - one.lines.keys()
    same = len(list(_same_shares(one, other, here, there)))
    only_here = max(0, len(here) - same - len(other.unresolved))
    only_there = max(0, len(there) - same - len(one.unresolved))
    return only_here + only_there


def groups_of(rolls: Collection[Roll]) -> dict[str, frozenset[str]]:
    """Return {symbol: all symbols of its share} for each share with several tickers.

    Tickers that stand side by side in one list are never one share, so a chain that would join
    such is left apart as a whole.
    """
    linked: dict[str, set[str]] = defaultdict(set)
    for one, other in combinations(rolls, 2):
        here, there = one.lines.keys() - other.lines.keys(), other.lines.keys() - one.lines.keys()
        for mine, theirs in _same_shares(one, other, here, there):
            linked[mine].add(theirs)
            linked[theirs].add(mine)
    found: dict[str, frozenset[str]] = {}
    for symbol in linked:
        if symbol not in found:
            group = _reachable(symbol, linked)
            is_one = all(len(group & roll.lines.keys()) <= 1 for roll in rolls)
            found.update({each: group if is_one else frozenset({each}) for each in group})
    return {symbol: group for symbol, group in found.items() if len(group) > 1}


def _reachable(symbol: str, linked: dict[str, set[str]]) -> frozenset[str]:
    seen, waiting = {symbol}, [symbol]
    while waiting:
        new = linked[waiting.pop()] - seen
        seen |= new
        waiting += new
    return frozenset(seen)


@dataclass
class _Lookup:
    """The lines of one list by what they could be recognised by."""

    by_key: dict[str, list[Listing]] = field(default_factory=lambda: defaultdict(list))

    def add(self, line: Listing) -> None:
        for key in _keys(line):
            self.by_key[key].append(line)

    def same_as(self, line: Listing) -> set[str]:
        near = (one for key in _keys(line) for one in self.by_key.get(key, ()))
        return {one.symbol for one in near if are_same(line, one)}


def _keys(line: Listing) -> set[str]:
    name = company_name(line.security).key[:_SHORTEST_CUT]
    return {*identifiers_of(line), *([f"name {name}"] if name else [])}


def _same_shares(
    one: Roll, other: Roll, here: Iterable[str], there: Iterable[str]
) -> Iterator[tuple[str, str]]:
    """Yield (ticker here, ticker there) of each share that stands in both lists.

    `here` and `there` are the symbols that only one of them has. Only a match that is the single
    one on both sides counts.
    """
    ours, theirs = _Lookup(), _Lookup()
    for symbol in here:
        ours.add(one.lines[symbol])
    for symbol in there:
        theirs.add(other.lines[symbol])
    for symbol in here:
        found = theirs.same_as(one.lines[symbol])
        if len(found) == 1:
            (match,) = found
            if ours.same_as(other.lines[match]) == {symbol}:
                yield symbol, match
