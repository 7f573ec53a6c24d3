"""A new index is one declaration: two optional ones, off by default, and all that follows."""

import pytest

from tws_maintenance.config.home import Home
from tws_maintenance.config.indices import DECLARED, maintained
from tws_maintenance.config.settings import Settings, load_settings
from tws_maintenance.core.clock import utc_now
from tws_maintenance.core.digest import sha256
from tws_maintenance.core.errors import PageChanged, SettingsError
from tws_maintenance.sources.fetching import READERS
from tws_maintenance.sources.model import RawCopy, SourceTable
from tws_maintenance_tests.optional_pages import (
    SECTORS,
    nasdaq_members,
    nasdaq_page,
    nikkei_members,
    nikkei_page,
)

NASDAQ, NIKKEI = DECLARED["nasdaq100"], DECLARED["nikkei225"]
TASKS = ("nasdaq100_constituents", "nikkei225_constituents")


def read(key: str, content: bytes) -> SourceTable:
    spec = DECLARED[key].addresses("wikipedia")[0]
    raw = RawCopy("https://example.com", 200, content, sha256(content), utc_now())
    return READERS[spec.kind].parse(raw, DECLARED[key])


def test_the_page_of_the_nasdaq_100_is_read() -> None:
    table = read("nasdaq100", nasdaq_page(nasdaq_members()))
    assert len(table.rows) == 101
    assert {row.sector for row in table.rows} == set(SECTORS)
    assert table.rows[0].sub_industry == "Software"


def test_the_lists_of_the_nikkei_225_are_read_with_their_headings_as_sectors() -> None:
    table = read("nikkei225", nikkei_page(nikkei_members()))
    symbols = {NIKKEI.symbol_rule.symbol_of(row.ticker) for row in table.rows}
    assert len(symbols) == len(table.rows) == 225
    assert "285A.T" in symbols
    assert "9999.T" not in symbols, "a former component"
    assert all(NIKKEI.symbol_rule.is_symbol(one) for one in symbols)


def test_a_page_without_such_items_is_refused() -> None:
    with pytest.raises(PageChanged, match=r"expected items such as 'Company \(TYO: 7203\)'"):
        read("nikkei225", nasdaq_page(nasdaq_members()))


def keys(settings: Settings) -> list[str]:
    return [index.key for index in settings.maintained]


def test_what_is_maintained_is_a_function_of_the_settings(
    home: Home, monkeypatch: pytest.MonkeyPatch
) -> None:
    assert keys(load_settings(home)) == ["sp500", "sti", "hsi"]
    home.settings_file.write_text("[indices.nikkei225]\nenabled = true\n")
    assert keys(load_settings(home)) == ["sp500", "sti", "hsi", "nikkei225"]
    monkeypatch.setenv("TWS_MAINTENANCE_INDICES__NIKKEI225__ENABLED", "off")
    monkeypatch.setenv("TWS_MAINTENANCE_INDICES__NASDAQ100__ENABLED", "1")
    assert keys(load_settings(home)) == ["sp500", "sti", "hsi", "nasdaq100"]


def test_its_tasks_groups_and_venues_follow() -> None:
    every = maintained(["nikkei225", "nasdaq100"])
    assert every.constituent_tasks[-2:] == TASKS
    assert every.tasks == (*every.constituent_tasks, "market_events", "metadata_validation")
    assert every.expanded(["all", TASKS[0]]) == (*every.constituent_tasks, "market_events")
    assert [venue.code for venue in every.venues] == ["XNYS", "XSES", "XHKG", "XTKS"]
    assert every.unknown(TASKS) == ""
    none = maintained()
    assert "[indices.nasdaq100] in maintenance.toml" in none.unknown(TASKS)
    assert none.unknown(["ftse"]).startswith("Unknown task ftse; known: sp500_constituents, ")


@pytest.mark.parametrize(
    ("written", "told"),
    [
        ("[indices.sp500]\nenabled = false\n", "always maintained"),
        ("[indices.dax]\nmin_rows = 3\n", "unknown index 'dax'"),
    ],
)
def test_a_setting_that_switches_nothing_is_refused(home: Home, written: str, told: str) -> None:
    home.settings_file.write_text(written)
    with pytest.raises(SettingsError, match=told):
        load_settings(home)


def test_thresholds_of_one_that_is_off_may_stand_in_the_file(home: Home) -> None:
    home.settings_file.write_text("[indices.nikkei225]\nmin_rows = 220\n")
    assert load_settings(home).indices["nikkei225"].min_rows == 220
