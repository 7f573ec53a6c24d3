"""Promoting from the console: exactly what a dry run staged, or a refusal that says why."""

import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from tws_maintenance.config.indices import MARKET_EVENTS, METADATA_VALIDATION
from tws_maintenance.constituents.promotion_stamp import Generation
from tws_maintenance.constituents.publishing import Intent, write_intent
from tws_maintenance.core.clock import utc_now
from tws_maintenance.demo.pages import Company, companies, page
from tws_maintenance.demo.server import PageServer
from tws_maintenance_tests.console.support import (
    API,
    ENOUGH,
    HSI,
    SP500,
    STI,
    Console,
    consoled,
    error_of,
    report_of,
)
from tws_maintenance_tests.pipeline.support import good_pages
from tws_maintenance_tests.reports.shelf import filed, result
from tws_maintenance_tests.support import live_bytes, result_of

NEVER = "maintenance_20200101_000000"


def promote(console: Console, report_id: str, **body: object) -> dict[str, Any]:
    """Promote a dry run and return the report of that."""
    wanted = {"report_id": report_id, "wait": ENOUGH, **body}
    return report_of(console.post(f"{API}/promote", wanted))


def refused(console: Console, report_id: str, *tasks: str) -> tuple[int, str]:
    """Try to promote what cannot be, see that nothing was started, and return what was said."""
    before = console.instance.get_runs_count()
    body = {"report_id": report_id, **({"tasks": tasks} if tasks else {})}
    answer = error_of(console.post(f"{API}/promote", body))
    assert console.instance.get_runs_count() == before
    return answer


@pytest.fixture
def changing(tmp_path: Path) -> Iterator[tuple[Console, PageServer]]:
    """A console whose sources a test changes."""
    with PageServer(good_pages()) as server, consoled(tmp_path, server) as console:
        yield console, server


@pytest.mark.process
def test_what_was_staged_is_published_and_nothing_is_fetched_again(
    changing: tuple[Console, PageServer],
) -> None:
    console, server = changing
    dry = console.here()
    staged = {one["task"]: one["proposal_sha256"] for one in dry["results"]}
    asked = list(server.asked)
    # What the page says by now is of no concern.
    server.pages["sti"] = page("sti", companies("sti")[:-1])
    report = promote(console, dry["report_id"], reason="looked at it")
    assert server.asked == asked
    assert (report["status"], report["dry_run"]) == ("completed", False)
    assert (report["reason"], report["entry_point"]) == ("looked at it", "console")
    for task, sha256 in staged.items():
        assert result_of(report, task)["proposal_sha256"] == sha256
        assert result_of(report, task)["changed"] is True
    assert console.list_of(STI)["row_count"] == 30
    assert refused(console, dry["report_id"]) == (409, "promoted")


def test_some_of_the_lists_can_be_published_and_the_rest_later(console: Console) -> None:
    dry = console.here(STI, HSI)
    first = promote(console, dry["report_id"], tasks=[HSI])
    assert [one["task"] for one in first["results"]] == [HSI]
    assert refused(console, dry["report_id"], HSI) == (409, "promoted")
    assert refused(console, dry["report_id"], SP500) == (409, "nothing_staged")
    # Without names it is all: what was published stays, and is told as refused.
    rest = promote(console, dry["report_id"])
    assert result_of(rest, STI)["changed"] is True
    assert result_of(rest, HSI)["refusal"] == "used"
    assert rest["status"] == "partial_failure"


@pytest.mark.process
def test_a_list_whose_source_failed_is_left_out(changing: tuple[Console, PageServer]) -> None:
    console, server = changing
    del server.pages["sti"]
    dry = console.here()
    assert dry["status"] == "partial_failure"
    assert console.list_of(STI)["validation"]["status"] == "failed"
    report = promote(console, dry["report_id"])
    assert [one["task"] for one in report["results"]] == [SP500, HSI]
    assert report["status"] == "completed"
    assert live_bytes(console.home)["sti"] is None


@pytest.mark.process
def test_a_list_that_did_not_pass_its_audit_cannot_be_published(
    changing: tuple[Console, PageServer],
) -> None:
    console, server = changing
    server.pages["sti"] = page("sti", companies("sti")[:10])
    dry = console.here(STI)
    assert dry["status"] == "failed"
    answer = console.post(f"{API}/promote", {"report_id": dry["report_id"]})
    assert error_of(answer) == (409, "rejected")
    assert answer.json is not None
    (told,) = answer.json["error"]["detail"]["proposals"]
    assert (told["task"], told["state"]) == (STI, "rejected")
    assert console.list_of(STI)["proposal"]["state"] == "rejected"
    assert live_bytes(console.home)["sti"] is None


