"""The meetings of the Federal Open Market Committee, as the Federal Reserve's calendar lists them.

https://www.federalreserve.gov/monetarypolicy/fomccalendars.htm has a panel for each year, in no
order, with the heading `2026 FOMC Meetings` and a row for each meeting, such as `Apr/May` `30-1*`.
Its first sentence promises eight regularly scheduled meetings a year. A page with fewer is refused,
because a missing row must never mean a day without a decision.
Belongs here: reading the page. Does not: fetching it (`fetching`).
"""

import re
from dataclasses import dataclass
from datetime import UTC, date, datetime, time
from enum import StrEnum
from itertools import islice, pairwise
from zoneinfo import ZoneInfo

from lxml import etree, html

from tws_maintenance.core.errors import PageChanged
from tws_maintenance.market_events.model import Event, EventType
from tws_maintenance.sources.text import cell_text

PAGE_PATH = "/monetarypolicy/fomccalendars.htm"
TIMEZONE = "America/New_York"
# For all regularly scheduled meetings; the Federal Reserve announced it on 13 March 2013.
DECISION_TIME = time(14, 0)
SCHEDULED_A_YEAR = 8
MAX_SCHEDULED_A_YEAR = 12
MAX_NIGHTS = 6  # real meetings have at most one
DECEMBER = 12
TAIL_CHARACTERS = 2000
MAX_CELL_CHARACTERS = 120
MAX_CELL_ELEMENTS = 50
_MONTHS = ("jan", "feb", "mar", "apr", "may", "jun", "jul", "aug", "sep", "oct", "nov", "dec")
_MONTH = re.compile(
    r"jan(uary)?|feb(ruary)?|mar(ch)?|apr(il)?|may|june?|july?|aug(ust)?|sept?(ember)?"
    r"|oct(ober)?|nov(ember)?|dec(ember)?"
)
_HEADING = re.compile(r"([0-9]{4}) FOMC Meetings")
_DASH = re.compile("[\u2010-\u2015\u2212]")
_DAYS = re.compile(
    r"(?!.*\*.*\*)(?P<first>[0-9]{1,2})(?: ?- ?(?P<last>[0-9]{1,2}))? ?(?P<star>\*?) ?"
    r"(?P<qualifiers>(?:\([^()]*\) ?)*)(?P<late_star>\*?)"
)


class MeetingKind(StrEnum):
    """The kind of a meeting; only a scheduled meeting has a time that is known in advance."""

    SCHEDULED = "scheduled"
    UNSCHEDULED = "unscheduled"
    NOTATION_VOTE = "notation_vote"


NAMES = {
    MeetingKind.SCHEDULED: "FOMC meeting",
    MeetingKind.UNSCHEDULED: "FOMC unscheduled meeting",
    MeetingKind.NOTATION_VOTE: "FOMC notation vote",
}
UNSCHEDULED = "unscheduled"
NOTATION_VOTE = "notation vote"
CANCELLED = frozenset({"cancelled", "canceled"})
# Further words in a row: those that do not change its days, and those that may.
_BESIDE = re.compile(
    r"(with )?(a )?press conference|(policy )?statement( only)?|minutes|sep|"
    r"(summary of )?(economic )?projections|(one|two)-day( meeting)?|(regularly )?scheduled"
)
_MAY_MOVE = re.compile(
    r"\b(re-?schedul|postpon|mov(ed|ing)\b|delay|defer|chang|new dates?\b|tentative|tb[acd]\b|"
    r"to be |formerly|originally|previously|replac|advanced|brought forward|suspend|correct|revis)"
)


@dataclass(frozen=True)
class Meeting:
    """A row: `first` and `last` are its days in New York, `text` is the row as the page writes it.

    `has_projections` is the page's star: a Summary of Economic Projections is published with it.
    """

    first: date
    last: date
    kind: MeetingKind
    is_cancelled: bool
    has_projections: bool
    text: str

    @property
    def decides(self) -> bool:
        """Whether it ends with a decision at a known time."""
        return self.kind is MeetingKind.SCHEDULED and not self.is_cancelled


@dataclass(frozen=True)
class Calendar:
    """The meetings of all years, by date, as the page listed them on `today` (New York).

    The list is complete up to `complete_until`; later meetings may be missing.
    """

    today: date
    meetings: tuple[Meeting, ...]
    complete_until: date
    warnings: tuple[str, ...]


