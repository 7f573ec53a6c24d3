"""The wording of a vote about a symbol, from the records of a proposal or a report."""

from collections.abc import Iterable, Mapping
from typing import Any


def vote_text(ballot: Mapping[str, Any], titles: Mapping[str, str]) -> str:
    """Return who lists a symbol and who does not."""
    listed, missing = (_named(ballot[key], titles) for key in ("listed_by", "not_listed_by"))
    if listed and missing:
        return f"listed by {listed}, not by {missing}"
    if listed or missing:
        return f"listed by {listed}" if listed else f"not listed by {missing}"
    return "no usable source votes on it"


def undecided_text(ballot: Mapping[str, Any], titles: Mapping[str, str]) -> str:
    """Return an undecided symbol with its company, whether it stays in, why, and who lists it."""
    kept = "stays in" if ballot["kept"] else "stays out"
    why = f"{reason}, " if (reason := ballot.get("reason")) else ""
    return f"{_member(ballot)} {kept}: {why}{vote_text(ballot, titles)}"


def _member(ballot: Mapping[str, Any]) -> str:
    return f"{ballot['symbol']} ({ballot['security']})" if ballot["security"] else ballot["symbol"]


def _named(names: Iterable[str], titles: Mapping[str, str]) -> str:
    return ", ".join(titles.get(name, name) for name in names)
