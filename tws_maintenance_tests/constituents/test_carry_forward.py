"""What a page leaves out and an operator added is not lost; what is odd stays for the audit."""

from dataclasses import replace

import pytest

from tws_maintenance.config.indices import Index
from tws_maintenance.constituents.carry_forward import Normalised, listings
from tws_maintenance.constituents.carry_forward import normalise as normalise_listings
from tws_maintenance.constituents.csv_file import LiveFile, Row, parse_live, to_csv
from tws_maintenance.demo.pages import Company
from tws_maintenance.sources.model import SourceTable
from tws_maintenance_tests.constituents.bench import HSI, SP500, STI
from tws_maintenance_tests.support import table_of

OLD = Company("OLD", "Amber Lane Inc.", "Utilities", "Water Utilities")


def normalise(table: SourceTable, index: Index, live: LiveFile | None) -> Normalised:
    return normalise_listings(listings(table, index), index, live)


def live_of(index: Index, *members: Company, **extra: str) -> LiveFile:
    known = normalise(table_of(list(members)), index, None)
    rows = [row | extra for row in known.rows]
    return parse_live(to_csv((*known.columns, *extra), rows), "live.csv")


def normalised(index: Index, live: LiveFile | None, *members: Company) -> Normalised:
    return normalise(table_of(list(members)), index, live)


def only(result: Normalised) -> Row:
    (row,) = result.rows
    return row


def test_symbols_are_written_as_the_market_and_the_robot_write_them() -> None:
    share = only(normalised(SP500, None, Company("brk.b", "Berkshire Hathaway")))
    assert share["symbol"] == "BRK-B"
    bank = only(normalised(STI, None, Company("SGX: D05", "DBS Group")))
    assert (bank["symbol"], bank["display_symbol"]) == ("D05.SI", "D05")
    for written in ("5", "0005", "00005", "SEHK:\u00a05"):
        hsbc = only(normalised(HSI, None, Company(written, "HSBC", "Finance")))
        assert (hsbc["symbol"], hsbc["display_symbol"]) == ("0005.HK", "0005")


def test_a_value_that_the_source_leaves_blank_is_kept_and_counted() -> None:
    result = normalised(SP500, live_of(SP500, OLD), replace(OLD, sector="", sub_industry=""))
    assert only(result)["sector"] == "Utilities"
    assert only(result)["sub_industry"] == "Water Utilities"
    assert result.carried == (("OLD", "sector"), ("OLD", "sub_industry"))


@pytest.mark.parametrize("text", ["nan", "NaN", "None", "-", "N/A", "Unassigned"])
def test_a_text_for_a_missing_value_is_as_a_blank_one(text: str) -> None:
    odd = replace(OLD, sector=text, sub_industry=text)
    result = normalised(SP500, live_of(SP500, OLD), odd)
    assert only(result)["sector"] == "Utilities"
    assert result.carried == (("OLD", "sector"), ("OLD", "sub_industry"))
    assert only(normalised(SP500, None, odd))["sector"] == ""


def test_a_text_for_a_missing_value_in_the_live_file_is_not_carried_on() -> None:
    blank = replace(OLD, sector="", sub_industry="")
    known = normalise(table_of([blank]), SP500, None)
    rows = [row | {"sector": "nan", "sub_industry": "None"} for row in known.rows]
    live = parse_live(to_csv(known.columns, rows), "live.csv")
    result = normalised(SP500, live, blank)
    assert (only(result)["sector"], only(result)["sub_industry"]) == ("", "")
    assert result.carried == ()


def test_a_value_that_the_source_gives_is_never_overruled() -> None:
    result = normalised(SP500, live_of(SP500, OLD), replace(OLD, sector="Energy"))
    assert only(result)["sector"] == "Energy"
    assert result.carried == ()


def test_a_company_keeps_its_sector_across_a_change_of_ticker() -> None:
    moved = Company("NEW", "Amber Lane, Incorporated")
    result = normalised(SP500, live_of(SP500, OLD), moved)
    assert only(result)["sector"] == "Utilities"
    assert result.carried == (("NEW", "sector"), ("NEW", "sub_industry"))


def test_another_company_under_another_ticker_inherits_nothing() -> None:
    result = normalised(SP500, live_of(SP500, OLD), Company("NEW", "Boreal Mill plc"))
    assert only(result)["sector"] == ""
    assert result.carried == ()


def test_two_classes_of_shares_do_not_inherit_from_a_name_that_fits_both() -> None:
    two = (Company("NEWA", "Amber Lane"), Company("NEWB", "Amber Lane"))
    result = normalised(SP500, live_of(SP500, OLD), *two)
    assert [row["sector"] for row in result.rows] == ["", ""]


def test_the_operators_columns_stay_beside_their_member_also_across_a_rename() -> None:
    live = live_of(SP500, OLD, note="mine")
    kept = normalised(SP500, live, OLD, Company("ADD", "Cedar Quay"))
    assert kept.columns == ("symbol", "security", "sector", "sub_industry", "note")
    assert [row["note"] for row in kept.rows] == ["mine", ""]
    assert only(normalised(SP500, live, OLD.renamed("NEW")))["note"] == "mine"


def test_duplicates_and_blank_tickers_stay_for_the_audit_to_see() -> None:
    odd = (Company("9988", "Alibaba"), Company("09988", "Alibaba again"), Company(" ", "Nobody"))
    result = normalised(HSI, None, *odd)
    assert [row["symbol"] for row in result.rows] == ["9988.HK", "9988.HK", ""]
    assert [row["display_symbol"] for row in result.rows] == ["9988", "9988", ""]


def test_odd_text_in_a_ticker_comes_back_as_it_is() -> None:
    assert only(normalised(HSI, None, Company("TBA", "Nobody")))["symbol"] == "TBA.HK"
    assert only(normalised(SP500, None, Company("A B", "Nobody")))["symbol"] == "A B"