def parse(content: bytes, *, today: date) -> Calendar:
    """Return the meetings on the calendar page; `today` is the date in New York.

    Raises:
        PageChanged: the page has another form or lacks meetings; the message says what was
            expected and what was found.
    """
    panels = _panels(_document(content))
    if today.year not in panels:
        found = ", ".join(map(str, sorted(panels))) or "no panels"
        raise _changed(f"expected the panel '{today.year} FOMC Meetings', found {found}")
    meetings: list[Meeting] = []
    warnings: list[str] = []
    complete = set()
    for year, rows in sorted(panels.items()):
        read, unknown = _read_rows(year, rows, warnings, today)
        meetings += read
        unread = len(rows) - len(read)
        if _is_complete(year, read, unread, unknown, is_later=year > today.year):
            complete.add(year)
        else:
            warnings.append(f"the page does not yet list all scheduled meetings of {year}")
    if today.month == DECEMBER and today.year + 1 not in panels:
        warnings.append(
            f"it is December, and the page does not yet list meetings of {today.year + 1}"
        )
    until = today.year
    while until + 1 in complete:
        until += 1
    meetings.sort(key=lambda one: (one.last, one.kind, one.first))
    for one, other in pairwise(meetings):
        if (one.last, one.kind) == (other.last, other.kind):
            raise _changed(f"the rows '{one.text}' and '{other.text}' are the same meeting")
    return Calendar(today, tuple(meetings), date(until, DECEMBER, 31), tuple(warnings))


def events(calendar: Calendar, *, source_url: str) -> tuple[Event, ...]:
    """Return every meeting of `calendar` as an event, past ones too.

    Each is on its last day in New York, a scheduled one at 14:00 there. The page calls a date
    tentative until the meeting before confirms it, so `tentative` in the detail is true for all
    coming meetings except the next scheduled one.
    """
    to_come = [one for one in calendar.meetings if one.last >= calendar.today]
    confirmed = next((one for one in to_come if one.decides), None)
    return tuple(
        _event(one, source_url, is_tentative=one.last >= calendar.today and one is not confirmed)
        for one in calendar.meetings
    )


def _event(meeting: Meeting, source_url: str, *, is_tentative: bool) -> Event:
    title, clock, start_at = NAMES[meeting.kind], None, None
    if meeting.decides:
        title = "FOMC decision" + (" with projections (SEP)" if meeting.has_projections else "")
        clock = DECISION_TIME
        start_at = datetime.combine(meeting.last, clock, ZoneInfo(TIMEZONE)).astimezone(UTC)
    return Event(
        event_type=EventType.FOMC,
        subject=meeting.kind.value,
        title=f"{title} (cancelled)" if meeting.is_cancelled else title,
        event_date=meeting.last,
        market_timezone=TIMEZONE,
        event_time=clock,
        start_at_utc=start_at,
        is_cancelled=meeting.is_cancelled,
        source_url=source_url,
        detail={
            "kind": meeting.kind.value,
            "first_day": meeting.first.isoformat(),
            "last_day": meeting.last.isoformat(),
            "projections": meeting.has_projections,
            "tentative": is_tentative,
        },
        raw={"row": meeting.text},
    )


def _changed(what: str) -> PageChanged:
    return PageChanged(f"{what}. Check the page; nothing was read from it.")


def _document(content: bytes) -> html.HtmlElement:
    """Return the whole page. Raises PageChanged if it is cut off or does not parse to the end."""
    parser = html.HTMLParser(encoding="utf-8")
    try:
        text = content.decode("utf-8")
        document = html.document_fromstring(content, parser=parser)
    except (UnicodeDecodeError, etree.ParserError, etree.XMLSyntaxError) as error:
        raise _changed(f"expected a UTF-8 web page, found something else ({error})") from error
    fatal = parser.error_log.filter_from_fatals()
    if len(fatal):
        raise _changed(f"the page parses only up to line {fatal[0].line}: {fatal[0].message}")
    if "</html>" not in text[-TAIL_CHARACTERS:].lower():
        raise _changed(f"the page is cut off after {len(text)} characters, before </html>")
    return document


def _panels(document: html.HtmlElement) -> dict[int, list[tuple[str, str]]]:
    """Return {year: rows}, each row as month and days, by the heading above the rows."""
    panels: dict[int, list[tuple[str, str]]] = {}
    year = None
    for element in document.iter("h4", "div"):
        if element.tag == "h4":
            heading = _HEADING.fullmatch(_text(element))
            year = int(heading[1]) if heading else None
            if year in panels:
                raise _changed(f"expected one panel of {year}, found two")
            if year is not None:
                panels[year] = []
        elif "fomc-meeting" in element.get("class", "").split():
            row = _cell(element, "fomc-meeting__month"), _cell(element, "fomc-meeting__date")
            if year is None:
                raise _changed(f"the row '{' '.join(row)}' has no heading with a year above it")
            panels[year].append(row)
    return panels


def _cell(row: html.HtmlElement, name: str) -> str:
    cells = (one for one in row.iterchildren("div") if name in one.get("class", "").split())
    return next(map(_text, cells), "")


def _text(element: html.HtmlElement) -> str:
    """Return the text of a cell, cut off with dots if it is too long for a cell."""
    # Nested cells would each be read to the end of the page.
    if next(islice(element.iter(), MAX_CELL_ELEMENTS, None), None) is not None:
        return "..."
    text = cell_text(element)
    return text if len(text) <= MAX_CELL_CHARACTERS else f"{text[:MAX_CELL_CHARACTERS]}..."


