"""How the vote about a symbol reads, from the records of a proposal or a report."""

from collections.abc import Iterable, Mapping
from typing import Any

UNCONFIRMED = "unconfirmed"


def vote_text(ballot: Mapping[str, Any], titles: Mapping[str, str]) -> str:
    """Return who lists a symbol and who does not."""
    parts = [
        f"{what} {_named(ballot[key], titles)}"
        for what, key in (("listed by", "listed_by"), ("not by", "not_listed_by"))
        if ballot[key]
    ]
    return ", ".join(parts) or "no usable source has a word about it"


def undecided_text(ballot: Mapping[str, Any], titles: Mapping[str, str]) -> str:
    """Return an undecided symbol with its company, who lists it and whether it stays in."""
    kept = "stays in" if ballot["kept"] else "stays out"
    return f"{_member(ballot)} {kept}: {vote_text(ballot, titles)}"


def _member(ballot: Mapping[str, Any]) -> str:
    return f"{ballot['symbol']} ({ballot['security']})" if ballot["security"] else ballot["symbol"]


def _named(names: Iterable[str], titles: Mapping[str, str]) -> str:
    return ", ".join(titles.get(name, name) for name in names)
