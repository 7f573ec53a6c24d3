"""What changed, by name: who came, who left, who only changed a ticker, whose fields moved."""

import json
from dataclasses import asdict

import pytest

from tws_maintenance.constituents.csv_file import Row
from tws_maintenance.constituents.diff import (
    Changes,
    FieldChange,
    Member,
    Rename,
    company_key,
    compare,
)


def row(symbol: str, security: str, sector: str = "", sub_industry: str = "") -> Row:
    return {
        "symbol": symbol,
        "security": security,
        "sector": sector,
        "sub_industry": sub_industry,
    }


AMBER, BOREAL, CEDAR = row("AAA", "Amber Lane"), row("BBB", "Boreal Mill"), row("CCC", "Cedar Quay")


def test_nothing_changed() -> None:
    assert compare([AMBER, BOREAL], [BOREAL, AMBER]) == Changes()


def test_members_that_came_and_left_are_named_in_order() -> None:
    changes = compare([CEDAR, BOREAL], [AMBER, row("ZZZ", "Zenith")])
    assert changes.added == (Member("AAA", "Amber Lane"), Member("ZZZ", "Zenith"))
    assert changes.removed == (Member("BBB", "Boreal Mill"), Member("CCC", "Cedar Quay"))
    assert changes.renamed == ()


def test_a_new_ticker_of_the_same_company_is_a_rename_and_stands_in_both_lists_too() -> None:
    changes = compare([row("FB", "Meta Platforms, Inc.")], [row("META", "Meta Platforms")])
    assert changes.renamed == (Rename("FB", "META", "Meta Platforms"),)
    assert changes.added == (Member("META", "Meta Platforms"),)
    assert changes.removed == (Member("FB", "Meta Platforms, Inc."),)


@pytest.mark.parametrize(
    ("before", "after"),
    [
        ([("OA", "Amber Lane"), ("OB", "Amber Lane Inc.")], [("N", "Amber Lane")]),
        ([("O", "Amber Lane")], [("NA", "Amber Lane"), ("NB", "Amber Lane Corp.")]),
        ([("O", "")], [("N", "")]),
    ],
)
def test_a_name_that_is_not_unique_on_both_sides_is_no_rename(
    before: list[tuple[str, str]], after: list[tuple[str, str]]
) -> None:
    changes = compare([row(*one) for one in before], [row(*one) for one in after])
    assert changes.renamed == ()
    assert len(changes.added) == len(after)
    assert len(changes.removed) == len(before)


def test_one_class_of_shares_is_never_another() -> None:
    changes = compare([row("GOOGL", "Alphabet (Class A)")], [row("GOOG", "Alphabet (Class C)")])
    assert changes.renamed == ()


def test_a_company_that_kept_its_ticker_is_no_rename_of_a_newcomer_of_that_name() -> None:
    changes = compare([AMBER], [AMBER, row("AAB", "Amber Lane")])
    assert (changes.added, changes.renamed) == ((Member("AAB", "Amber Lane"),), ())


def test_fields_that_changed_are_told_with_both_values() -> None:
    after = row("AAA", "Amber Lane Group", "Energy")
    assert compare([AMBER], [after]).updated == (
        FieldChange("AAA", "security", "Amber Lane", "Amber Lane Group"),
        FieldChange("AAA", "sector", "", "Energy"),
    )


@pytest.mark.parametrize(
    ("one", "other", "same"),
    [
        ("The Boeing Company", "Boeing Co.", True),
        ("AT&T INC", "AT&T", True),
        ("Fox Corporation (Class A)", "Fox Corp. (Class A)", True),
        ("Fox Corporation (Class A)", "Fox Corporation (Class B)", False),
        ("Amber Lane Inc.", "Amber Lake Inc.", False),
        ("The Company", "Limited", False),
        ("中國移動", "中國電信", False),
    ],
)
def test_a_company_is_recognised_by_its_name_without_its_legal_form(
    one: str, other: str, *, same: bool
) -> None:
    assert (company_key(one) == company_key(other)) is same


def test_changes_survive_their_way_through_json() -> None:
    changes = compare([AMBER, BOREAL], [row("AA2", "Amber Lane"), row("BBB", "Boreal", "Energy")])
    assert Changes.from_dict(json.loads(json.dumps(asdict(changes)))) == changes
    assert list(asdict(changes)) == ["added", "removed", "renamed", "updated"]
