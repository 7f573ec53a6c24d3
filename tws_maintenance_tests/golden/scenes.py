"""The scenes: what happens in a home whose reports are kept. Each begins in an empty home."""

import json
import shutil
from collections.abc import Callable
from dataclasses import replace
from datetime import date, timedelta
from functools import partial
from typing import Any

from tws_maintenance.config.indices import INDICES
from tws_maintenance.constituents.proposal import STAGED
from tws_maintenance.core.digest import sha256
from tws_maintenance.core.locks import hold
from tws_maintenance.demo import journey
from tws_maintenance.demo.events import calendar_events
from tws_maintenance.demo.official import hang_seng, ishares, spy, tracker
from tws_maintenance.demo.pages import Company, companies, page
from tws_maintenance.reports.store import reserve
from tws_maintenance.runs.recovery import recover
from tws_maintenance_tests.defaults import CONSTITUENT_TASKS
from tws_maintenance_tests.golden.play import Play
from tws_maintenance_tests.golden.stopped_clock import BEGIN
from tws_maintenance_tests.killing import Moment
from tws_maintenance_tests.robot.stand_in import FED, MACRO, YAHOO, StandInRobot, event, position
from tws_maintenance_tests.runs.test_recovery import DEATHS
from tws_maintenance_tests.runs.test_recovery_of_events import NOTE, log
from tws_maintenance_tests.support import write_live

Scene = Callable[[Play], None]
SCENES: dict[str, Scene] = {}
STI, HSI, EVENTS = "sti_constituents", "hsi_constituents", "market_events"
VALIDATION = "metadata_validation"
# Options of the command line, where a scene is played by commands: they take longer.
LISTS = ("--task", "constituents")
EVENTS_ALONE = ("--task", EVENTS)
TODAY = BEGIN.date()


def scene(function: Scene) -> Scene:
    """Make a function a scene under its name."""
    SCENES[function.__name__] = function
    return function


# Looking, applying, going back


@scene
def demo(play: Play) -> None:
    """Play the journey of `tws-maintenance demo`, by its commands."""
    play.every_source(journey._official())
    for index in INDICES.values():
        journey._write_older_list(play.home, index)
    play.command("run", *LISTS)
    play.command("promote", play.newest_report(), "--reason", "demo")
    journey.leave_the_page_alone(play.web.pages)
    play.command("run", *LISTS, "--apply")
    play.command("restore", STI, "--apply", "--reason", "demo")
    with_dates(play, *journey.WATCHED)
    play.command("watchlist", "add", *journey.WATCHED)
    play.command("run", *EVENTS_ALONE, "--apply")


@scene
def look_promote_look_again(play: Play) -> None:
    play.older_lists("sti")
    play.promote(play.look())
    play.look()


@scene
def first_list(play: Play) -> None:
    """Look and promote where there is no live file."""
    play.promote(play.look())


@scene
def apply_and_nothing_changed(play: Play) -> None:
    play.older_lists()
    play.apply(*CONSTITUENT_TASKS)
    play.apply(*CONSTITUENT_TASKS)


@scene
def restore_dry_and_applied(play: Play) -> None:
    play.older_lists("sti")
    play.apply()
    play.look(backup="newest")
    play.apply(backup="newest", reason="second thoughts")


@scene
def restore_of_a_missing_file(play: Play) -> None:
    play.older_lists("sti")
    play.apply()
    play.home.live_file("sti").unlink()
    play.apply(backup="newest")


@scene
def promote_one_of_two_and_then_both(play: Play) -> None:
    report_id = play.look(STI, HSI)
    play.promote(report_id, HSI)
    play.promote(report_id, STI, HSI)


@scene
def two_runs_in_one_second(play: Play) -> None:
    play.older_lists("sti")
    play.look()
    play.next_step(-timedelta(minutes=10))
    play.look()


@scene
def promote_while_the_market_may_be_open(play: Play) -> None:
    play.older_lists("sti")
    report_id = play.look()
    play.next_step(timedelta(hours=9))  # Monday morning in Singapore
    play.promote(report_id)


