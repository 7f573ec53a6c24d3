"""Which lines of two lists are the same share."""

import pytest

from tws_maintenance.constituents.matching import (
    Listing,
    Roll,
    are_same,
    company_name,
    differing,
    groups_of,
    might_be,
    roll_of,
)
from tws_maintenance_tests.constituents.voting import lines, listing


def roll(*rows: str | Listing) -> Roll:
    return roll_of(lines(rows), bool)


def groups(*rolls: Roll) -> set[frozenset[str]]:
    return set(groups_of(rolls).values())


@pytest.mark.parametrize(
    ("one", "other"),
    [
        ("ExxonMobil", "EXXON MOBIL CORP"),
        ("Nestlé S.A.", "NESTLE SA"),
        ("Kohl's", "KOHL S CORP"),
        ("Lowe\N{RIGHT SINGLE QUOTATION MARK}s", "LOWES COS INC"),
        ("Travelers Companies (The)", "TRAVELERS COS INC/THE"),
        ("Hilton Worldwide", "HILTON WORLDWIDE HOLDINGS IN"),
        ("Huntington Ingalls Industries", "HUNTINGTON INGALLS INDUSTRIE"),
        ("Galaxy Entertainment Group Limited", "GALAXY ENTERTAINMENT GROUP L"),
        ("Interactive Brokers", "INTERACTIVE BROKERS GRO CL A"),
        ("Palantir Technologies", "PALANTIR TECHNOLOGIES INC A"),
        ("Alphabet Inc. (Class A)", "ALPHABET INC CL A"),
        ("Visa Inc.", "VISA INC CLASS A SHARES"),
        ("Brown\N{EN DASH}Forman", "BROWN FORMAN CORP CLASS B"),
        ("Alibaba", "ALIBABA - SW"),
    ],
)
def test_one_company_under_two_names(one: str, other: str) -> None:
    assert are_same(Listing("AAAA", one), Listing("BBBB", other))
    assert are_same(Listing("BBBB", other), Listing("AAAA", one))


@pytest.mark.parametrize(
    ("one", "other"),
    [
        ("Alphabet Inc. (Class A)", "ALPHABET INC CL C"),
        ("Fox Corporation (Class A)", "FOX CORP   CLASS B"),
        ("General Electric", "GE Vernova"),
        ("Honeywell", "HONEYWELL AEROSPACE INC"),
        ("Hologic", "CONTRA HOLOGIC INCORPO"),
        ("CK Hutchison", "CK Asset"),
        ("Bank of America", "BANK OF NEW YORK MELLON CORP"),
        # In mixed case a name is whole, and a short one is never cut.
        ("American International Group", "American International Group Partners"),
        ("", ""),
    ],
)
def test_two_companies_or_two_share_classes(one: str, other: str) -> None:
    assert not are_same(Listing("AAAA", one), Listing("BBBB", other))


def test_an_identifier_comes_before_the_name() -> None:
    exxon = listing("XOM", "Exxon Mobil", "US30231G1022")
    assert are_same(exxon, listing("2670549D", "PENDING LINE", "30231G102"))
    assert not are_same(exxon, listing("EXON", "Exxon Mobil", "30231G110"))
    # Kinds that cannot be compared leave it to the name, and a mark is no identifier.
    assert are_same(exxon, listing("XON", "Exxon Mobil", "2326618"))
    assert are_same(exxon, listing("XON", "Exxon Mobil", "-", "Unassigned"))
    assert not are_same(listing("AA", "One", "Unassigned"), listing("BB", "Two", "Unassigned"))


@pytest.mark.parametrize(
    ("one", "other"), [("GOOG", "GOOGL"), ("FOX", "FOXA"), ("BRK-A", "BRK-B"), ("DISCA", "DISCK")]
)
def test_tickers_of_two_classes_need_a_named_class(one: str, other: str) -> None:
    assert not are_same(Listing(one, "Big Corp"), Listing(other, "Big Corp Class A"))
    assert not are_same(Listing(one, "Big Corp"), Listing(other, "Big Corp"))
    assert are_same(Listing(one, "Big Corp Class A"), Listing(other, "BIG CORP CL A"))


def test_a_class_share_written_without_its_mark_is_the_same_share() -> None:
    one = Listing("BRK-B", "Berkshire Hathaway")
    assert are_same(one, Listing("BRKB", "BERKSHIRE HATHAWAY INC CLASS B"))


@pytest.mark.parametrize(("one", "other"), [("FB", "META"), ("FI", "FISV"), ("0027.HK", "2988.HK")])
def test_a_new_ticker_with_the_same_name_is_the_same_share(one: str, other: str) -> None:
    assert groups(roll(listing(one, "Some Company Ltd")), roll(listing(other, "SOME COMPANY"))) == {
        frozenset({one, other})
    }


def test_tickers_side_by_side_in_any_list_are_two_shares() -> None:
    old, new = listing("OLD", "One Company"), listing("NEW", "One Company")
    assert groups(roll(old), roll(new)) == {frozenset({"OLD", "NEW"})}
    assert groups(roll(old), roll(new), roll(old, new)) == set()


def test_a_name_that_fits_two_lines_fits_neither() -> None:
    short = listing("AAAA", "Discovery")
    both = roll(listing("BBBB", "Discovery (Class A)"), listing("CCCC", "Discovery (Class C)"))
    assert groups(roll(short), both) == set()
    assert groups(both, roll(short)) == set()
    assert differing(both, roll(short)) == differing(roll(short), both) == 3


def test_a_chain_of_tickers_is_one_share() -> None:
    rolls = [roll(listing(one, "One Company")) for one in ("AAAA", "BBBB", "CCCC")]
    assert groups(*rolls) == groups(*reversed(rolls)) == {frozenset({"AAAA", "BBBB", "CCCC"})}


def test_what_is_no_line_of_a_symbol_is_kept_apart() -> None:
    found = roll_of(
        [
            listing("AAPL"),
            listing("AAPL"),
            listing("AAPL", "Another Company"),
            listing("2670549D", "EXXON MOBIL CORP"),
            listing("", "Nameless"),
        ],
        str.isalpha,
    )
    assert list(found.lines) == ["AAPL"]
    assert [one.security for one in found.copies] == ["AAPL Works Inc."]
    assert [one.security for one in found.unresolved] == [
        "Another Company", "EXXON MOBIL CORP", "Nameless",
    ]  # fmt: skip
    assert found.repeated == ("AAPL",)
    assert len(found) == 4


def test_a_distance_counts_neither_renames_nor_lines_that_may_be_the_missing_one() -> None:
    first = roll("AAA", "BBB", listing("FB", "Meta Platforms"))
    assert differing(first, first) == 0
    assert differing(first, roll("AAA", "CCC", listing("META", "META PLATFORMS INC"))) == 2
    assert differing(first, roll("AAA", listing("META", "META PLATFORMS INC"))) == 1
    unread = roll_of(lines(["AAA", listing("FB"), listing("?", "")]), str.isalpha)
    assert differing(first, unread) == differing(unread, first) == 0


def test_a_line_might_be_what_shares_a_word_of_its_name() -> None:
    exxon = listing("XOM", "Exxon Mobil")
    assert might_be(listing("", "EXXON NEW LINE"), exxon)
    assert might_be(Listing("", ""), exxon)
    assert not might_be(listing("", "Chevron Corp"), exxon)
    assert not might_be(listing("", "The Group Company"), listing("BX", "Blackstone Group Company"))


def test_a_name_made_of_legal_words_is_still_a_name() -> None:
    assert company_name("The Limited").key == "thelimited"