@pytest.mark.process
def test_a_large_change_is_published_after_a_dry_run_that_allows_it(
    changing: tuple[Console, PageServer],
) -> None:
    console, server = changing
    console.here(STI, dry_run=False)
    newcomers = [Company(f"N{n:02d}", f"Newcomer {n} Ltd") for n in range(10)]
    server.pages["sti"] = page("sti", [*companies("sti")[10:], *newcomers])
    too_much = console.here(STI)
    assert refused(console, too_much["report_id"]) == (409, "rejected")
    allowed = console.here(STI, allow_large_change=True, reason="ten were replaced")
    assert allowed["overrides"] == {"allow_large_change": True}
    assert refused(console, too_much["report_id"]) == (409, "rejected")
    report = promote(console, allowed["report_id"])
    assert (report["status"], report["reason"]) == ("completed", "")
    assert "N00.SI" in result_of(report, STI)["added"]


def test_a_proposal_that_others_overtook_is_stale(console: Console) -> None:
    dry = console.here(STI)
    path = console.home.live_file("sti")
    former = path.read_bytes() if path.exists() else None
    path.parent.mkdir(exist_ok=True)
    path.write_bytes(b"symbol,security\nX,Y\n")
    assert refused(console, dry["report_id"]) == (409, "stale")
    proposal_id = result_of(dry, STI)["proposal_id"]
    at = dry["finished_at"]
    stamp = Generation("stamp", NEVER, proposal_id, at, "", "a page")
    begun = Intent("intended", NEVER, "run", at, None, "", None, stamp)
    write_intent(console.home, proposal_id, begun)
    assert refused(console, dry["report_id"]) == (409, "lock_held")
    (console.home.proposal(proposal_id) / "promotion.json").unlink()
    assert path.read_bytes() == b"symbol,security\nX,Y\n"
    path.unlink()
    if former is not None:
        path.write_bytes(former)
    console.here(STI, dry_run=False)


@pytest.mark.process
def test_a_proposal_of_another_day_is_too_old(changing: tuple[Console, PageServer]) -> None:
    console, _ = changing
    dry = console.here(STI)
    settings = console.home.root / "maintenance.toml"
    settings.write_text(f"{settings.read_text()}[proposals]\nmax_age_hours = 1e-9\n")
    assert refused(console, dry["report_id"]) == (409, "too_old")
    assert console.list_of(STI)["proposal"]["state"] == "too_old"
    assert console.get(f"/maintenance/apply/{dry['report_id']}").status_code == 200


def test_what_was_changed_in_staging_is_not_published(console: Console) -> None:
    dry = console.here(STI)
    proposal_id = result_of(dry, STI)["proposal_id"]
    staged = console.home.staging / proposal_id / "constituents.csv"
    staged.write_bytes(staged.read_bytes().replace(b"Amber", b"Umber", 1))
    before = live_bytes(console.home)
    assert refused(console, dry["report_id"]) == (409, "rejected")
    assert live_bytes(console.home) == before


def test_what_staged_no_list_is_refused(console: Console) -> None:
    events = result(
        MARKET_EVENTS, dry_run=True, proposal_id="maintenance_20261122_183000_market_events"
    )
    for one in (events, result(METADATA_VALIDATION)):
        report_id = filed(console.home, one, dry_run=one["dry_run"], at=utc_now())
        assert refused(console, report_id) == (409, "nothing_staged")
    assert refused(console, NEVER) == (404, "not_found")
    damaged = console.home.reports / "20200101_000000.json"
    damaged.write_text('{"status": "comp')
    assert refused(console, NEVER) == (404, "not_found")
    damaged.unlink()


def test_the_page_publishes_the_same_and_leads_to_its_run(console: Console) -> None:
    console.home.live_file("sti").unlink(missing_ok=True)
    dry = console.run(STI)
    shown = console.get(f"/maintenance/apply/{dry['report_id']}")
    assert shown.status_code == 200
    answer = console.form(
        "/maintenance/promote", report_id=dry["report_id"], tasks=STI, reason=" from the page "
    )
    assert answer.status_code == 303
    assert answer.location.startswith("/maintenance/runs/")
    run = console.follow(answer.location.rsplit("/", 1)[1])
    report = console.json(f"{API}/reports/{run['report_id']}")
    assert (report["status"], report["reason"]) == ("completed", "from the page")
    again = console.form("/maintenance/promote", report_id=dry["report_id"], tasks=STI)
    assert again.status_code == 409
    assert "can be promoted now" in again.text


def test_a_receipt_that_names_other_bytes_is_no_pass(console: Console) -> None:
    dry = console.here(STI)
    receipt = console.home.staging / result_of(dry, STI)["proposal_id"] / "receipt.json"
    value = json.loads(receipt.read_text())
    receipt.write_text("{}")
    assert refused(console, dry["report_id"]) == (409, "rejected")
    receipt.write_text(json.dumps(value))
    assert promote(console, dry["report_id"])["status"] == "completed"