@scene
def renamed_described_anew_and_kept_columns(play: Play) -> None:
    """A ticker and a sector change, and a column of the operator's is kept."""
    now = companies("hsi")
    older = [now[0].renamed("9902"), replace(now[1], sector="Finance"), *now[2:]]
    head, *rows = write_live(play.home, INDICES["hsi"], older).decode().splitlines()
    content = "\n".join([f"{head},note", *(f"{row},watched" for row in rows), ""])
    play.home.live_file("hsi").write_text(content)
    play.apply(HSI)


# Sources


def hsi_lists(members: list[Company], day: date = TODAY) -> dict[str, bytes]:
    """Return the list of the HSI as its provider and both funds publish it."""
    return {
        "hsi_hang_seng": hang_seng(members, day),
        "hsi_tracker2800": tracker(members, day),
        "hsi_ishares3115": ishares(members, day),
    }


@scene
def provider_is_down_and_the_others_vote(play: Play) -> None:
    play.every_source(hsi_lists(companies("hsi")))
    play.older_lists("hsi")
    del play.web.pages["hsi_hang_seng"]
    play.apply(HSI)


@scene
def provider_decides_and_the_page_is_down(play: Play) -> None:
    play.every_source(hsi_lists(companies("hsi")))
    play.older_lists("hsi")
    del play.web.pages["hsi"]
    play.look(HSI)


@scene
def provider_and_the_page_differ(play: Play) -> None:
    listed = [*companies("hsi")[:-1], Company("9903", "Only Official Ltd", "Finance")]
    play.every_source({"hsi_hang_seng": hang_seng(listed, TODAY)})
    play.older_lists("hsi")
    play.look(HSI)


@scene
def page_alone_confirms_nothing(play: Play) -> None:
    """Only the page is usable: nothing changes, also where it is applied."""
    play.every_source(hsi_lists(companies("hsi")[:-2], TODAY - timedelta(days=30)))
    play.older_lists("hsi")
    play.promote(play.look(HSI), HSI)


@scene
def one_source_begins_a_list_with_the_override(play: Play) -> None:
    play.every_source({})
    play.apply(HSI)
    play.apply(HSI, allow_large_change=True, reason="no other source is served here")


@scene
def funds_hold_what_is_no_member(play: Play) -> None:
    """Two funds hold a share that the page lacks, and one a contra line: it is undecided."""
    members = companies("sp500")
    spun_off = [*members, Company("SPN", "Spin Off Inc.", "Energy")]
    contra = Company("2602335D", "CONTRA HOLOGIC INCORPO")
    play.every_source(
        {
            "sp500_spy": spy([*spun_off, contra], TODAY),
            "sp500_ivv": ishares(spun_off, TODAY),
        }
    )
    play.older_lists("sp500")
    play.look("sp500_constituents")


@scene
def page_and_a_fund_anticipate_what_is_announced(play: Play) -> None:
    """The change of the page of changes that is still to come is in two lists: it waits."""
    members = companies("sp500")
    early = [*members[:9], *members[10:], Company("UPC", "Tomorrow Peak Inc.", "Energy")]
    lists = {"sp500_spy": spy(early, TODAY), "sp500_ivv": ishares(members, TODAY)}
    play.every_source({"sp500": page("sp500", early), **lists})
    play.older_lists("sp500")
    play.look("sp500_constituents")


@scene
def announcements_cannot_be_read(play: Play) -> None:
    """The provider's list decides, and of its changes nothing is called unannounced."""
    play.every_source(hsi_lists(companies("hsi")))
    play.older_lists("hsi")
    play.web.pages["hsi_notices"] = b'{"contentList": "moved"}'
    play.look(HSI)


@scene
def source_is_gone_and_the_others_go_on(play: Play) -> None:
    play.older_lists()
    del play.web.pages["sti"]
    play.apply(*CONSTITUENT_TASKS)


@scene
def every_source_is_gone(play: Play) -> None:
    play.older_lists("sti")
    play.web.pages.clear()
    play.apply(STI, HSI)


