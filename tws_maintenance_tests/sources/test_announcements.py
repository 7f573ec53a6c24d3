"""Asking for announced changes beside the lists: where, when, and what a failure leaves."""

from typing import Any

import pytest

from tws_maintenance.config.indices import INDICES, Index
from tws_maintenance.config.settings import HttpSettings, Settings
from tws_maintenance.core.clock import utc_now
from tws_maintenance.core.errors import SourceError
from tws_maintenance.demo.announced import REVIEW_PATH, hsi_review, notices, review, sp500_changes
from tws_maintenance.demo.official import hang_seng
from tws_maintenance.demo.pages import companies, page
from tws_maintenance.sources import fetching as gather
from tws_maintenance.sources.fetching import Gathering, spec_of, suffix_of
from tws_maintenance.sources.model import Gathered, KnownCopy
from tws_maintenance_tests.sources.faulty_server import (
    Answer,
    FaultyServer,
    Reply,
    hang_up,
    silence,
)
from tws_maintenance_tests.sources.test_fetching import nothing_known, own_page, page_path

SP500, STI, HSI = INDICES["sp500"], INDICES["sti"], INDICES["hsi"]
CHANGES = "/wiki/Historical_components_of_the_S%26P_500"
CHANGES_REST = "/w/rest.php/v1/page/Historical_components_of_the_S%26P_500/html"
NOTICES = "/data/eng/download/notices.json"
OFFICIAL = "/data/eng/rt/index-series/hsi/constituents.do"
# A page as of 2026, which holds no changes any more.
NEW_LAYOUT = (
    page("sp500", companies("sp500")).replace(b"Effective Date", b"").replace(b"Added", b"")
)


def gathered(
    server: FaultyServer, index: Index, sources: str = "", **http: Any
) -> tuple[Gathered, list[str]]:
    """Return what one source of `index` gave, and the addresses asked, in an order of names."""
    values = {
        "wikipedia_url": server.origin,
        "hang_seng_url": server.origin,
        "backoff": 0,
        "attempts": 1,
        **http,
    }
    name = sources or {"hsi": "hang_seng"}.get(index.key, "wikipedia")
    alone = {"sources": (name,), "quorum": 1}
    settings = Settings.model_validate({"http": values, "indices": {index.key: alone}})
    found = Gathering(settings, nothing_known).answer(index)
    return found, sorted(server.paths)


def told(found: Gathered) -> set[tuple[str, str]]:
    """Return (action, symbol) of each announced change."""
    return {(one.action.value, one.symbol) for one in found.announced}


def sp500_pages(server: FaultyServer, listing: bytes = NEW_LAYOUT) -> None:
    """Serve the list of the S&P 500 and the page of its changes."""
    server.script[page_path(SP500)] = [Reply(listing)]
    server.script[CHANGES] = [Reply(sp500_changes())]


def hsi_pages(server: FaultyServer, **answers: Answer) -> None:
    """Serve the list of the HSI, the notices, and the review they lead to."""
    server.script[OFFICIAL] = [Reply(hang_seng(companies("hsi"), utc_now().date()))]
    server.script[NOTICES] = [answers.get("notices", Reply(notices()))]
    server.script[REVIEW_PATH] = [answers.get("review", Reply(hsi_review()))]


def test_the_changes_of_the_sp500_are_read_from_their_own_page(faulty: FaultyServer) -> None:
    sp500_pages(faulty)

    found, asked = gathered(faulty, SP500)

    assert asked == sorted([page_path(SP500), CHANGES])
    assert told(found) == {
        *(("add", "UPC"), ("remove", companies("sp500")[9].ticker)),
        *(("add", "AAA"), ("remove", "ZZZ"), ("remove", "BYE")),
    }
    assert (found.announcements_are_known, found.announcement_warnings) == (True, ())
    (attempt,) = found.announcements
    assert (attempt.url, attempt.status, attempt.spec.name) == (
        *(faulty.origin + CHANGES, 200),
        "wikipedia",
    )
    assert attempt.raw is not None
    assert attempt.raw.content == sp500_changes()
    assert [one.spec.kind for one in found.attempts] == ["wikipedia_page"]


def test_the_notices_lead_to_the_review_of_the_hsi(faulty: FaultyServer) -> None:
    hsi_pages(faulty)

    found, asked = gathered(faulty, HSI)

    assert asked == sorted([OFFICIAL, NOTICES, REVIEW_PATH])
    assert told(found) == {("add", "0001.HK"), ("remove", "9901.HK")}
    assert (found.announcements_are_known, found.announcement_warnings) == (True, ())
    assert [(one.spec.kind, one.url) for one in found.announcements] == [
        ("hang_seng_notices", faulty.origin + NOTICES),
        ("hang_seng_review", faulty.origin + REVIEW_PATH),
    ]


