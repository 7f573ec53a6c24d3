"""The page of the members: any day of the history, and where each row comes from."""

import csv
import io
import json
import re
from collections.abc import Iterator
from dataclasses import replace
from datetime import date
from pathlib import Path

import pytest

import tws_maintenance.console
from tws_maintenance.constituents.history import BACKFILL, Stay, settled, to_csv
from tws_maintenance.core.digest import sha256
from tws_maintenance_tests.console.support import Console
from tws_maintenance_tests.constituents.test_history import rows

PAGE = "/maintenance/history/sp500_constituents"
HOSTILE = "<img src=x onerror=alert(1)>"


@pytest.fixture
def backfilled(console: Console) -> Iterator[Console]:
    """A console whose home knows the members from 2020-02-03 on; promotions since 2026-05-10."""
    promotions = settled([], [], rows("A", "NEW"), "maintenance_20260510_120000", date(2026, 5, 10))
    former = Stay("A", "A Company", "", "2026-05-10", "", source=BACKFILL)
    joined = replace(former, symbol="NEW", from_date="2026-03-23", reason=HOSTILE)
    left = replace(former, symbol="OLD", from_date="2020-02-03", to_date="2026-03-23")
    path = console.home.membership_file("sp500")
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_bytes(to_csv([former, joined, left, *promotions]))
    yield console
    path.unlink()


def test_a_day_before_the_first_promotion_shows_who_was_announced(backfilled: Console) -> None:
    page = backfilled.get(PAGE, on="2021-01-01").text
    assert "2 members at the end of 2021-01-01" in page
    assert "<b>OLD</b>" in page
    assert "since 2020-02-03, announced" in page
    assert "From announced changes, which reach back to 2020-02-03" in page
    later = backfilled.get(PAGE, on="2026-06-01").text
    assert "<b>NEW</b>" in later
    assert "maintenance_20260510_120000</a>" in later
    assert "announced" not in later


def test_a_day_that_is_not_known_is_no_empty_list(backfilled: Console) -> None:
    page = backfilled.get(PAGE, on="2020-02-02").text
    assert "are unknown: announced changes reach back only to 2020-02-03" in page
    assert "0 members" not in page
    answer = backfilled.get(f"{PAGE}.csv", on="2020-02-02")
    assert (answer.status_code, "are unknown." in answer.text) == (404, True)


def test_the_timeline_names_the_reason_of_an_announced_change_as_text(backfilled: Console) -> None:
    page = backfilled.get(PAGE).text
    assert "&lt;img src=x onerror" in page
    assert HOSTILE not in page
    assert 'href="/maintenance/reports/"' not in page


def test_the_tables_can_be_downloaded(backfilled: Console) -> None:
    every = backfilled.get(f"{PAGE}.csv")
    assert every.headers["Content-Type"] == "text/csv; charset=utf-8"
    assert every.headers["Content-Disposition"] == 'attachment; filename="sp500_membership.csv"'
    assert every.data == backfilled.home.membership_file("sp500").read_bytes()
    on = csv.DictReader(io.StringIO(backfilled.get(f"{PAGE}.csv", on="2021-01-01").text))
    assert [one["symbol"] for one in on] == ["A", "OLD"]
    table = list(csv.reader(io.StringIO(backfilled.get(f"{PAGE}.csv", after="2021-01-01").text)))
    assert table == [
        ["date", "A", "NEW", "OLD"],
        ["2021-01-01", "1", "0", "1"],
        ["2026-03-23", "1", "1", "0"],
    ]
    assert backfilled.get("/maintenance/history/nothing.csv").status_code == 404
    assert backfilled.get(f"{PAGE}.csv", on="tomorrow").status_code == 400


