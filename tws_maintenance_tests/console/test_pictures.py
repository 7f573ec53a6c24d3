"""What the pictures are drawn from: the runs, the freshness, the members, and their tables."""

import json
import random
import re
from datetime import UTC, date, datetime, timedelta
from itertools import accumulate

import pytest

from tws_maintenance.console.pages.member_picture import (
    MOST_BYTES,
    days_of,
    picture_data,
    years_of,
)
from tws_maintenance.console.pages.pictures import RUNS, RunBar, freshness, pictures
from tws_maintenance.constituents.history import (
    BACKFILL,
    Stay,
    changes_of,
    member_counts,
    settled,
)
from tws_maintenance.core.clock import utc_now, utc_text
from tws_maintenance.reports.catalog import Renewal
from tws_maintenance.reports.summary import ReportSummary
from tws_maintenance_tests.console.support import HSI, SP500, STI, Console
from tws_maintenance_tests.constituents.test_history import rows
from tws_maintenance_tests.reports.shelf import filed, result

AT = datetime(2026, 11, 22, 18, 30, tzinfo=UTC)
TODAY = date(2026, 11, 22)


def before(days: float) -> datetime:
    return AT - timedelta(days=days)


def fifty_years(*, is_one_change_a_day: bool) -> list[Stay]:
    """Return 2,200 stays since 1976: 500 at first, and 1,700 that each took another's place."""
    chance = random.Random(5)  # noqa: S311 - the same history each time
    first, last = date(1976, 7, 1), date(2026, 11, 1)
    length = (last - first).days
    count = 1_700 if is_one_change_a_day else 1_000
    days = sorted(chance.sample(range(1, length), count))
    moves = days if is_one_change_a_day else sorted(chance.choices(days, k=1_700))
    open_stays = [(f"M{n}", "") for n in range(500)]
    stays: list[Stay] = []
    for number, day in enumerate(moves):
        moment = first + timedelta(days=day)
        symbol, since = open_stays.pop(chance.randrange(len(open_stays)))
        gone = moment - timedelta(days=1) if is_one_change_a_day else moment
        stays.append(Stay(symbol, "Company", since, max(since, f"{gone}"), "", source=BACKFILL))
        open_stays.append((f"N{number:03x}Z", f"{moment}"))
    stays += [
        Stay(one, "Company", since, f"{last}", "", source=BACKFILL) for one, since in open_stays
    ]
    listed = rows(*(symbol for symbol, _ in open_stays))
    return settled(stays, [], listed, "maintenance_20261101_120000", last)


# ---- members over time ------------------------------------------------------------------------


def _size(token: str) -> int:
    return int(token[2:]) if token[1:2] == "*" else 1


def drawn(data: dict[str, object]) -> list[tuple[str, int]]:
    """Return the days with the members at their end, as the script counts them."""
    texts = str(data["days"]).split("|") if data["days"] else []
    steps, day = [], date.fromisoformat(str(data["first"]))
    days = [str(day)]
    for text in texts:
        gap, *tokens = text.split(" ")
        day += timedelta(days=int(gap))
        days.append(str(day))
        steps.append(sum(_size(one) * {"+": 1, "-": -1, "~": 0}[one[0]] for one in tokens))
    start = data["start"]
    assert isinstance(start, int)
    return list(zip(days, accumulate(steps, initial=start), strict=True))


@pytest.mark.parametrize("is_one_change_a_day", [False, True])
def test_fifty_years_of_members_are_at_most_30_kb(*, is_one_change_a_day: bool) -> None:
    stays = fifty_years(is_one_change_a_day=is_one_change_a_day)
    assert len(stays) - 500 == 2_200
    data = picture_data(stays, TODAY)
    assert data is not None
    assert len(json.dumps(data).encode()) <= MOST_BYTES
    counted = {day: count for day, count in member_counts(stays) if day >= str(data["first"])}
    del counted["2026-11-01"]  # the first promotion, which found what was there
    assert dict(drawn(data)) == counted
    oldest, *_, newest = str(data["days"]).split("|")
    assert re.search(r"[+-][MN]\w", newest), "the newest days have names"
    is_named = bool(re.search(r"[+-][MN]\w", oldest))
    assert is_named != is_one_change_a_day, "names are left out only where they are too many"


def test_the_picture_begins_where_the_members_are_known() -> None:
    former = Stay("A", "A", "", "2026-05-10", "", source=BACKFILL)
    left = Stay("OLD", "Old", "", "2026-03-23", "", source=BACKFILL)
    joined = Stay("NEW", "New", "2026-03-23", "2026-05-10", "", source=BACKFILL)
    stays = settled([former, left, joined], [], rows("A", "NEW"), "report-1", date(2026, 5, 10))
    assert picture_data(stays, TODAY) == {
        "first": "2026-03-23",
        "today": "2026-11-22",
        "start": 2,
        "days": "",
    }
    later = settled(stays, rows("A", "NEW"), rows("A", "B", "C"), "report-2", date(2026, 6, 1))
    data = picture_data(later, TODAY)
    assert data is not None
    assert data["days"] == "70 +B +C -NEW"