@pytest.mark.parametrize(
    "elsewhere",
    [
        "https://example.invalid/review.xlsx",
        "//example.invalid/review.xlsx",
        "http://127.0.0.1:1/review.xlsx",
        "file:///etc/review.xlsx",
    ],
)
def test_a_review_at_another_host_is_refused(faulty: FaultyServer, elsewhere: str) -> None:
    hsi_pages(faulty, notices=Reply(notices(elsewhere)))

    found, asked = gathered(faulty, HSI)

    assert REVIEW_PATH not in asked
    assert (found.announced, found.announcements_are_known) == ((), False)
    (warning,) = found.announcement_warnings
    assert "review.xlsx is not an https address of 127.0.0.1" in warning


def test_a_redirect_of_the_review_to_another_host_is_refused(faulty: FaultyServer) -> None:
    hsi_pages(faulty, review=Reply(b"", 302, {"Location": "https://example.invalid/r.xlsx"}))

    found, _ = gathered(faulty, HSI)

    (warning,) = found.announcement_warnings
    assert "not one of the hosts of this source" in warning


def test_an_index_without_announcements_asks_for_none(faulty: FaultyServer) -> None:
    faulty.script[page_path(STI)] = [own_page(STI)]

    found, asked = gathered(faulty, STI)

    assert asked == [page_path(STI)]
    assert (found.announcements, found.announcement_warnings) == ((), ())
    assert not found.announcements_are_known


def test_who_is_taken_out_of_the_sources_is_not_asked_for_announcements(
    faulty: FaultyServer,
) -> None:
    faulty.script[page_path(HSI)] = [own_page(HSI)]

    found, asked = gathered(faulty, HSI, sources="wikipedia")

    assert asked == [page_path(HSI)]
    assert (found.announcements_are_known, found.announcement_warnings) == (False, ())


