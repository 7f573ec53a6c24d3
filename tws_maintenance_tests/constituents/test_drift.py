"""Drift: what somebody else did to a live file since it was promoted, named."""

import pytest

from tws_maintenance.config.home import Home
from tws_maintenance.constituents.drift import find_drift
from tws_maintenance.core.digest import sha256
from tws_maintenance.demo.pages import companies
from tws_maintenance_tests.constituents.bench import (
    STI,
    promoted,
    ready,
    staged,
    staged_file,
)
from tws_maintenance_tests.support import write_live


@pytest.fixture
def published(home: Home) -> bytes:
    """The STI's list as it was promoted."""
    promoted(home, ready(home, STI, companies("sti")))
    return home.live_file("sti").read_bytes()


def drift_of(home: Home, content: bytes) -> str:
    found = find_drift(home, STI, content)
    assert found is not None
    assert found.found_sha256 == sha256(content)
    return found.text


def test_there_is_none_before_the_first_promotion_nor_of_the_promoted_bytes(home: Home) -> None:
    assert find_drift(home, STI, write_live(home, STI, companies("sti"))) is None
    promoted(home, ready(home, STI, companies("sti")[:-1]))
    assert find_drift(home, STI, home.live_file("sti").read_bytes()) is None


def test_it_names_the_report_and_who_was_added_removed_or_changed(
    home: Home, published: bytes
) -> None:
    first = published.splitlines(keepends=True)[1]
    edited = published.replace(first, b"").replace(b"Amber Mill Inc.", b"Umber Mill Inc.")
    text = drift_of(home, edited + b"ZZZ.SI,ZZZ,By Hand Ltd,,\n")
    assert text == (
        "data/sti_constituents.csv was edited by somebody else since maintenance_20261122_183000 "
        "promoted it at 2026-11-22T18:30:00.000Z: added ZZZ.SI, removed A00.SI, changed B01.SI "
        "security"
    )


def test_many_names_are_cut_short(home: Home, published: bytes) -> None:
    fewer = b"".join(published.splitlines(keepends=True)[:-7])
    assert drift_of(home, fewer).endswith(" and 2 more")


def test_a_file_that_is_no_list_any_more_is_told_by_its_digest(
    home: Home, published: bytes
) -> None:
    text = drift_of(home, b"not a list")
    assert f"expected sha256 {sha256(published)[:12]}, found {sha256(b'not a list')[:12]}" in text
    assert "has no column symbol in its header" in text


def test_without_the_kept_bytes_or_with_altered_ones_it_says_so_and_names_nobody(
    home: Home, published: bytes
) -> None:
    (kept,) = home.staging.glob("*/constituents.csv")
    kept.write_bytes(b"altered")
    assert drift_of(home, published + b"ZZZ.SI,ZZZ,,,\n").endswith(
        "(the kept copy was changed too, so what differs is unknown)"
    )
    kept.unlink()
    assert drift_of(home, published + b"ZZZ.SI,ZZZ,,,\n").endswith(
        "(the promoted file is no longer kept, so what differs is unknown)"
    )


def test_the_next_proposal_warns_of_it(home: Home, published: bytes) -> None:
    home.live_file("sti").write_bytes(published + b"ZZZ.SI,ZZZ,By Hand Ltd,,\n")
    proposal = staged(home, STI, companies("sti"), minutes=1)
    (warning,) = proposal.warnings
    assert "added ZZZ.SI" in warning
    assert warning.endswith("An apply replaces that edit and keeps it in the backup.")
    assert staged_file(home, proposal).read_bytes() == published
