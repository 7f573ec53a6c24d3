"""The page of the members: any day of the history, and where each row comes from."""

import csv
import io
from collections.abc import Iterator
from dataclasses import replace
from datetime import date

import pytest

from tws_maintenance.constituents.history import BACKFILL, Stay, settled, to_csv
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
    assert "By announced changes, which carry back to 2020-02-03" in page
    later = backfilled.get(PAGE, on="2026-06-01").text
    assert "<b>NEW</b>" in later
    assert "maintenance_20260510_120000</a>" in later
    assert "announced" not in later


def test_a_day_that_is_not_known_is_no_empty_list(backfilled: Console) -> None:
    page = backfilled.get(PAGE, on="2020-02-02").text
    assert "is not known: announced changes carry back to 2020-02-03 and no further" in page
    assert "0 members" not in page
    answer = backfilled.get(f"{PAGE}.csv", on="2020-02-02")
    assert (answer.status_code, "is not known" in answer.text) == (404, True)


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