@scene
def page_is_no_list(play: Play) -> None:
    play.older_lists("sti")
    play.web.pages["sti"] = b"<html><body>Under construction</body></html>"
    play.look()


# What the audit rejects


@scene
def rows_are_odd(play: Play) -> None:
    first, second, third, *others = companies("sti")
    odd = [
        replace(first, ticker=""),
        replace(second, ticker="not a ticker"),
        replace(third, name="=SUM(A1)"),
        replace(others[0], name="Twin plc"),
        replace(others[1], name="nan"),
    ]
    play.older_lists("sti")
    play.web.pages["sti"] = page("sti", [*odd, others[0], *others[2:]])
    play.look()


@scene
def large_change_refused_then_allowed(play: Play) -> None:
    play.older_lists("sti", without=10)
    play.apply()
    play.look(allow_large_change=True)
    play.apply(allow_large_change=True, reason="the index was rebuilt")


@scene
def too_few_rows(play: Play) -> None:
    play.older_lists("sti", "hsi")
    play.web.pages["sti"] = page("sti", companies("sti")[:20])
    play.apply(STI, HSI)


# What promotion refuses


@scene
def refused_lock_held(play: Play) -> None:
    play.older_lists("sti")
    report_id = play.look()
    play.setting("LOCKS__WAIT", "0")
    with hold(play.home.locks / "sti.lock", wait_seconds=0, holder="run maintenance_elsewhere"):
        play.promote(report_id)


@scene
def refused_too_old(play: Play) -> None:
    play.older_lists("sti")
    report_id = play.look()
    play.next_step(timedelta(hours=25))
    play.promote(report_id)


@scene
def refused_promoted_before(play: Play) -> None:
    play.older_lists("sti")
    report_id = play.look()
    play.promote(report_id)
    play.promote(report_id)
    play.older_lists("sti", without=2)
    play.promote(report_id)


@scene
def refused_without_a_receipt(play: Play) -> None:
    play.older_lists("sti")
    report_id = play.look()
    (play.home.proposal(f"{report_id}_sti") / "receipt.json").unlink()
    play.promote(report_id)


@scene
def refused_audit_not_passed(play: Play) -> None:
    play.older_lists("sti", without=10)
    play.promote(play.look())


@scene
def refused_live_file_changed_since(play: Play) -> None:
    play.older_lists("sti")
    report_id = play.look()
    with open(play.home.live_file("sti"), "ab") as file:
        file.write(b"ZZZ.SI,ZZZ,By Hand Ltd,,\n")
    play.promote(report_id)


@scene
def refused_bytes_tampered_with(play: Play) -> None:
    play.older_lists("sti")
    report_id = play.look()
    staged = play.home.proposal(f"{report_id}_sti") / STAGED
    staged.write_bytes(staged.read_bytes().replace(b"Amber", b"Umber"))
    play.promote(report_id)


@scene
def refused_report_tampered_with(play: Play) -> None:
    play.older_lists("sti")
    report_id = play.look()
    path = play.home.reports / f"{report_id[12:]}.json"
    staged = (play.home.proposal(f"{report_id}_sti") / STAGED).read_bytes()
    live = play.home.live_file("sti").read_bytes()
    path.write_text(path.read_text().replace(sha256(staged), sha256(live)))
    play.promote(report_id)


@scene
def refused_proposal_gone(play: Play) -> None:
    play.older_lists("sti")
    report_id = play.look()
    shutil.rmtree(play.home.proposal(f"{report_id}_sti"))
    play.promote(report_id)


@scene
def refused_proposal_of_another_index(play: Play) -> None:
    report_id = play.look()
    path = play.home.proposal(f"{report_id}_sti") / "proposal.json"
    path.write_text(json.dumps(json.loads(path.read_text()) | {"index": "hsi"}))
    play.promote(report_id)


# What stops a run


@scene
def home_cannot_be_written(play: Play) -> None:
    play.older_lists("sti")
    play.home.backups.parent.mkdir(parents=True)
    play.home.backups.write_text("a file where a folder is needed")
    play.apply()


