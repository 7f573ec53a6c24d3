"""What a report says of the other sources: which one decided, and who agrees with each change."""

from collections.abc import Iterator

from tws_maintenance.core.text import some_of
from tws_maintenance.reports.schema import Comparison, ListResult, Member

NAMED = 12


def source_lines(result: ListResult) -> Iterator[tuple[str, str]]:
    """Yield (kind, text): who decided, what the others say of each change, and who is too old.

    Kinds are `decided`, `second`. Differences with a source that is not old are a warning of the
    audit, and not told again.
    """
    membership, others = result.membership, result.corroboration.sources
    if membership and others:
        of = f" of {membership.as_of[:10]}" if membership.as_of else ""
        yield "decided", f"{membership.title}{of}"
    for symbol, text in list(result.corroboration.changes.items())[:NAMED]:
        yield "second", f"{symbol}: {text}"
    for one in others:
        if one.is_old and (one.only_here or one.only_there):
            yield "second", _old(one)


def _old(one: Comparison) -> str:
    parts = [
        f"{what} {_names(members)}"
        for what, members in (
            ("not in it:", one.only_here),
            ("only in it:", one.only_there),
        )
        if members
    ]
    told = f"{one.title} of {(one.as_of or '')[:10]} is too old to confirm anything"
    return f"{told}; it differs, perhaps for that alone: {'; '.join(parts)}"


def _names(members: list[Member]) -> str:
    return some_of([one.symbol for one in members], NAMED)
