"""The words for the sources: which decided, which list each change, and which were set aside."""

from collections.abc import Iterator

from tws_maintenance.constituents.vote import DecidedBy
from tws_maintenance.constituents.vote_text import vote_text
from tws_maintenance.reports.announced_words import upcoming_lines, why_lines
from tws_maintenance.reports.schema import ListResult

VOTE = "vote"


def source_lines(result: ListResult) -> Iterator[tuple[str, str]]:
    """Yield (kind, text) of the announcements and the sources of a list.

    Kinds are `why`, `upcoming`, `decided`, `vote`, `set aside`. A list with one source has only the
    first two. Undecided and unconfirmed symbols are warnings of the audit and not repeated here.
    """
    membership, aside = result.membership, set_aside(result)
    titles = titles_of(result)
    yield from why_lines(result, titles)
    yield from upcoming_lines(result.announced, result.announced_impact)
    if membership is None or len(titles) < 2:  # noqa: PLR2004 - one source votes with nobody
        return
    if membership.rule != DecidedBy.UNCONFIRMED:
        yield "decided", membership.reason
    for one in membership.changed:
        name = f"{one.from_symbol} is now {one.symbol}" if one.from_symbol else one.symbol
        yield VOTE, f"{name}: {vote_text(one.to_dict(), titles)}"
    yield from (("set aside", f"{titles[name]}: {reason}") for name, reason in aside.items())


def vote_lines(result: ListResult) -> dict[str, str]:
    """Return {symbol: who lists it and who does not} for each symbol that joined or left."""
    titles, found = titles_of(result), {}
    for one in result.membership.changed if result.membership else ():
        text = vote_text(one.to_dict(), titles)
        found.update(dict.fromkeys(filter(None, (one.symbol, one.from_symbol)), text))
    return found


def titles_of(result: ListResult) -> dict[str, str]:
    """Return {name: title} of the sources that were asked."""
    return {one.name: one.title for one in result.sources}


def set_aside(result: ListResult) -> dict[str, str]:
    """Return {name: why} of each source that was asked and did not vote."""
    usable = {one.name for one in result.sources if one.usable}
    return {one.name: one.reason or "" for one in result.sources if one.name not in usable}
