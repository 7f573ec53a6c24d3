"""Staging: the page is kept as fetched, the operator is told, and the live file is only read."""

from dataclasses import replace

import pytest

from tws_maintenance.config.home import Home
from tws_maintenance.constituents.csv_file import parse_live
from tws_maintenance.constituents.proposal import RAW, RECORD, last_copy
from tws_maintenance.constituents.stage import stage
from tws_maintenance.core.digest import sha256
from tws_maintenance.core.errors import LiveFileError, PageChanged, SourceUnreachable
from tws_maintenance.demo.announced import sp500_changes
from tws_maintenance.demo.pages import Company, companies
from tws_maintenance.sources.model import Attempt, Gathered
from tws_maintenance.sources.wikipedia import parse_changes
from tws_maintenance_tests.constituents.bench import (
    HSI,
    PAGE,
    SP500,
    STI,
    mark,
    page_alone,
    raw_copy,
    staged,
    staged_file,
    temporary_files,
)
from tws_maintenance_tests.support import table_of, write_live


def test_what_is_staged_is_the_live_file_to_be_and_the_live_file_stays(home: Home) -> None:
    before = write_live(home, STI, companies("sti")[1:])
    proposal = staged(home, STI, companies("sti"))
    content = staged_file(home, proposal).read_bytes()
    assert proposal.sha256 == sha256(content)
    assert proposal.live_sha256 == sha256(before)
    assert home.live_file("sti").read_bytes() == before
    assert content == write_live(home, STI, companies("sti"))
    assert temporary_files(home) == []


def test_without_a_live_file_everything_is_new(home: Home) -> None:
    proposal = staged(home, STI, companies("sti"))
    assert (proposal.live_sha256, proposal.before_count) == (None, None)
    assert len(proposal.changes.added) == proposal.after_count == 30
    assert not home.live_file("sti").exists()


def test_a_page_that_could_not_be_read_is_kept_to_be_looked_at(home: Home) -> None:
    first, second = STI.addresses("wikipedia")
    answer = Gathered(
        STI,
        (
            Attempt(first, "http://a", raw_copy("http://a"), error=PageChanged("no table")),
            Attempt(second, "http://b", error=SourceUnreachable("timed out")),
        ),
    )
    with pytest.raises(PageChanged, match=r"(?s)http://a: no table.*http://b: timed out"):
        stage(home, STI, answer, page_alone(home, STI), mark())
    folder = home.proposal("maintenance_20261122_183000_sti")
    kept = [path.name for path in (folder / RAW).iterdir()]
    assert kept == ["1_wikipedia_page.html"]
    assert (folder / RAW / kept[0]).read_bytes() == PAGE
    assert not (folder / RECORD).exists()


def test_a_source_that_was_of_no_use_is_told_although_the_next_one_answered(home: Home) -> None:
    first, second = STI.addresses("wikipedia")
    answer = Gathered(
        STI,
        (
            Attempt(first, "http://a", error=SourceUnreachable("timed out")),
            Attempt(second, "http://b", raw_copy("http://b"), table_of(companies("sti"))),
        ),
    )
    proposal = stage(home, STI, answer, page_alone(home, STI), mark())
    assert proposal.source == "http://b"
    assert proposal.warnings == (
        "http://a was not used: timed out. The list was read from http://b",
    )
    assert [copy.file for copy in proposal.copies] == ["2_wikipedia_rest.html"]


def announcing(*announcements: Attempt) -> Gathered:
    """Return a list of the S&P 500 beside what was asked for its announced changes."""
    listed = Attempt(
        SP500.addresses("wikipedia")[0],
        "http://a",
        raw_copy("http://a"),
        table_of(companies("sp500")),
        status=200,
    )
    return Gathered(SP500, (listed,), announcements)