@pytest.mark.parametrize(
    ("answer", "said"),
    [
        pytest.param(Reply(b"no", 404), "refused with HTTP 404", id="not there"),
        pytest.param(Reply(b"no", 403), "refused with HTTP 403", id="refused"),
        pytest.param(Reply(b"slow down", 429), "answered HTTP 429", id="too many requests"),
        pytest.param(hang_up, "the connection failed", id="hung up"),
        pytest.param(silence, "within", id="silent"),
        pytest.param(Reply(b"<p>A new design</p></html>"), "holds no table", id="no table"),
    ],
)
def test_a_failure_is_a_warning_and_the_list_is_read(
    faulty: FaultyServer, answer: Answer, said: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(gather, "GRACE_SECONDS", 0.2)
    sp500_pages(faulty)
    faulty.script[CHANGES] = [answer]
    faulty.script[CHANGES_REST] = [answer]

    found, _ = gathered(faulty, SP500, deadline=1.0)

    listed = found.of("wikipedia")
    assert listed is not None
    assert (found.announced, found.announcements_are_known) == ((), False)
    (warning,) = found.announcement_warnings
    assert warning.startswith(
        "The announced changes of S&P 500 could not be read from Wikipedia. No change can be "
        f"explained or held until its day. {faulty.origin}{CHANGES}: "
    )
    assert said in warning
    assert {type(one.error).__mro__[1] for one in found.announcements} == {SourceError}


@pytest.mark.parametrize(
    ("answers", "said"),
    [
        ({"notices": Reply(b"no", 404)}, f"{NOTICES}: refused with HTTP 404"),
        ({"notices": Reply(b"{}")}, f"{NOTICES}: expected notices as JSON"),
        ({"review": Reply(b"no", 404)}, f"{REVIEW_PATH}: refused with HTTP 404"),
        ({"review": Reply(b"busy")}, f"{REVIEW_PATH}: expected a workbook"),
    ],
)
def test_a_failure_of_either_step_is_a_warning(
    faulty: FaultyServer, answers: dict[str, Answer], said: str
) -> None:
    hsi_pages(faulty, **answers)

    found, _ = gathered(faulty, HSI)

    assert found.of("hang_seng") is not None
    assert (found.announced, found.announcements_are_known) == ((), False)
    (warning,) = found.announcement_warnings
    assert faulty.origin + said in warning


def test_a_row_that_cannot_be_read_is_a_warning(faulty: FaultyServer) -> None:
    rows = [("HSI", "Add", "BANK", "BANK"), ("HSI", "Delete", "5", "OLD BANK")]
    hsi_pages(faulty, review=Reply(review("2026-12-07", rows)))

    found, _ = gathered(faulty, HSI)

    assert told(found) == {("remove", "0005.HK")}
    (warning,) = found.announcement_warnings
    assert warning.startswith(f"{faulty.origin}{REVIEW_PATH}: row 1: HSI")


def test_the_rest_address_is_asked_where_the_page_is_of_no_use(faulty: FaultyServer) -> None:
    sp500_pages(faulty)
    faulty.script |= {CHANGES: [Reply(b"no", 403)], CHANGES_REST: [Reply(sp500_changes())]}

    found, _ = gathered(faulty, SP500)

    assert len(found.announced) == 5
    (warning,) = found.announcement_warnings
    assert warning == (
        f"{faulty.origin}{CHANGES}: refused with HTTP 403 Forbidden. The announced changes of "
        f"S&P 500 were read from {faulty.origin}{CHANGES_REST} instead"
    )


@pytest.mark.parametrize("answer", [Reply(b"no", 404), Reply(b"<p>moved again</p></html>")])
def test_the_list_s_own_page_is_believed_where_it_still_holds_the_changes(
    faulty: FaultyServer, answer: Answer
) -> None:
    sp500_pages(faulty, listing=page("sp500", companies("sp500")))
    faulty.script |= {CHANGES: [answer], CHANGES_REST: [answer]}

    found, asked = gathered(faulty, SP500)

    assert told(found) == {("add", "AAA"), ("remove", "OLD")}
    assert found.announcements_are_known
    assert asked.count(page_path(SP500)) == 1, "its page was fetched anyway"
    first, second = found.announcement_warnings
    instead = f"were read from {faulty.origin}{page_path(SP500)} instead"
    assert first.startswith(f"{faulty.origin}{CHANGES}: ")
    assert second.startswith(f"{faulty.origin}{CHANGES_REST}: ")
    assert first.endswith(instead)
    assert second.endswith(instead)


def test_a_table_of_changes_that_cannot_be_read_leaves_the_list_beside_it(
    faulty: FaultyServer,
) -> None:
    listing = page("sp500", companies("sp500")).replace(b"May 1, 2026", b"soon")
    sp500_pages(faulty, listing=listing)

    found, _ = gathered(faulty, SP500)

    listed = found.of("wikipedia")
    assert listed is not None
    assert listed.table is not None
    assert (len(listed.table.rows), listed.table.announced) == (503, None)


def test_a_known_copy_is_read_again_where_nothing_changed(faulty: FaultyServer) -> None:
    known = {NOTICES: notices(), REVIEW_PATH: hsi_review()}

    def last(_index: Index, url: str) -> KnownCopy | None:
        content = known.get(url.removeprefix(faulty.origin))
        return KnownCopy(content, '"one"', None) if content else None

    hsi_pages(faulty)
    for path in known:
        faulty.script[path] = [Reply(b"", 304, has_length=False)]
    http = {"wikipedia_url": faulty.origin, "hang_seng_url": faulty.origin, "backoff": 0}
    alone = {"sources": ("hang_seng",), "quorum": 1}
    settings = Settings.model_validate(
        {"http": HttpSettings.model_validate(http), "indices": {"hsi": alone}}
    )

    found = Gathering(settings, last).answer(HSI)

    assert [one.status for one in found.announcements] == [304, 304]
    assert told(found) == {("add", "0001.HK"), ("remove", "9901.HK")}
    sent = {one.path: one.headers.get("If-None-Match") for one in faulty.requests}
    assert {sent[path] for path in known} == {'"one"'}


@pytest.mark.unit
def test_what_was_announced_is_known_again_by_the_kind_in_its_file_s_name() -> None:
    kinds = ["wikipedia_changes", "wikipedia_changes_rest", "hang_seng_notices", "hang_seng_review"]

    found = {(kind, index.key): spec_of(index, kind) for kind in kinds for index in (SP500, HSI)}

    known = {key: (one.name, suffix_of(one)) for key, one in found.items() if one}
    assert known == {
        ("wikipedia_changes", "sp500"): ("wikipedia", "html"),
        ("wikipedia_changes_rest", "sp500"): ("wikipedia", "html"),
        ("hang_seng_notices", "hsi"): ("hang_seng", "json"),
        ("hang_seng_review", "hsi"): ("hang_seng", "xlsx"),
    }
    assert set(kinds) == set(gather.CHANGE_READERS)
