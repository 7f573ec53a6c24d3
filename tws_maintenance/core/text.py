"""Words that messages share."""

from collections.abc import Sequence


def some_of(texts: Sequence[str], limit: int, separator: str = ", ") -> str:
    """Return the first `limit` of `texts`, and how many more there are: "A, B and 3 more"."""
    shown, more = separator.join(texts[:limit]), len(texts) - limit
    if more <= 0:
        return shown
    joint = separator if separator.strip() == ";" else " "
    return f"{shown}{joint}and {more} more"
