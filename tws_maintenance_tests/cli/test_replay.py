"""`replay`: what was fetched then, read and judged by today's code, with nothing written."""

import json
from collections.abc import Callable
from datetime import timedelta
from typing import Any

import pytest

from tws_maintenance.config.home import Home
from tws_maintenance.config.indices import INDICES, Index
from tws_maintenance.core.clock import utc_now
from tws_maintenance.core.digest import sha256
from tws_maintenance.demo.official import hang_seng
from tws_maintenance.demo.pages import companies, page
from tws_maintenance.demo.server import PageServer
from tws_maintenance.sources import fetching as gather
from tws_maintenance.sources import wikipedia
from tws_maintenance.sources.fetching import Reader
from tws_maintenance.sources.model import AnnouncedTable, RawCopy, SourceTable
from tws_maintenance_tests.cli.conftest import Command, preparing
from tws_maintenance_tests.support import (
    copy_home,
    reports_of,
    spoiled,
    write_live,
)

STI = "sti_constituents"


def everything_in(home: Home) -> dict[str, tuple[int, str]]:
    """Return each file of a home with its time of change and its digest."""
    return {
        str(path.relative_to(home.root)): (path.stat().st_mtime_ns, sha256(path.read_bytes()))
        for path in sorted(home.root.rglob("*"))
        if path.is_file()
    }


def replayed(command: Command, *arguments: str) -> tuple[int, list[dict[str, Any]]]:
    done = command("replay", *arguments, "--json")
    value = json.loads(done.stdout)
    return done.exit_code, value["replayed"]


@pytest.fixture(scope="module")
def kept_home(tmp_path_factory: pytest.TempPathFactory) -> Home:
    """A home with four reports: a dry run, an apply, a rejected and a refused page."""
    home = Home(tmp_path_factory.mktemp("kept") / "home")
    for index in INDICES.values():
        write_live(home, index, companies(index.key)[2:])
    with preparing(home) as (command, server):
        for content, arguments in (
            (server.pages["sti"], ("--task", "constituents")),
            (server.pages["sti"], ("--task", "constituents", "--apply")),
            (page("sti", spoiled(companies("sti"))), ("--task", STI)),
            (b"<html><body>being rewritten</body></html>", ("--task", STI)),
        ):
            server.pages["sti"] = content
            command("run", *arguments)
    return home


@pytest.fixture
def kept(kept_home: Home, home: Home) -> list[str]:
    """Return the ids of the four reports, of which `home` has a copy."""
    copy_home(kept_home, home)
    return [one["report_id"] for one in reports_of(home)]


def test_all_kept_pages_come_out_the_same_and_nothing_is_written(
    command: Command, home: Home, kept: list[str]
) -> None:
    before = everything_in(home)
    code, found = replayed(command, "--all")
    assert everything_in(home) == before
    assert code == 0, found
    assert [(one["report_id"], one["then"], one["same"]) for one in found] == [
        (kept[3], "refused", True),
        (kept[2], "rejected", True),
        *[(kept[1], "accepted", True)] * 3,
        *[(kept[0], "accepted", True)] * 3,
    ]
    text = command("replay", "--all", "--task", STI).output
    assert "4 the same, 0 different, 0 not replayed" in text


def changing(change: Callable[[SourceTable], SourceTable]) -> Reader[SourceTable]:
    """Return the reader of Wikipedia's pages with a parser that was changed."""

    def parse(raw: RawCopy, index: Any) -> SourceTable:
        return change(wikipedia.parse(raw, index))

    was = gather.READERS["wikipedia_page"]
    return Reader(was.origin, was.address, parse, was.suffix)