@scene
def live_file_is_unreadable(play: Play) -> None:
    play.home.data.mkdir()
    play.home.live_file("sti").write_bytes(b"\xff\xfe no list at all")
    play.look()
    play.look(VALIDATION)


@scene
def cancelled_dry_run(play: Play) -> None:
    play.older_lists("sti", "hsi")
    play.killed(Moment("os.rename", r"/receipt\.json", cancel=True), dry_run=True, tasks=(STI, HSI))


@scene
def cancelled_before_the_list_is_replaced(play: Play) -> None:
    play.older_lists("sti")
    play.killed(Moment("os.rename", r"/data/sti_constituents\.csv", cancel=True))


@scene
def cancelled_after_the_list_is_replaced(play: Play) -> None:
    play.older_lists("sti")
    play.killed(Moment("os.rename", r"/promotion\.json", nth=3, cancel=True))


@scene
def killed_dry_run_had_passed_its_audit(play: Play) -> None:
    play.older_lists("sti")
    play.killed(Moment("os.rename", r"/\d{8}_\d{6}\.md"), dry_run=True)


@scene
def killed_first_of_two(play: Play) -> None:
    play.older_lists("sti", "hsi")
    play.killed(Moment("os.rename", r"_hsi/proposal\.json"), tasks=(STI, HSI))


def killed(moment: Moment, play: Play) -> None:
    """Have an apply killed at one of the moments that the tests of recovery know."""
    play.older_lists("sti")
    play.killed(moment)


# Of moments whose reports are the same there is one: runs/test_recovery.py has them all.
MOMENTS = (
    "after it was opened",
    "after it staged",
    "after it audited",
    "during the backup",
    "before it replaced the list",
    "after it replaced the list",
    "during its report",
    "after its report",
)
SCENES.update(
    {f"killed_{one.replace(' ', '_')}": partial(killed, DEATHS[one].moment) for one in MOMENTS}
)


# Market events


@scene
def events_looked_at_applied_and_moved(play: Play) -> None:
    with_dates(play, "AAPL", "MSFT")
    play.command("watchlist", "add", "AAPL")
    asked: dict[str, Any] = {"symbols": ("MSFT",), "days": 30}
    play.look(EVENTS, **asked)
    play.apply(EVENTS, **asked)
    with_dates(play, "AAPL", after=14)
    play.look(EVENTS, **asked)
    play.apply(EVENTS, **asked)
    play.apply(EVENTS, **asked)


@scene
def events_partial(play: Play) -> None:
    with_dates(play, "AAPL", "MSFT")
    play.web.symbols["MSFT"] = (403, b"Forbidden")
    del play.web.pages["fomc"]
    play.apply(EVENTS, symbols=("AAPL", "MSFT", "NOSUCH"))


@scene
def events_failed(play: Play) -> None:
    """A database that is not ours is left as it is."""
    play.home.data.mkdir()
    play.home.market_events.write_bytes(b"this is no database at all" * 100)
    assert play.command("run", "--apply", *EVENTS_ALONE) == 1


@scene
def events_too_many_withdrawn(play: Play) -> None:
    play.apply(EVENTS)
    symbols = [f"W{letter}" for letter in "ABCDEFGHIJKL"]
    with_dates(play, *symbols)
    play.command("watchlist", "add", *symbols)
    play.apply(EVENTS)
    for symbol in symbols:
        play.web.symbols[symbol] = (200, calendar_events())
    play.apply(EVENTS)


@scene
def events_and_lists_in_one_run(play: Play) -> None:
    play.older_lists()
    play.setting("EVENTS__POSITIONS", '["D29.SI"]')
    play.setting("EVENTS__STRATEGIES", '{"momentum": ["AAPL"]}')
    with_dates(play, "AAPL")
    play.command("run")
    play.command("run", "--apply", "--reason", "monthly")


@scene
def events_killed_before_anything_was_stored(play: Play) -> None:
    reserve(play.home, BEGIN, NOTE)
    recover(play.home)


@scene
def events_killed_between_two_providers(play: Play) -> None:
    log(play.home, reserve(play.home, BEGIN, NOTE).report_id, "yahoo")
    recover(play.home)


