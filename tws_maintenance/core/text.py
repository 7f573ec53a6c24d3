"""Words that messages share, and texts that stand for no value."""

from collections.abc import Sequence

# What spreadsheets and pandas leave where a value is missing, and dashes that stand for none.
MISSING_TEXTS = frozenset(
    {"", "nan", "none", "null", "n/a", "#n/a", "<na>", "-", "\u2013", "\u2014", "?", "tbd"}
)


def some_of(texts: Sequence[str], limit: int, separator: str = ", ") -> str:
    """Return the first `limit` of `texts`, and how many more there are: "A, B and 3 more"."""
    shown, more = separator.join(texts[:limit]), len(texts) - limit
    if more <= 0:
        return shown
    joint = separator if separator.strip() == ";" else " "
    return f"{shown}{joint}and {more} more"


def counted(count: int, noun: str) -> str:
    """Return a number with its noun."""
    return f"{count} {noun}" if count == 1 else f"{count} {noun}s"


def words(text: str | None) -> str:
    """Return an identifier as words."""
    return (text or "").replace("_", " ")