def test_a_parser_that_was_changed_is_found_out_on_every_kept_page(
    command: Command, kept: list[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    def drop_the_first(table: SourceTable) -> SourceTable:
        return SourceTable(table.rows[1:], table.dropped, table.rows_read - 1)

    monkeypatch.setitem(gather.READERS, "wikipedia_page", changing(drop_the_first))
    code, found = replayed(command, kept[0])
    assert code == 1
    assert [one["same"] for one in found] == [False] * 3
    assert found[1]["differences"][0] == "no longer A00.SI (Amber Lane Inc.)"
    assert "DIFFERENT" in command("replay", kept[0]).output


def test_a_page_that_was_refused_and_is_read_now_is_a_difference(
    command: Command, kept: list[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    def anything(raw: RawCopy, index: Any) -> SourceTable:
        good = page(index.key, companies(index.key))
        return wikipedia.parse(RawCopy(raw.url, 200, good, sha256(good), raw.fetched_at), index)

    was = gather.READERS["wikipedia_page"]
    reader = Reader(was.origin, was.address, anything, was.suffix)
    monkeypatch.setitem(gather.READERS, "wikipedia_page", reader)
    code, (one,) = replayed(command, kept[3])
    assert (code, one["then"], one["now"], one["same"]) == (1, "refused", "accepted", False)
    assert any("today's code reads 30 members from it" in text for text in one["differences"])


def test_a_refusal_is_replayed_by_the_limits_of_the_home(
    command: Command, home: Home, server: PageServer, monkeypatch: pytest.MonkeyPatch
) -> None:
    for name in ("SOURCES", "QUORUM"):
        monkeypatch.delenv(f"TWS_MAINTENANCE_INDICES__HSI__{name}")
    home.settings_file.write_text("[indices.hsi]\nmax_source_age_days = 3\n")
    del server.pages["hsi"]
    day = utc_now().date() - timedelta(days=5)
    server.pages["hsi_hang_seng"] = hang_seng(companies("hsi"), day)
    assert command("run", "--task", "hsi_constituents").exit_code != 0
    code, (one,) = replayed(command, str(reports_of(home)[-1]["report_id"]))
    assert (code, one["then"], one["now"], one["same"]) == (0, "refused", "refused", True)


def test_a_run_in_which_nobody_answered_is_no_matter_of_replay(
    command: Command, server: PageServer, kept: list[str]
) -> None:
    server.pages.clear()
    command("run", "--task", STI)
    code, found = replayed(command, "--all", "--task", STI)
    assert code == 0
    assert {one["report_id"] for one in found} == set(kept)


def test_bytes_that_are_gone_or_altered_are_not_replayed(
    command: Command, home: Home, kept: list[str]
) -> None:
    folder = home.staging / f"{kept[2]}_sti" / "raw"
    next(folder.iterdir()).write_bytes(b"altered")
    code, (one,) = replayed(command, kept[2])
    assert (code, one["same"]) == (3, None)
    assert "were removed or altered" in one["differences"][0]
    code, found = replayed(command, "--all", "--task", STI)
    assert (code, len(found)) == (3, 4)


def test_with_an_official_list_both_are_read_again(
    command: Command, home: Home, server: PageServer, monkeypatch: pytest.MonkeyPatch
) -> None:
    for name in ("SOURCES", "QUORUM"):
        monkeypatch.delenv(f"TWS_MAINTENANCE_INDICES__HSI__{name}")
    members = companies("hsi")
    write_live(home, INDICES["hsi"], members)
    server.pages["hsi_hang_seng"] = hang_seng(members[1:], utc_now().date())
    command("run", "--task", "hsi_constituents")
    (report,) = reports_of(home)
    code, (one,) = replayed(command, report["report_id"])
    assert (code, one["same"], one["differences"]) == (0, True, [])


@pytest.mark.parametrize("altered", [False, True])
def test_announced_changes_are_read_again_from_their_kept_bytes(
    command: Command, home: Home, kept: list[str], monkeypatch: pytest.MonkeyPatch, altered: bool
) -> None:
    was, again = gather.CHANGE_READERS["wikipedia_changes"], []

    def parse(raw: RawCopy, index: Index) -> AnnouncedTable:
        again.append(raw.content)
        return was.parse(raw, index)

    reader = Reader(was.origin, was.address, parse, was.suffix)
    monkeypatch.setitem(gather.CHANGE_READERS, "wikipedia_changes", reader)
    path = home.staging / f"{kept[0]}_sp500" / "raw" / "2_wikipedia_changes.html"
    content = path.read_bytes()
    if altered:
        path.write_bytes(b"altered")
    code, found = replayed(command, kept[0])
    same = {one["task"]: one["same"] for one in found}["sp500_constituents"]
    assert (code, same, again) == ((3, None, []) if altered else (0, True, [content]))


@pytest.mark.parametrize("arguments", [(), ("--all", "maintenance_20261122_183000")])
def test_one_report_or_all_are_named(command: Command, arguments: tuple[str, ...]) -> None:
    done = command("replay", *arguments)
    assert done.exit_code == 2
    assert "--all" in done.stderr


def test_what_fetched_nothing_is_refused(command: Command, home: Home, kept: list[str]) -> None:
    command("promote", kept[0])
    promoted = reports_of(home)[-1]["report_id"]
    done = command("replay", promoted)
    assert done.exit_code == 2
    assert "name the dry run that it promoted" in done.stderr
