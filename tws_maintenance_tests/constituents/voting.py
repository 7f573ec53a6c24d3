"""What the tests of the vote share: lists of invented members, and the rules of three indices."""

from collections.abc import Iterable
from datetime import date

from tws_maintenance.constituents.announced import Announcements
from tws_maintenance.constituents.matching import Listing
from tws_maintenance.constituents.vote import Ballot, Decision, decide
from tws_maintenance.constituents.voters import Answer, VoteRule
from tws_maintenance.sources.model import Action, AnnouncedChange

DAY = date(2026, 9, 29)
TITLES = {"wikipedia": "Wikipedia", "spy": "SPY", "ivv": "IVV", "hang_seng": "Hang Seng Indexes"}
PAGES = {"wikipedia", "hang_seng"}

SP500 = VoteRule(
    voters=("wikipedia", "spy", "ivv"),
    quorum=2,
    describe=tuple((c, ("wikipedia",)) for c in ("security", "sector", "sub_industry")),
    pattern=r"[A-Z]{1,5}(-[A-Z]{1,2})?",
)
HSI = VoteRule(
    voters=("tracker2800", "ishares3115", "wikipedia"),
    quorum=2,
    authority="hang_seng",
    describe=(("security", ("wikipedia",)), ("sector", ("hang_seng",))),
    pattern=r"[0-9]{4,5}\.HK",
)
NASDAQ = VoteRule(voters=("wikipedia",), quorum=1, pattern=r"[A-Z]{1,5}")


def listing(symbol: str, security: str = "", *identifiers: str) -> Listing:
    """Return a line; its company is named after its symbol unless `security` says otherwise."""
    return Listing(symbol, security or f"{symbol} Works Inc.", "Energy", "", identifiers)


def lines(text: str | Iterable[str | Listing]) -> tuple[Listing, ...]:
    """Return a line for each symbol, lines as they are."""
    parts = text.split() if isinstance(text, str) else text
    return tuple(listing(one) if isinstance(one, str) else one for one in parts)


def together(*parts: str | Listing) -> list[str | Listing]:
    """Return symbols and lines as one list."""
    return list(parts)


def many(count: int, first: int = 0) -> list[str]:
    """Return `count` symbols of three letters."""
    letters = "ABCDEFGHIJKLMNOPQRSTUVWXYZ"
    numbers = range(first, first + count)
    return [letters[n // 676 % 26] + letters[n // 26 % 26] + letters[n % 26] for n in numbers]


def answer(name: str, rows: str | Iterable[str | Listing] = "", **values: object) -> Answer:
    """Return what a source said; what is neither Wikipedia nor an authority is a fund."""
    known = {"title": TITLES.get(name, name), "is_fund": name not in PAGES}
    return Answer(name, rows=lines(rows), **(known | values))  # type: ignore[arg-type]


def refused(name: str) -> Answer:
    """Return the answer of a source that refused."""
    return answer(name, failure="it refused us with status 403")


def voted(
    live: str | Iterable[str | Listing] | None,
    *answers: Answer,
    rule: VoteRule = SP500,
    announced: Iterable[AnnouncedChange] = (),
    day: date = DAY,
) -> Decision:
    """Return the decision on what `answers` say."""
    published = None if live is None else lines(live)
    return decide(answers, published, rule, Announcements(tuple(announced), day), day=DAY)


def adds(symbol: str, day: date = DAY, security: str = "") -> AnnouncedChange:
    """Return the announcement that a symbol joins on `day`."""
    return AnnouncedChange(day, Action.ADD, symbol, security or f"{symbol} Works Inc.")


def removes(symbol: str, day: date = DAY, security: str = "") -> AnnouncedChange:
    """Return the announcement that a symbol leaves on `day`."""
    return AnnouncedChange(day, Action.REMOVE, symbol, security or f"{symbol} Works Inc.")


def three(wikipedia: object, spy: object, ivv: object) -> tuple[Answer, Answer, Answer]:
    """Return the answers of the three sources of the S&P 500; None refuses."""
    said = {"wikipedia": wikipedia, "spy": spy, "ivv": ivv}
    found = [
        refused(name) if rows is None else answer(name, rows)  # type: ignore[arg-type]
        for name, rows in said.items()
    ]
    return (found[0], found[1], found[2])


def ballot(decision: Decision, symbol: str) -> Ballot:
    """Return the row of the vote's table about `symbol`."""
    (found,) = [one for one in decision.ballots if one.symbol == symbol]
    return found


def reason(decision: Decision, name: str) -> str:
    """Return why a source was set aside, "" where it was usable."""
    (found,) = [one for one in decision.sources if one.name == name]
    assert found.is_usable == (not found.reason)
    return found.reason
