"""What tells the three indices apart: symbols, columns, tasks and sessions."""

from datetime import UTC, datetime

import pytest

from tws_maintenance.config.indices import DECLARED, GICS_SECTORS, INDICES, index_of_task
from tws_maintenance.config.venues import XHKG, XNYS
from tws_maintenance_tests.defaults import CONSTITUENT_TASKS, TASK_GROUPS, TASKS


@pytest.mark.parametrize(
    ("index_key", "cell", "symbol"),
    [
        ("sp500", "AAPL", "AAPL"),
        ("sp500", "BRK.B", "BRK-B"),
        ("sp500", "BRK-B", "BRK-B"),
        ("sp500", " brk.b ", "BRK-B"),
        ("sp500", "", ""),
        ("sp500", "\u00a0", ""),
        ("sti", "SGX: D05", "D05.SI"),
        ("sti", "SGX:\u00a0A17U", "A17U.SI"),
        ("sti", "sgx :d05", "D05.SI"),
        ("sti", "D05", "D05.SI"),
        ("sti", "SGX:", ""),
        ("hsi", "SEHK: 5", "0005.HK"),
        ("hsi", "SEHK:\u00a05", "0005.HK"),
        ("hsi", "0005", "0005.HK"),
        ("hsi", "00005", "0005.HK"),
        ("hsi", "9988", "9988.HK"),
        ("hsi", "09988", "9988.HK"),
        ("hsi", "80737", "80737.HK"),
        ("hsi", "SEHK: ", ""),
    ],
)
def test_the_ticker_of_a_page_becomes_the_published_symbol(
    index_key: str, cell: str, symbol: str
) -> None:
    assert INDICES[index_key].symbol_rule.symbol_of(cell) == symbol


@pytest.mark.parametrize(
    ("index_key", "cell"),
    [
        ("sp500", "NYSE: MMM"),
        ("sp500", "TOOLONG"),
        ("sp500", "BRK/B"),
        ("sp500", "0005"),
        ("sti", "NYSE: D05"),
        ("sti", "D05.SI"),
        ("sti", "D5"),
        ("hsi", "SGX: D05"),
        ("hsi", "5 HK"),
        ("hsi", "0005.HK"),
        ("hsi", "123456"),
        ("hsi", "\uff15"),
    ],
)
def test_odd_text_becomes_no_symbol(index_key: str, cell: str) -> None:
    rule = INDICES[index_key].symbol_rule

    assert not rule.is_symbol(rule.symbol_of(cell))


@pytest.mark.parametrize(
    ("index_key", "symbol", "is_symbol"),
    [
        ("sp500", "A", True),
        ("sp500", "GOOGL", True),
        ("sp500", "BRK-B", True),
        ("sp500", "BRK.B", False),
        ("sp500", "aapl", False),
        ("sp500", "AAPL\n", False),
        ("sp500", "AAPL,", False),
        ("sp500", "", False),
        ("sti", "D05.SI", True),
        ("sti", "A17U.SI", True),
        ("sti", "D05", False),
        ("sti", "D05.HK", False),
        ("hsi", "0005.HK", True),
        ("hsi", "80737.HK", True),
        ("hsi", "5.HK", False),
        ("hsi", "0005", False),
        ("hsi", "\u0661\u0662\u0663\u0664.HK", False),
    ],
)
def test_only_a_symbol_of_the_market_is_one(index_key: str, symbol: str, is_symbol: bool) -> None:
    assert INDICES[index_key].symbol_rule.is_symbol(symbol) is is_symbol


@pytest.mark.parametrize(
    ("index_key", "symbol", "display"),
    [("sp500", "BRK-B", "BRK-B"), ("sti", "D05.SI", "D05"), ("hsi", "0005.HK", "0005")],
)
def test_the_display_symbol_is_the_one_of_the_exchange(
    index_key: str, symbol: str, display: str
) -> None:
    assert INDICES[index_key].symbol_rule.display_of(symbol) == display


@pytest.mark.parametrize("index_key", INDICES)
def test_the_example_of_a_rule_follows_it(index_key: str) -> None:
    rule = INDICES[index_key].symbol_rule

    assert [text for text in rule.example.split(" or ") if not rule.is_symbol(text)] == []


def test_the_columns_of_the_live_files_are_as_agreed() -> None:
    assert {key: index.columns for key, index in INDICES.items()} == {
        "sp500": ("symbol", "security", "sector", "sub_industry"),
        "sti": ("symbol", "display_symbol", "security", "sector", "sub_industry"),
        "hsi": ("symbol", "display_symbol", "security", "sector", "sub_industry"),
    }


def test_the_declared_minimum_rows_are_as_agreed() -> None:
    assert {key: index.min_rows for key, index in INDICES.items()} == {
        "sp500": 450,
        "sti": 25,
        "hsi": 70,
    }


def test_who_decides_is_as_agreed() -> None:
    assert {
        key: (one.authority, one.source_names, one.quorum) for key, one in DECLARED.items()
    } == {
        "sp500": (None, ("wikipedia", "spy", "ivv"), 2),
        "sti": (None, ("es3", "wikipedia"), 2),
        "hsi": ("hang_seng", ("hang_seng", "tracker2800", "ishares3115", "wikipedia"), 2),
        "nasdaq100": (None, ("wikipedia",), 1),
        "nikkei225": (None, ("wikipedia",), 1),
    }
    assert [DECLARED[key].max_rows for key in INDICES] == [510, 32, 110]


def test_a_fund_names_no_sub_index() -> None:
    assert dict(INDICES["hsi"].best_at)["sector"] == ("hang_seng", "wikipedia")


def test_every_task_of_constituents_leads_back_to_its_index() -> None:
    assert CONSTITUENT_TASKS == ("sp500_constituents", "sti_constituents", "hsi_constituents")
    assert [index_of_task(task) for task in CONSTITUENT_TASKS] == list(INDICES.values())
    assert set(CONSTITUENT_TASKS) < set(TASKS)
    assert set(TASK_GROUPS["constituents"]) <= set(TASK_GROUPS["all"]) <= set(TASKS)


def test_a_task_without_an_index_leads_nowhere() -> None:
    with pytest.raises(KeyError):
        index_of_task("metadata_validation")


def test_there_are_eleven_gics_sectors() -> None:
    assert len(GICS_SECTORS) == 11


@pytest.mark.parametrize(
    ("at", "new_york", "hong_kong"),
    [
        (datetime(2026, 11, 20, 14, 29, tzinfo=UTC), False, False),
        (datetime(2026, 11, 20, 14, 30, tzinfo=UTC), True, False),
        (datetime(2026, 7, 10, 13, 30, tzinfo=UTC), True, False),
        (datetime(2026, 11, 20, 21, 0, tzinfo=UTC), False, False),
        (datetime(2026, 11, 20, 1, 30, tzinfo=UTC), False, True),
        (datetime(2026, 11, 21, 14, 30, tzinfo=UTC), False, False),
        (datetime(2026, 11, 22, 1, 30, tzinfo=UTC), False, False),
    ],
)
def test_a_session_is_told_in_the_local_time_of_the_exchange(
    at: datetime, new_york: bool, hong_kong: bool
) -> None:
    assert (XNYS.may_be_open(at), XHKG.may_be_open(at)) == (new_york, hong_kong)