@scene
def events_killed_after_all_was_stored(play: Play) -> None:
    report_id = reserve(play.home, BEGIN, NOTE).report_id
    log(play.home, report_id, "federal_reserve", "exchange_calendars")
    log(play.home, report_id, "yahoo", error="rate limited")
    recover(play.home)


@scene
def events_killed_while_they_were_stored(play: Play) -> None:
    """Killed when two providers were stored and the second of them was not noted yet."""
    with_dates(play, "AAPL")
    play.command("watchlist", "add", "AAPL")
    # Staged, audited, nothing stored yet, one provider stored: four notes come before.
    moment = Moment("os.rename", r"/\.\d{8}_\d{6}\.reserved", nth=5)
    play.killed(moment, tasks=(EVENTS,), dagster=True)


@scene
def events_killed_look(play: Play) -> None:
    reserve(play.home, BEGIN, NOTE | {"dry_run": True})
    recover(play.home)


# The trading robot


@scene
def robot_events_looked_at_and_refreshed(play: Play) -> None:
    robot = holding(play, "KO")
    robot.provider(YAHOO, "EARNINGS").events = [event("EARNINGS", 3, "KO", source=YAHOO)]
    play.look(EVENTS, symbols=("NVDA",))
    play.apply(EVENTS)


@scene
def robot_events_partial(play: Play) -> None:
    robot = holding(play, "KO")
    robot.provider(FED).fault = "the Federal Reserve answered HTTP 500"
    robot.provider(MACRO).fault = "HTTP 503"
    play.apply(EVENTS)
    play.look(EVENTS)


@scene
def robot_refuses_while_it_is_refreshing(play: Play) -> None:
    robot = holding(play, "KO")
    robot.busy_status = "already_running"
    robot._refreshing.acquire()
    play.apply(EVENTS)
    robot._refreshing.release()


@scene
def robot_is_down(play: Play) -> None:
    play.older_lists("sti")
    holding(play, "A00.SI").down()
    play.apply(EVENTS, STI)


@scene
def robot_refuses_the_login(play: Play) -> None:
    play.older_lists("sti")
    holding(play, "A00.SI")
    play.setting("ROBOT__PASSWORD", "another one")
    play.look(EVENTS, STI)


@scene
def robot_holds_what_leaves_and_its_cache_is_emptied(play: Play) -> None:
    play.older_lists("sti")
    holding(play, "A00.SI").traded = ["B01.SI"]
    play.web.pages["sti"] = page("sti", companies("sti")[1:])
    play.promote(play.look())


# The live files, and runs that Dagster starts


@scene
def validated_before_and_after_a_refresh(play: Play) -> None:
    play.older_lists("sti", "hsi")
    play.look(VALIDATION)
    play.apply(*CONSTITUENT_TASKS)
    play.look(VALIDATION)
    with open(play.home.live_file("sti"), "ab") as file:
        file.write(b"ZZZ.SI,ZZZ,By Hand Ltd,,\n")
    play.next_step(timedelta(days=4))
    play.look(VALIDATION)
    play.look()


@scene
def started_in_dagster(play: Play) -> None:
    """A job without what it needs, a job, and one live list that is materialized alone."""
    play.older_lists("sti")
    play.job("promote_proposals")
    play.job("dry_run_constituents", {"reason": "from the Launchpad"}, f"staged/{STI}")
    play.job("apply_constituents", {}, STI)


def with_dates(play: Play, *symbols: str, after: int = 7) -> None:
    """Have Yahoo know earnings and a dividend of `symbols`, so many days from the first day on."""
    first = TODAY + timedelta(days=after)
    for days, symbol in enumerate(symbols):
        day: date = first + timedelta(days=days % 5)
        answer = calendar_events([day], ex_dividend=first + timedelta(days=2))
        play.web.symbols[symbol] = (200, answer)


def holding(play: Play, symbol: str) -> StandInRobot:
    """Return a running robot that holds `symbol`."""
    robot = play.with_robot()
    robot.positions = [position(symbol)]
    return robot