def _read_rows(
    year: int, rows: list[tuple[str, str]], warnings: list[str], today: date
) -> tuple[list[Meeting], list[str]]:
    """Return the meetings of a year, and a sentence for each row with an unknown word.

    An unreadable row is left out only in a past year.

    Raises:
        PageChanged: a row of this or a later year cannot be read.
    """
    meetings: list[Meeting] = []
    unknown: list[str] = []
    for month, days in rows:
        row = f"the row '{month} {days}' of {year}"
        try:
            meeting, words = _meeting(year, month, days)
        except ValueError as error:
            if year >= today.year:
                expected = "expected a form like 'Apr/May 30-1*' or 'August 22 (notation vote)'"
                raise _changed(f"{row} cannot be read ({error}); {expected}") from error
            warnings.append(f"{row} cannot be read ({error}); it was left out")
            continue
        meetings.append(meeting)
        for word in words:
            said = f"{row} says '{word}'"
            warnings.append(f"{said}, {_meaning(said, word, meeting, today)}")
            if _is_unknown(word):
                unknown.append(said)
    return meetings, unknown


def _meaning(said: str, word: str, meeting: Meeting, today: date) -> str:
    """Return a sentence about the effect of a word in a row.

    Raises:
        PageChanged: the word may move a coming meeting, so its days are not reliable.
    """
    kept = f"kept as {NAMES[meeting.kind]}"
    if _BESIDE.fullmatch(word):
        return f"which does not change its days; {kept}"
    if not _MAY_MOVE.search(word):
        return f"whose meaning is unknown; {kept}"
    if meeting.last < today:
        return f"which may have moved it, but its day is over; {kept}"
    raise _changed(
        f"{said}, so its days may not hold; expected days without such a word. The stored meetings "
        "stay. Read the Federal Reserve's announcement, and run again when the page shows final "
        "days"
    )


def _is_unknown(word: str) -> bool:
    return not (_BESIDE.fullmatch(word) or _MAY_MOVE.search(word))


def _is_complete(
    year: int, meetings: list[Meeting], unread: int, unknown: list[str], *, is_later: bool
) -> bool:
    """Return whether a year has its eight meetings.

    Raises:
        PageChanged: it has too many, or too few and the year is not `is_later`.
    """
    found = sum(one.kind is MeetingKind.SCHEDULED for one in meetings)
    has_too_few = found + unread < SCHEDULED_A_YEAR
    if found > MAX_SCHEDULED_A_YEAR or (has_too_few and not is_later):
        count = f"expected {SCHEDULED_A_YEAR} scheduled meetings of {year}, found {found}"
        why = f": {'; '.join(unknown)}, whose meaning is unknown" if unknown else ""
        raise _changed(f"{count}{why}")
    return not has_too_few


def _meeting(year: int, month: str, days: str) -> tuple[Meeting, list[str]]:
    """Return the meeting of a row, and its further words. Raises ValueError if unreadable."""
    found = _DAYS.fullmatch(_DASH.sub("-", days))
    if found is None:
        raise ValueError("its days have an unknown form")
    parts = re.split(r"[(),;/]| and ", found["qualifiers"].lower())
    words = {part.strip() for part in parts} - {""}
    others = sorted(words - CANCELLED - {UNSCHEDULED, NOTATION_VOTE})
    kind = MeetingKind.SCHEDULED
    if NOTATION_VOTE in words:
        kind = MeetingKind.NOTATION_VOTE
    elif UNSCHEDULED in words or any(map(_is_unknown, others)):
        kind = MeetingKind.UNSCHEDULED
    months = [_month(word) for word in re.split("[/-]", _DASH.sub("-", month))]
    first, last = _span(year, months, found["first"], found["last"])
    has_projections = bool(found["star"] or found["late_star"])
    is_cancelled = not CANCELLED.isdisjoint(words)
    meeting = Meeting(first, last, kind, is_cancelled, has_projections, f"{month} {days}")
    return meeting, others


def _month(word: str) -> int:
    name = word.strip(" .").casefold()
    if not _MONTH.fullmatch(name):
        raise ValueError(f"{word!r} is not a month")
    return _MONTHS.index(name[:3]) + 1


def _span(year: int, months: list[int], first: str, last: str | None) -> tuple[date, date]:
    """Return the first and last day; `year` is the panel's, in which the meeting begins."""
    match months:
        case [month]:
            end_month = month
        case [month, end_month] if last and end_month == month % DECEMBER + 1:
            pass
        case _:
            raise ValueError("its months and days do not match")
    start = date(year, month, int(first))
    end = date(year + (end_month < month), end_month, int(last or first))
    if last and not 1 <= (end - start).days <= MAX_NIGHTS:
        raise ValueError(f"a meeting from {start} to {end} is not plausible")
    return start, end