def test_the_raw_bytes_of_announced_changes_are_kept_beside_those_of_the_lists(home: Home) -> None:
    raw = raw_copy("http://changes", sp500_changes(), etag='"7"')
    told = parse_changes(raw, SP500)
    spec = SP500.announced_at("wikipedia")[0]
    answer = announcing(Attempt(spec, raw.url, raw, announced=told, status=200))
    proposal = stage(home, SP500, answer, page_alone(home, SP500), mark())
    assert [copy.file for copy in proposal.copies] == [
        "1_wikipedia_page.html",
        "2_wikipedia_changes.html",
    ]
    kept = home.proposal(proposal.proposal_id) / RAW / "2_wikipedia_changes.html"
    assert kept.read_bytes() == sp500_changes()
    known = last_copy(home, SP500, "http://changes")
    assert known is not None
    assert (known.content, known.etag) == (sp500_changes(), '"7"')
    assert proposal.warnings == ()


def test_announced_changes_that_could_not_be_read_are_a_warning_and_the_list_is_staged(
    home: Home,
) -> None:
    spec = SP500.announced_at("wikipedia")[0]
    failed = Attempt(spec, "http://changes", error=SourceUnreachable("timed out"))
    proposal = stage(home, SP500, announcing(failed), page_alone(home, SP500), mark())
    (warning,) = proposal.warnings
    assert warning == (
        "The announced changes of S&P 500 could not be read from Wikipedia. No change can be "
        "explained or held until its day. http://changes: timed out"
    )
    assert (proposal.after_count, len(proposal.copies)) == (503, 1)


def test_a_live_file_that_cannot_be_compared_with_stops_the_staging(home: Home) -> None:
    home.data.mkdir()
    home.live_file("sti").write_bytes(b"\xff\xfe")
    with pytest.raises(LiveFileError, match="is not UTF-8"):
        staged(home, STI, companies("sti"))
    assert home.live_file("sti").read_bytes() == b"\xff\xfe"


def test_a_sector_that_was_carried_forward_is_told_by_symbol(home: Home) -> None:
    write_live(home, HSI, companies("hsi"))
    blank = [replace(one, sector="") for one in companies("hsi")[:10]]
    proposal = staged(home, HSI, blank + companies("hsi")[10:])
    assert proposal.carried_forward == 10
    (warning,) = proposal.warnings
    assert "left sector blank for 10 members with a known value, which was kept" in warning
    assert warning.endswith(
        "0001.HK, 0038.HK, 0075.HK, 0112.HK, 0149.HK, 0186.HK, 0223.HK, 0260.HK and 2 more"
    )
    assert proposal.changes.updated == ()


def test_a_source_that_never_gives_sectors_is_no_reason_to_warn(home: Home) -> None:
    write_live(home, STI, [replace(one, sector="Banks") for one in companies("sti")])
    proposal = staged(home, STI, companies("sti"))
    assert (proposal.carried_forward, proposal.warnings) == (30, ())


def with_notes(home: Home) -> None:
    lines = write_live(home, SP500, companies("sp500")).decode().splitlines()
    noted = [f"{line},my note {number}" for number, line in enumerate(lines[1:])]
    home.live_file("sp500").write_text("\n".join([f"{lines[0]},note", *noted]) + "\n")


def test_the_operators_column_is_part_of_the_staged_bytes(home: Home) -> None:
    with_notes(home)
    before = home.live_file("sp500").read_bytes()
    proposal = staged(home, SP500, companies("sp500"))
    assert staged_file(home, proposal).read_bytes() == before
    assert proposal.changes.updated == ()


def test_an_operators_note_that_leaves_with_its_member_is_told(home: Home) -> None:
    with_notes(home)
    first, second, *others = companies("sp500")
    proposal = staged(home, SP500, [second.renamed("ZZZ"), *others, Company("NEW", "Newcomer")])
    (warning,) = proposal.warnings
    assert warning == (
        "Your column note has values for members that leave the list; they stay only in the "
        f"backup: {first.ticker}"
    )
    rows = parse_live(staged_file(home, proposal).read_bytes(), "staged").by_symbol()
    assert (rows["ZZZ"]["note"], rows["NEW"]["note"]) == ("my note 1", "")
