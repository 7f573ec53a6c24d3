"""Reading the day that a file states, in each form that the sources write it.

No form depends on the locale of this machine, as `strptime`'s month names do. A form in which day
and month could be swapped (`09/08/2026`) is not read.
"""

import re
from datetime import date

_MONTHS = (
    *("january", "february", "march", "april", "may", "june", "july"),
    *("august", "september", "october", "november", "december"),
)
_ISO = re.compile(r"(?P<year>\d{4})-(?P<number>\d{2})-(?P<day>\d{2})(?!\d)")
_DAY_FIRST = re.compile(r"(?P<day>\d{1,2})[-/ ](?P<month>[A-Za-z]{3,9})\.?[-/ ,]+(?P<year>\d{4})")
_MONTH_FIRST = re.compile(r"(?P<month>[A-Za-z]{3,9})\.? (?P<day>\d{1,2}),? (?P<year>\d{4})")
# Digits only, day first; a spreadsheet on the way takes the leading zero.
_DIGITS = re.compile(r"(?P<day>\d{1,2})(?P<number>\d{2})(?P<year>20\d{2})$")
_FORMS = (_ISO, _DAY_FIRST, _MONTH_FIRST, _DIGITS)
_MONTH_ONLY = re.compile(r"(?P<month>[A-Za-z]{3,9})\.?,? (?P<year>\d{4})")
# What stands around a day without changing it: "Monday, May 7th, 2026".
_WEEKDAY = re.compile(r"(?:mon|tue|wed|thu|fri|sat|sun)[a-z]*\.?,? ", re.IGNORECASE)
_ORDINAL = re.compile(r"\b(\d{1,2})(?:st|nd|rd|th)\b", re.IGNORECASE)
MIN_LETTERS = 3


def day_in(text: str) -> date | None:
    """Return the date that `text` begins with, None where it has no known form.

    Known: 2026-06-17 (a time may follow), 17-Jun-2026, 28/Sept/2026, Sep 15, 2026, 28092026 and
    Monday, 17th June 2026.
    """
    text = _WEEKDAY.sub("", " ".join(text.split()), count=1) if text[:1].isalpha() else text
    text = _ORDINAL.sub(r"\1", " ".join(text.split()))
    for form in _FORMS:
        if found := form.match(text):
            named = found.groupdict()
            month = int(named["number"]) if "number" in named else _month(named["month"])
            return _day(int(named["year"]), month, int(named["day"]))
    return None


def day_or_month_in(text: str) -> date | None:
    """Return the day, or the first day of the month, that `text` begins with, None for neither."""
    if day := day_in(text):
        return day
    found = _MONTH_ONLY.match(" ".join(text.split()))
    return _day(int(found["year"]), _month(found["month"]), 1) if found else None


def _month(name: str) -> int:
    """Return the number of a month, by its name or any beginning of it; 0 for another word."""
    word = name.casefold()
    word = "sep" if word == "sept" else word
    found = [n for n, month in enumerate(_MONTHS, start=1) if month.startswith(word)]
    return found[0] if found and len(word) >= MIN_LETTERS else 0


def _day(year: int, month: int, day: int) -> date | None:
    try:
        return date(year, month, day)
    except ValueError:
        return None
