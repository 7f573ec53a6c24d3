"""Members in the items of lists: in each way they are written, and those that cannot be read."""

from datetime import date

import pytest

from tws_maintenance.config.indices import DECLARED
from tws_maintenance.config.settings import Settings
from tws_maintenance.core.clock import utc_now
from tws_maintenance.core.digest import sha256
from tws_maintenance.core.errors import PageChanged
from tws_maintenance.sources import wikipedia
from tws_maintenance.sources.model import RawCopy, SourceTable
from tws_maintenance_tests.sources.reading import html_page, tickers

NIKKEI = DECLARED["nikkei225"]
FOODS = "<h2>Components</h2><h3>Foods</h3>"
NISSUI = "<li>Nissui Corp. (TYO: 1332)</li>"


def read(*parts: str) -> SourceTable:
    """Return the members that a page with `parts` as its body lists."""
    content = html_page(*parts)
    raw = RawCopy("https://example.com", 200, content, sha256(content), utc_now())
    return wikipedia.parse_items(raw, NIKKEI)


@pytest.mark.parametrize(
    ("item", "security", "ticker"),
    [
        ("Kyokuyo (TYO: 1301)", "Kyokuyo", "1301"),
        ("Kyokuyo (TYO:\u00a01301, NYSE: MIL)", "Kyokuyo", "1301"),
        ("Kyokuyo (NYSE: MIL; TYO: 1301)", "Kyokuyo", "1301"),
        ("Kyokuyo (NYSE: MIL) (TYO: 1301)", "Kyokuyo (NYSE: MIL)", "1301"),
        ("Kyokuyo (TSE: 1308)", "Kyokuyo", "1308"),
        ("Kyokuyo (tyo : 1301) a trader", "Kyokuyo", "1301"),
        ("Kioxia (Holdings) (TYO: 285a)", "Kioxia (Holdings)", "285A"),
        ("Kyokuyo (TYO: 1301)<ul><li>its mill (NYSE: MIL)</li></ul>", "Kyokuyo", "1301"),
    ],
)
def test_an_item_is_read_in_every_way_it_is_written(item: str, security: str, ticker: str) -> None:
    table = read(FOODS, f"<ul><li>{item}</li></ul>")
    assert [(row.security, row.ticker, row.sector) for row in table.rows] == [
        (security, ticker, "Foods")
    ]
    assert (table.dropped, table.notes, table.rows_read) == ((), (), 1)


@pytest.mark.parametrize(
    "item",
    [
        "Kyokuyo (1301)",
        "Kyokuyo (TYO 1301)",
        "Kyokuyo TYO: 1301",
        "Kyokuyo (TYO: 1301",
        "(TYO: 1301)",
        "Kyokuyo (JPX: 1301)",
    ],
)
def test_an_item_below_a_sector_with_a_code_that_cannot_be_read_is_a_dropped_row(
    item: str,
) -> None:
    table = read(FOODS, f"<ul>{NISSUI}<li>{item}</li></ul>")
    assert tickers(table) == ["1332"]
    (dropped,) = table.dropped
    assert dropped.row == f"below Foods: {item}"
    assert dropped.reason == "an item with an unreadable code"
    assert table.rows_read == 2


@pytest.mark.parametrize(
    "rest",
    [
        "<ul><li>A note (founded 1923)</li><li>Nikkei Inc.</li></ul>",
        "<h2>See also</h2><ul><li>TOPIX (1306)</li></ul>",
        "<h2>Former components</h2><h3>2023</h3><ul><li>A mill (TYO: 9999)</li></ul>",
        "<h2>Weights</h2><ul><li>Kyokuyo (1301)</li></ul>",
        "<table><tr><td><ul><li>Kyokuyo (TYO: 1301)</li></ul></td></tr></table>",
    ],
)
def test_what_else_a_page_lists_is_neither_member_nor_dropped(rest: str) -> None:
    table = read(FOODS, f"<ul>{NISSUI}</ul>", rest)
    assert (tickers(table), table.dropped, table.rows_read) == (["1332"], (), 1)


def test_a_company_below_two_sectors_is_one_row_with_a_note() -> None:
    table = read(FOODS, f"<ul>{NISSUI}</ul><h3>Fishery</h3><ul>{NISSUI}</ul>")
    assert [(row.ticker, row.sector) for row in table.rows] == [("1332", "Foods")]
    (note,) = table.notes
    assert note == (
        "the page lists Nissui Corp. (1332) below 'Foods' and below 'Fishery'; the first was "
        "used as its sector"
    )
    assert table.rows_read == 1


def test_two_companies_under_one_code_both_stay_for_the_audit() -> None:
    table = read(FOODS, f"<ul>{NISSUI}<li>Another Corp. (TYO: 1332)</li></ul>")
    assert tickers(table) == ["1332", "1332"]


@pytest.mark.parametrize(
    ("above", "day"),
    [
        ("<p>As of April 2026, the index consists of these.</p>", date(2026, 4, 1)),
        ("<p>The members as of April 10, 2026:</p>", date(2026, 4, 10)),
        ("<p>As of the end of March 2026 ...</p><p>They are:</p>", date(2026, 3, 1)),
        ("<p>These are the members.</p>", None),
        ("<p>As of now, nobody knows.</p>", None),
    ],
)
def test_the_page_states_the_day_of_its_list_above_it(above: str, day: date | None) -> None:
    """Only what stands with the list counts: a lead is edited at other times."""
    lead = "<p>As of May 2019, the index stood at 21,000.</p>"
    below = "<p>As of June 2020, one was renamed.</p>"
    table = read(lead, "<h2>Components</h2>", above, f"<h3>Foods</h3><ul>{NISSUI}</ul>", below)
    assert table.as_of == day


def test_a_list_of_the_last_review_is_not_too_old_and_one_of_years_ago_is() -> None:
    assert Settings().of(NIKKEI).max_source_age_days == 366
    assert Settings().of(DECLARED["sti"]).max_source_age_days == 10
    chosen = Settings.model_validate({"indices": {"nikkei225": {"max_source_age_days": 10}}})
    assert chosen.of(NIKKEI).max_source_age_days == 10


def test_a_page_without_members_says_what_was_expected() -> None:
    with pytest.raises(PageChanged, match=r"expected items such as 'Company \(TYO: 7203\)'"):
        read(FOODS, "<ul><li>Kyokuyo (1301)</li></ul>")