def test_a_rename_moves_no_count_and_hostile_symbols_no_sign() -> None:
    stays = settled([], rows("FB", "B"), rows("FB", "B", "C"), "report-1", date(2026, 5, 10))
    moved = settled(
        stays, rows("FB", "B", "C"), rows("B", "C", META="FB Company"), "2", date(2026, 6, 1)
    )
    data = picture_data(moved, TODAY)
    assert data is not None
    assert (data["first"], data["start"]) == ("2026-05-09", 2)
    assert data["days"] == "1 +C|22 ~FB/META"
    strange = settled([], rows("A"), rows("A", "+*9 <b>|-X"), "1", date(2026, 5, 10))
    data = picture_data(strange, TODAY)
    assert data is not None
    assert data["days"] == "1 +9b-X"


def test_there_is_no_picture_of_a_first_day_or_of_an_edited_history() -> None:
    assert picture_data([], TODAY) is None
    assert picture_data(settled([], [], rows("A"), "report-1", TODAY), TODAY) is None
    assert picture_data([Stay("A", "A", "yesterday", "", "report-1")], TODAY) is None


def test_the_tables_are_by_year_with_the_members_after_each_day() -> None:
    stays = settled([], rows("A", "B"), rows("B", "C"), "report-1", date(2025, 5, 10))
    stays = settled(stays, rows("B", "C"), rows("B", "C", "D"), "report-2", date(2026, 6, 1))
    years = years_of(days_of(changes_of(stays), stays))
    assert [(one.year, one.counted("added"), one.counted("removed")) for one in years] == [
        ("2026", 1, 0),
        ("2025", 1, 1),
    ]
    assert [(one.day, one.report_id, one.count) for year in years for one in year.days] == [
        ("2026-06-01", "report-2", 3),
        ("2025-05-10", "report-1", 2),
    ]


# ---- runs and freshness -----------------------------------------------------------------------


def test_a_bar_is_as_high_as_the_run_was_long_and_stands_lower_where_it_failed() -> None:
    def heights(*seconds: float) -> list[int]:
        return [RunBar(ReportSummary("r", status="completed"), one).height for one in seconds]

    assert heights(0.2, 10, 60, 600, 9_000) == [3, 36, 64, 100, 100]
    good, half, bad = (
        RunBar(ReportSummary("r", status=one), 10)
        for one in ("completed", "partial_failure", "failed")
    )
    assert good.path(20) == "M21 64h8V100h-8z"
    assert half.path(20) == good.path(20) + "M21 106h8v8h-8z"
    assert bad.path(20) == good.path(20) + "M21 106h8v16h-8z"
    damaged = RunBar(ReportSummary("r", damaged=True), None)
    assert (damaged.state, damaged.height) == ("damaged", 3)


def test_a_list_is_fresh_until_its_limit_and_stale_from_then_to_the_next_refresh() -> None:
    renewals = [Renewal(before(days), is_restore=False) for days in (2, 20, 27)]
    row = freshness("STI", STI, renewals, 10, AT)
    assert [(one.state, one.left, one.width) for one in row.spans] == [
        ("no refresh on record", 0, 63),
        ("fresh", 63, 7),
        ("fresh", 70, 10),
        ("stale", 80, 8),
        ("fresh", 88, 2),
    ]
    assert (row.days("fresh"), row.days("stale"), row.refreshes) == (19, 8, [63, 70, 88])
    assert row.paths["stale"] == "M80.0 6h8.0V10h-8.0z"


def test_a_restore_is_not_fresh_and_a_refresh_before_the_90_days_counts() -> None:
    renewals = [Renewal(before(10), is_restore=True), Renewal(before(95), is_restore=False)]
    row = freshness("STI", STI, renewals, 10, AT)
    assert [(one.state, one.width) for one in row.spans] == [
        ("fresh", 5),
        ("stale", 75),
        ("restored", 10),
    ]
    assert row.refreshes == []


def test_the_overview_draws_60_runs_with_their_tables_in_30_kb(fresh: Console) -> None:
    now = utc_now()
    for number in range(70):
        at = now - timedelta(days=89 - number * 1.2)
        is_dry, has_failed = number % 3 == 0, number % 7 == 0
        status = "failed" if has_failed else "success"
        results = [
            result(task, dry_run=is_dry, status=status, finished_at=utc_text(at))
            for task in (SP500, STI, HSI)
        ]
        filed(
            fresh.home,
            *results,
            at=at,
            run_id=f"run-{number}",
            status="failed" if has_failed else "completed",
            dry_run=is_dry,
            started_at=utc_text(at - timedelta(seconds=number)),
        )
    page = fresh.get("/maintenance").text
    section = re.search(r'<div class="pictures">.*</main>', page, re.DOTALL)
    assert section
    drawing = section[0]
    assert len(drawing.encode()) < MOST_BYTES
    strip, runs, lists, table = drawing.split("<details>")[0], *_parts(drawing)
    links = re.findall(r'href="(/maintenance/reports/[^"?]+)" tabindex="-1"', strip)
    assert len(links) == RUNS
    assert re.findall(r'<td><a href="([^"]+)"', runs) == links[::-1]
    assert runs.count("failed</span>") == strip.count('class="failed')
    assert lists.count("<svg") == 3
    assert table.count("<tr>") == 4
    assert fresh.get(links[0]).status_code == 200
    assert 'class="pictures"' not in fresh.get("/maintenance/live").text
    found = pictures(fresh.backend, now)
    assert [one.report.report_id for one in found.runs] == [one.split("/")[-1] for one in links]
    assert found.runs[-1].seconds == 69


def _parts(drawing: str) -> list[str]:
    """Return the table of the runs, the drawing of the lists, and their table."""
    _, runs, rest = drawing.split("<details>")
    table, lists = runs.split("</details>", 1)
    return [table, lists, rest]
