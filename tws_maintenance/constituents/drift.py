"""Drift: a live file that somebody else changed since its last promotion, and what differs."""

from dataclasses import dataclass

from tws_maintenance.config.home import Home
from tws_maintenance.config.indices import Index
from tws_maintenance.constituents.csv_file import parse_live
from tws_maintenance.constituents.diff import Changes, compare
from tws_maintenance.constituents.promotion_stamp import Generation, read_generation
from tws_maintenance.constituents.proposal import STAGED
from tws_maintenance.core.digest import sha256
from tws_maintenance.core.errors import LiveFileError
from tws_maintenance.core.text import some_of

NAMED = 5


@dataclass(frozen=True)
class Drift:
    """A live file that is not what was promoted; `text` says so and names what differs."""

    last: Generation
    found_sha256: str
    text: str


def find_drift(home: Home, index: Index, content: bytes) -> Drift | None:
    """Return how the live bytes differ from the last promotion; None where they do not.

    None too before the first promotion, when there is nothing to drift from.
    """
    last = read_generation(home, index)
    found = sha256(content)
    if last is None or last.sha256 == found:
        return None
    if _differs_in_own_columns_only(home, index, last, content):
        return None
    name = home.relative(home.live_file(index.key))
    text = (
        f"{name} was edited by somebody else since {last.report_id} promoted it at "
        f"{last.promoted_at}: {_what_differs(home, index, last, content)}"
    )
    return Drift(last, found, text)


def _differs_in_own_columns_only(
    home: Home, index: Index, last: Generation, content: bytes
) -> bool:
    """Return whether an operator only added columns, or filled them in, which is not drift."""
    try:
        promoted = (home.proposal(last.proposal_id) / STAGED).read_bytes()
        before = parse_live(promoted, "the promoted file")
        after = parse_live(content, "the live file")
    except (OSError, LiveFileError):
        return False
    known = set(before.columns) & set(after.columns)
    if sha256(promoted) != last.sha256 or not set(index.columns) <= known:
        return False
    rows = [
        sorted(tuple(row[name] for name in index.columns) for row in live.rows)
        for live in (before, after)
    ]
    return rows[0] == rows[1]


def _what_differs(home: Home, index: Index, last: Generation, content: bytes) -> str:
    digests = f"expected sha256 {last.sha256[:12]}, found {sha256(content)[:12]}"
    try:
        promoted = (home.proposal(last.proposal_id) / STAGED).read_bytes()
    except OSError:
        return f"{digests} (the promoted file is no longer kept, so what differs is unknown)"
    if sha256(promoted) != last.sha256:
        return f"{digests} (the kept copy was changed too, so what differs is unknown)"
    try:
        before = parse_live(promoted, "the promoted file")
        after = parse_live(content, home.relative(home.live_file(index.key)))
    except LiveFileError as error:
        return f"{digests}; {error}"
    named = _named(compare(before.rows, after.rows))
    return named or f"{digests}; only other columns or the layout differ"


def _named(changes: Changes) -> str:
    parts = [
        _some("added", [one.symbol for one in changes.added]),
        _some("removed", [one.symbol for one in changes.removed]),
        _some("changed", [f"{one.symbol} {one.field}" for one in changes.updated]),
    ]
    return ", ".join(part for part in parts if part)


def _some(verb: str, names: list[str]) -> str:
    if not names:
        return ""
    return f"{verb} {some_of(names, NAMED)}"
