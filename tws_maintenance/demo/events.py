"""Invented answers about market events, in the layout of the real ones."""

import json
from collections.abc import Iterable
from datetime import UTC, date, datetime, time, timedelta
from zoneinfo import ZoneInfo

from tws_maintenance.core.clock import utc_now

# (month, days, is with projections): no real calendar.
MEETINGS = (
    ("January", "20-21", False),
    ("March", "10-11", True),
    ("Apr/May", "30-1", False),
    ("June", "9-10", True),
    ("July", "21-22", False),
    ("September", "8-9", True),
    ("October", "20-21", False),
    ("December", "8-9", True),
)


def this_year() -> int:
    """Return the year in Washington, which the Federal Reserve's page goes by."""
    return utc_now().astimezone(ZoneInfo("America/New_York")).year


def fomc_page(years: Iterable[int]) -> bytes:
    """Return a page with eight invented meetings in each of `years`."""
    panels = "".join(_panel(year) for year in years)
    return f"""<!DOCTYPE html><html lang="en-us"><head><meta charset="utf-8">
<title>The Fed - Meeting calendars and information</title></head><body><div id="content">
{panels}<p>Note: Each meeting date is tentative until confirmed at the meeting immediately
preceding it.</p></div></body></html>""".encode()


def calendar_events(
    earnings: Iterable[date] | None = (),
    *,
    is_estimate: bool = False,
    ex_dividend: date | None = None,
) -> bytes:
    """Return Yahoo's answer: earnings at 21:05 UTC (a span where there are two days).

    Where `earnings` is None it says nothing of earnings, as of a fund.
    """
    events: dict[str, object] = {"maxAge": 1}
    if earnings is not None:
        events["earnings"] = {
            "earningsDate": [_epoch(day, time(21, 5)) for day in earnings],
            "isEarningsDateEstimate": is_estimate,
            "earningsAverage": 1.5,
        }
    if ex_dividend is not None:
        events["exDividendDate"] = _epoch(ex_dividend, time(0))
        events["dividendDate"] = _epoch(ex_dividend + timedelta(days=14), time(0))
    return _summary({"result": [{"calendarEvents": events}], "error": None})


def unknown_symbol(symbol: str) -> bytes:
    """Return what Yahoo says, with status 404, of a symbol that it does not know."""
    said = f"Quote not found for symbol: {symbol}"
    return _summary({"result": None, "error": {"code": "Not Found", "description": said}})


def _summary(content: object) -> bytes:
    return json.dumps({"quoteSummary": content}).encode()


def _panel(year: int) -> str:
    rows = "".join(
        f'<div class="{"fomc-meeting--shaded " if n % 2 else ""}row fomc-meeting">'
        f'<div class="fomc-meeting__month col-xs-5"><strong>{month}</strong></div>'
        f'<div class="fomc-meeting__date col-xs-4">{days}{"*" if is_sep else ""}</div></div>\n'
        for n, (month, days, is_sep) in enumerate(MEETINGS)
    )
    return (
        f'<div class="panel panel-default"><div class="panel-heading"><h4><a id="{year}">'
        f"{year} FOMC Meetings</a></h4></div>\n{rows}</div>\n"
    )


def _epoch(day: date, at: time) -> int:
    return int(datetime.combine(day, at, UTC).timestamp())