def test_two_days_are_compared_and_downloaded(backfilled: Console) -> None:
    page = backfilled.get(PAGE, after="2021-01-01", until="2026-04-01").text
    assert "2 members before, 2 after: 1 added, 1 removed, 0 renamed." in page
    assert page.count('<table class="stack timeline">') == 1
    assert backfilled.get(PAGE, after="2026-04-01", until="2021-01-01").text == page
    span = {"after": "2021-01-01", "until": "2026-04-01"}
    table = backfilled.get(f"{PAGE}.csv", **span)
    name = "sp500_days_after_2021-01-01_to_2026-04-01.csv"
    assert table.headers["Content-Disposition"] == f'attachment; filename="{name}"'
    assert table.text.splitlines()[1:] == ["2021-01-01,1,0,1", "2026-03-23,1,1,0"]
    changes = backfilled.get(f"{PAGE}.csv", **span, **{"as": "changes"})
    assert "sp500_changes_after_2021-01-01_to" in changes.headers["Content-Disposition"]
    found = [*csv.DictReader(io.StringIO(changes.text))]
    assert [(one["day"], one["kind"], one["symbol"], one["reason"]) for one in found] == [
        ("2026-03-23", "added", "NEW", HOSTILE),
        ("2026-03-23", "removed", "OLD", ""),
    ]


def test_without_a_change_between_two_days_the_page_says_so(backfilled: Console) -> None:
    page = backfilled.get(PAGE, after="2021-01-01", until="2021-02-01").text
    assert "2 members before, 2 after: nobody joined or left." in page


@pytest.mark.parametrize("last", ["2019-06-01", "2026-04-01", ""])
def test_a_day_to_compare_that_is_not_known_is_no_empty_list(
    backfilled: Console, last: str
) -> None:
    page = backfilled.get(PAGE, after="2019-01-01", until=last).text
    assert "The members on 2019-01-01 are unknown: announced changes reach back" in page
    assert "members then" not in page
    for more in ({}, {"as": "changes"}):
        answer = backfilled.get(f"{PAGE}.csv", after="2019-01-01", until=last, **more)
        assert answer.status_code == 404


@pytest.mark.parametrize(
    "query",
    [{"until": "2026-04-01"}, {"after": "x"}, {"after": "2021-01-01", "until": "9999-01-01"}],
)
def test_days_to_compare_that_are_none_are_refused(
    backfilled: Console, query: dict[str, str]
) -> None:
    for path in (PAGE, f"{PAGE}.csv"):
        assert backfilled.get(path, **query).status_code == 400


def test_the_picture_and_its_table_say_the_same(backfilled: Console) -> None:
    page = backfilled.get(PAGE).text
    found = re.search(r"data-members='([^']+)'", page)
    assert found
    data = json.loads(found[1])
    assert (data["first"], data["start"], data["days"]) == ("2020-02-03", 2, "2240 +NEW -OLD")
    row = re.search(r"<tr><td><a[^>]*>2026-03-23</a>.*?</tr>", page, re.DOTALL)
    assert row
    assert ("<b>NEW</b>" in row[0], "<b>OLD</b>" in row[0]) == (True, True)
    assert '<td class="n" data-unit="members">2</td>' in row[0]
    # Who was there when the first promotion recorded it did not join on that day.
    assert "2026-05-10</a>" not in page


def test_the_page_has_one_script_and_one_style(backfilled: Console) -> None:
    page = backfilled.get(PAGE).text
    loaded = re.findall(r'(?:src|rel="stylesheet" href)="([^"]+)"', page)
    assert loaded == ["/maintenance/static/members.css", "/maintenance/static/members.js"]
    script, style = backfilled.get(loaded[1]), backfilled.get(loaded[0])
    assert script.content_type == "text/javascript; charset=utf-8"
    assert style.content_type == "text/css; charset=utf-8"
    for part in ("console.js", "pictures.js", "vendor/uplot/uPlot.iife.min.js"):
        assert backfilled.get(f"/maintenance/static/{part}").text in script.text
    known = {"If-None-Match": script.headers["ETag"]}
    assert backfilled.client.get(loaded[1], headers=known).status_code == 304
    assert "vendor" not in backfilled.get("/maintenance").text


def test_what_is_vendored_is_what_its_note_says() -> None:
    folder = Path(tws_maintenance.console.__file__).parent / "static" / "vendor"
    noted = re.findall(r"\| (\S+) \|.*\| ([0-9a-f]{64}) \|", (folder / "README.md").read_text())
    assert {name: sha256((folder / name).read_bytes()) for name, _ in noted} == dict(noted)
    files = {f"{one.relative_to(folder)}" for one in folder.glob("*/*")}
    assert files - dict(noted).keys() == {"uplot/LICENSE"}
