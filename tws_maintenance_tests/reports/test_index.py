"""What the index beside the reports says is what their files say, and it is never missed."""

import os
import re
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from datetime import timedelta
from pathlib import Path

import pytest

from tws_maintenance.config.home import Home
from tws_maintenance.config.indices import INDICES, MARKET_EVENTS
from tws_maintenance.config.settings import Settings
from tws_maintenance.reports import index
from tws_maintenance.reports.catalog import ReportCatalog
from tws_maintenance.reports.file_names import report_ids, report_path
from tws_maintenance.reports.status import status
from tws_maintenance.reports.summary import ReportSummary
from tws_maintenance_tests.reports.shelf import AT, filed, result

STI, HSI = "sti_constituents", "hsi_constituents"
pytestmark = pytest.mark.unit


@pytest.fixture(autouse=True)
def settled(monkeypatch: pytest.MonkeyPatch) -> None:
    """Let every file have changed long ago: nobody can set a file's time of change."""
    monkeypatch.setattr(index, "TICK_NS", -(10**18))


@pytest.fixture
def read(monkeypatch: pytest.MonkeyPatch) -> list[str]:
    """The names of the reports that were really read."""
    names: list[str] = []
    real = Path.read_bytes

    def counted(path: Path) -> bytes:
        if path.suffix == ".json" and path.stem[0].isdigit():
            names.append(path.stem)
        return real(path)

    monkeypatch.setattr(Path, "read_bytes", counted)
    return names


@pytest.fixture
def five(home: Home) -> Home:
    """A home with five reports, an hour apart, whose first alone is a refresh, of the STI."""
    for hours in range(5):
        at = AT + timedelta(hours=hours)
        filed(home, result(STI, dry_run=bool(hours)), result(HSI, dry_run=True), at=at)
    return home


def looked(home: Home) -> list[ReportSummary]:
    """Return what a look at every report finds: the HSI was never refreshed."""
    shelf = ReportCatalog(home)
    assert shelf.last_refreshed((STI, HSI)).keys() == {STI}
    return shelf.page(limit=100, offset=0)[0]


def edited(path: Path, old: bytes, new: bytes) -> None:
    """Write to the file itself, with its size and its time of change as before."""
    before, content = path.stat(), path.read_bytes()
    assert old in content
    assert len(old) == len(new)
    path.write_bytes(content.replace(old, new))
    os.utime(path, ns=(before.st_atime_ns, before.st_mtime_ns))


def test_the_next_look_reads_no_report_and_finds_the_same(five: Home, read: list[str]) -> None:
    first = looked(five)
    assert len(read) == 5
    read.clear()
    assert looked(five) == first
    assert read == []


def test_only_a_report_that_is_new_is_read(five: Home, read: list[str]) -> None:
    looked(five)
    filed(five, result(HSI), at=AT + timedelta(hours=9))
    read.clear()
    assert ReportCatalog(five).last_refreshed((STI, HSI)).keys() == {STI, HSI}
    assert read == ["20261123_033000"]


def test_a_status_reads_few_of_many_reports_though_nothing_was_ever_refreshed(
    home: Home, read: list[str]
) -> None:
    tasks = [*(one.task for one in INDICES.values()), MARKET_EVENTS]
    for hours in range(40):
        dry_runs = [result(task, dry_run=True) for task in tasks]
        filed(home, *dry_runs, at=AT + timedelta(hours=hours))
    read.clear()
    first = status(home, Settings(), AT)
    assert len(set(read)) == 40
    read.clear()
    assert status(home, Settings(), AT) == first
    # The newest, of which a status says more than the index notes.
    assert len(read) == len(set(read)) == 1


def test_a_report_that_was_edited_is_read_again(five: Home) -> None:
    looked(five)
    path = report_path(five, report_ids(five)[-1])
    edited(path, b'"status": "success"', b'"status": "skipped"')
    assert ReportCatalog(five).last_refreshed((STI,)) == {}


def test_a_report_that_was_removed_is_forgotten(five: Home) -> None:
    looked(five)
    gone = report_ids(five)[-1]
    report_path(five, gone).unlink()
    shelf = ReportCatalog(five)
    assert shelf.last_refreshed((STI,)) == {}
    assert gone not in [one.report_id for one in shelf.page(limit=100, offset=0)[0]]


def test_a_report_that_took_the_name_of_another_is_read(five: Home) -> None:
    looked(five)
    newest, oldest = (report_path(five, report_ids(five)[at]) for at in (0, -1))
    os.replace(oldest, newest)
    assert ReportCatalog(five).last_refreshed((STI,))[STI].finished_at == "2026-11-22T18:30:00.000Z"


@pytest.mark.parametrize(
    ("damage", "again"),
    [
        (lambda _: b"", 5),
        (lambda _: b"\x00\xff no index\n\n" * 9, 5),
        (lambda content: content[:-40], 1),
        (lambda content: content.replace(b'"success"', b'"skipped"', 1), 1),
        (lambda content: content + b"0123456789abcdef 20261122_183000 [", 1),
        (lambda content: re.sub(rb"^\w{16}", b"0" * 16, content, flags=re.MULTILINE), 5),
        (lambda content: content * 2, 0),
    ],
    ids=["empty", "other", "cut", "altered", "begun", "sums", "twice"],
)
def test_what_is_damaged_is_read_again_and_nothing_else(
    five: Home, read: list[str], damage: Callable[[bytes], bytes], again: int
) -> None:
    first = looked(five)
    five.report_index.write_bytes(damage(five.report_index.read_bytes()))
    read.clear()
    assert looked(five) == first
    assert len(read) == again
    read.clear()
    assert looked(five) == first
    assert read == [], "what was read again was noted again"


def test_a_home_that_lost_its_index_makes_it_again(five: Home, read: list[str]) -> None:
    first = looked(five)
    five.report_index.unlink()
    assert looked(five) == first
    read.clear()
    assert looked(five) == first
    assert read == []


def test_what_another_program_noted_is_not_believed(
    five: Home, read: list[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    first = looked(five)
    read.clear()
    monkeypatch.setattr(index, "program_mark", lambda: "another")
    assert looked(five) == first
    assert len(read) == 5


def test_where_nothing_can_be_noted_the_reports_are_read(five: Home, read: list[str]) -> None:
    five.report_index.mkdir()  # as good as a folder that is read-only, also for root
    first = looked(five)
    read.clear()
    assert looked(five) == first
    assert len(read) == 5
    assert list(five.report_index.iterdir()) == []


def test_a_home_without_reports_gets_no_folder_for_them(home: Home) -> None:
    assert ReportCatalog(home).latest() is None
    assert list(home.root.iterdir()) == []


def test_a_damaged_report_is_never_noted(five: Home, read: list[str]) -> None:
    path = report_path(five, report_ids(five)[2])
    path.write_bytes(path.read_bytes()[:-9])
    assert [one.damaged for one in looked(five)] == [False, False, True, False, False]
    read.clear()
    assert [one.damaged for one in looked(five)] == [False, False, True, False, False]
    assert set(read) == {path.stem}


def test_a_report_that_changed_just_now_is_not_noted_yet(
    five: Home, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(index, "TICK_NS", 10**12)
    looked(five)
    assert not five.report_index.exists()


def test_many_look_and_write_at_once_and_every_line_stays_whole(
    home: Home, read: list[str]
) -> None:
    for minutes in range(60):
        filed(home, result(STI, dry_run=True), at=AT + timedelta(minutes=minutes))

    def look(_: int) -> list[ReportSummary]:
        return ReportCatalog(home).page(limit=100, offset=0)[0]

    with ThreadPoolExecutor(4) as pool:
        answers = list(pool.map(look, range(8)))
    assert all(answer == answers[0] for answer in answers)
    assert len(answers[0]) == 60
    read.clear()
    assert look(0) == answers[0]
    assert read == []


def test_lines_that_later_ones_replaced_are_taken_out(
    five: Home, read: list[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    first = looked(five)
    whole = five.report_index.read_bytes()
    five.report_index.write_bytes(whole * 3)
    monkeypatch.setattr(index, "SPARE", 0)
    read.clear()
    assert looked(five) == first
    assert read == []
    assert len(five.report_index.read_bytes().split()) == len(whole.split())
