"""Asking all indices at once, falling back, and failing one by one."""

import threading
from pathlib import Path

import pytest

from tws_maintenance.config.home import Home
from tws_maintenance.config.indices import DECLARED, INDICES, Index
from tws_maintenance.config.settings import HttpSettings, Settings
from tws_maintenance.constituents.membership import hold_vote
from tws_maintenance.core.clock import utc_now
from tws_maintenance.core.errors import PageChanged, SourceError, SourceRefused, SourceUnreachable
from tws_maintenance.demo.announced import sp500_changes
from tws_maintenance.demo.pages import companies, page
from tws_maintenance.sources import fetching as gather
from tws_maintenance.sources.fetching import Gathering
from tws_maintenance.sources.model import Attempt, Gathered, KnownCopy, RawCopy, SourceTable
from tws_maintenance.sources.wikipedia import page_url, rest_url
from tws_maintenance_tests.optional_pages import nasdaq_members, nasdaq_page
from tws_maintenance_tests.sources.faulty_server import (
    Answer,
    FaultyServer,
    Handler,
    Reply,
    hang_up,
    silence,
    trickle_head,
)

PATIENCE_SECONDS = 20.0
STI = INDICES["sti"]
CHANGES = "/wiki/Historical_components_of_the_S%26P_500"


def page_path(index: Index) -> str:
    """Return the path of the article of `index`."""
    return page_url("", index.addresses("wikipedia")[0].locator)


def rest_path(index: Index) -> str:
    """Return the path of the REST HTML of `index`."""
    return rest_url("", index.addresses("wikipedia")[0].locator)


def own_page(index: Index) -> Reply:
    """Return the answer that serves our own page of `index`."""
    return Reply(page(index.key, companies(index.key)))


def nothing_known(_index: Index, _url: str) -> KnownCopy | None:
    """Know no copy of anything."""
    return None


def gathering(server: FaultyServer, **http: object) -> Gathering:
    """Return a gathering from `server` that asks each address once."""
    values = {"wikipedia_url": server.origin, "backoff": 0, "attempts": 1, **http}
    return Gathering(page_alone(HttpSettings.model_validate(values)), nothing_known)


def page_alone(http: HttpSettings) -> Settings:
    """Return settings where each index's page decides and nobody else is asked."""
    alone = {"sources": ("wikipedia",), "quorum": 1}
    return Settings.model_validate({"http": http, "indices": dict.fromkeys(INDICES, alone)})


def decided(gathered: Gathered) -> tuple[Attempt, SourceTable]:
    """Return the source that decides, with its list."""
    limits = page_alone(HttpSettings()).of(gathered.index)
    nowhere = Home(Path("/nonexistent"))
    vote = hold_vote(nowhere, gathered, limits, None, utc_now())
    return vote.lead, vote.tables[vote.lead.spec.name]


def test_the_three_indices_and_their_changes_are_asked_at_the_same_time(
    faulty: FaultyServer,
) -> None:
    all_have_arrived = threading.Barrier(len(INDICES) + 1)

    def once_all_are_here(reply: Reply) -> Answer:
        def answer(handler: Handler) -> None:
            all_have_arrived.wait(PATIENCE_SECONDS)  # breaks for all if one never comes
            reply(handler)

        return answer

    for index in INDICES.values():
        faulty.script[page_path(index)] = [once_all_are_here(own_page(index))]
    faulty.script[CHANGES] = [once_all_are_here(Reply(sp500_changes()))]
    running = gathering(faulty)

    running.start(INDICES.values())
    rows = {key: len(decided(running.answer(index))[1].rows) for key, index in INDICES.items()}

    assert rows == {"sp500": 503, "sti": 30, "hsi": 85}
    pages = [page_path(index) for index in INDICES.values()]
    assert sorted(faulty.paths) == sorted([*pages, CHANGES])


def test_an_index_is_asked_once_however_often_it_is_wanted(faulty: FaultyServer) -> None:
    faulty.script[page_path(STI)] = [own_page(STI)]
    running = gathering(faulty)

    running.start([STI])
    running.start([STI])

    assert running.answer(STI) is running.answer(STI)
    assert faulty.paths == [page_path(STI)]


def test_only_the_wanted_indices_are_asked(faulty: FaultyServer) -> None:
    faulty.script[page_path(STI)] = [own_page(STI)]

    gathering(faulty).answer(STI)

    assert faulty.paths == [page_path(STI)]


def test_the_attempt_keeps_where_it_came_from_and_the_raw_bytes(faulty: FaultyServer) -> None:
    faulty.script[page_path(STI)] = [own_page(STI)]

    (attempt,) = gathering(faulty).answer(STI).attempts

    assert (attempt.url, attempt.status, attempt.error) == (
        faulty.origin + page_path(STI),
        200,
        None,
    )
    assert attempt.raw is not None
    assert attempt.raw.content == page("sti", companies("sti"))


@pytest.mark.parametrize(
    ("answer", "kind", "status"),
    [
        pytest.param(Reply(b"no", 403), SourceRefused, 403, id="refused"),
        pytest.param(Reply(b"sorry", 503), SourceUnreachable, 503, id="out of order"),
        pytest.param(hang_up, SourceUnreachable, None, id="hung up"),
        pytest.param(
            Reply(b"<html><p>A new design</p></html>"), PageChanged, 200, id="no longer itself"
        ),
        pytest.param(Reply(b"\xff\xfe"), PageChanged, 200, id="no text"),
    ],
)
def test_the_rest_address_is_asked_where_the_page_is_of_no_use(
    faulty: FaultyServer, answer: Answer, kind: type[SourceError], status: int | None
) -> None:
    faulty.script = {page_path(STI): [answer], rest_path(STI): [own_page(STI)]}

    gathered = gathering(faulty).answer(STI)
    chosen, table = decided(gathered)

    assert faulty.paths == [page_path(STI), rest_path(STI)]
    assert (type(gathered.attempts[0].error), gathered.attempts[0].status) == (kind, status)
    assert (chosen.url, len(table.rows)) == (faulty.origin + rest_path(STI), 30)


def test_a_page_that_changed_keeps_its_raw_bytes_to_be_looked_at(faulty: FaultyServer) -> None:
    changed = Reply(b"<html><p>A new design</p></html>")
    faulty.script = {page_path(STI): [changed], rest_path(STI): [changed]}

    attempts = gathering(faulty).answer(STI).attempts

    assert [one.raw.content for one in attempts if one.raw] == [changed.body, changed.body]


def test_all_sources_failing_names_each_address_and_its_fault(faulty: FaultyServer) -> None:
    faulty.script = {page_path(STI): [Reply(b"no", 403)], rest_path(STI): [Reply(b"", 500)]}

    gathered = gathering(faulty).answer(STI)

    with pytest.raises(SourceRefused) as caught:
        decided(gathered)
    assert str(caught.value) == (
        "No source of STI gave a usable list; its file is unchanged. "
        f"{faulty.origin}{page_path(STI)}: refused with HTTP 403 Forbidden | "
        f"{faulty.origin}{rest_path(STI)}: answered HTTP 500 Internal Server Error"
    )


def test_one_index_failing_leaves_the_others(faulty: FaultyServer) -> None:
    for index in INDICES.values():
        faulty.script[page_path(index)] = [own_page(index)]
    del faulty.script[page_path(STI)]
    running = gathering(faulty)

    running.start(INDICES.values())

    with pytest.raises(SourceRefused, match="HTTP 404"):
        decided(running.answer(STI))
    assert len(decided(running.answer(INDICES["sp500"]))[1].rows) == 503
    assert len(decided(running.answer(INDICES["hsi"]))[1].rows) == 85


def test_a_reader_s_own_fault_leaves_the_other_sources(
    faulty: FaultyServer, monkeypatch: pytest.MonkeyPatch
) -> None:
    def faulting(raw: RawCopy, index: Index) -> SourceTable:
        raise TypeError(f"{len(raw.content)} bytes of {index.name}")

    was = gather.READERS["wikipedia_page"]
    reader = gather.Reader(was.origin, was.address, faulting, was.suffix)
    monkeypatch.setitem(gather.READERS, "wikipedia_page", reader)
    faulty.script[page_path(STI)] = [own_page(STI)]
    faulty.script[rest_path(STI)] = [own_page(STI)]
    found = gathering(faulty).answer(STI)
    assert len(decided(found)[1].rows) == 30
    assert "TypeError" in str(found.attempts[0].error)
    assert found.attempts[0].raw is not None, "kept, to be looked at"


def test_a_known_copy_is_read_again_where_the_page_did_not_change(faulty: FaultyServer) -> None:
    asked: list[str] = []

    def known(index: Index, url: str) -> KnownCopy | None:
        asked.append(url)
        return KnownCopy(page(index.key, companies(index.key)), '"one"', None)

    faulty.script[page_path(STI)] = [Reply(b"", 304, has_length=False)]
    settings = page_alone(HttpSettings(wikipedia_url=faulty.origin))

    attempt, table = decided(Gathering(settings, known).answer(STI))

    assert asked == [faulty.origin + page_path(STI)]
    assert (attempt.status, len(table.rows)) == (304, 30)


@pytest.mark.parametrize("answer", [silence, trickle_head], ids=["silence", "trickling headers"])
def test_whoever_waits_goes_on_at_the_deadline_whatever_the_source_does(
    faulty: FaultyServer, monkeypatch: pytest.MonkeyPatch, answer: Answer
) -> None:
    monkeypatch.setattr(gather, "GRACE_SECONDS", 0.2)
    faulty.script = {page_path(STI): [answer], rest_path(STI): [answer]}

    gathered = gathering(faulty, deadline=0.3).answer(STI)

    with pytest.raises(SourceUnreachable) as caught:
        decided(gathered)
    assert faulty.origin + page_path(STI) in str(caught.value)


def test_after_too_many_requests_the_other_address_of_that_host_is_not_asked(
    faulty: FaultyServer,
) -> None:
    faulty.script = {page_path(STI): [Reply(b"slow down", 429)], rest_path(STI): [own_page(STI)]}

    gathered = gathering(faulty).answer(STI)

    assert faulty.paths == [page_path(STI)]
    with pytest.raises(SourceUnreachable, match="429"):
        decided(gathered)


NASDAQ = DECLARED["nasdaq100"]
NEW, OLD = "/wiki/List_of_NASDAQ-100_companies", "/wiki/Nasdaq-100"
NEW_REST = "/w/rest.php/v1/page/List_of_NASDAQ-100_companies/html"
OLD_REST = "/w/rest.php/v1/page/Nasdaq-100/html"
ELSEWHERE = Reply(b"", 301, {"Location": "https://example.invalid/list"})


@pytest.mark.parametrize(
    ("answer", "asked"),
    [
        pytest.param(Reply(b"no", 404), [NEW, NEW_REST, OLD], id="not there"),
        pytest.param(Reply(b"gone", 410), [NEW, NEW_REST, OLD], id="gone"),
        pytest.param(ELSEWHERE, [NEW, NEW_REST, OLD], id="moved to another host"),
        pytest.param(Reply(b"<p>A note</p></html>"), [NEW, NEW_REST, OLD], id="no table"),
        pytest.param(Reply(b"no", 403), [NEW, NEW_REST], id="refused"),
        pytest.param(Reply(b"sorry", 503), [NEW, NEW_REST], id="out of order"),
        pytest.param(hang_up, [NEW, NEW_REST], id="hung up"),
        pytest.param(Reply(b"slow down", 429), [NEW], id="too many requests"),
    ],
)
def test_an_older_title_is_asked_only_where_the_list_is_not_at_the_newer_one(
    faulty: FaultyServer, answer: Answer, asked: list[str]
) -> None:
    """An older place may hold an older list: a newer one that does not answer is a failure."""
    page = Reply(nasdaq_page(nasdaq_members()))
    faulty.script = {NEW: [answer], NEW_REST: [answer], OLD: [page]}

    gathered = gathering(faulty).answer(NASDAQ)

    assert faulty.paths == asked
    assert (gathered.of("wikipedia") is not None) == (OLD in asked)


def test_an_older_title_is_not_asked_where_the_newer_one_partly_did_not_answer(
    faulty: FaultyServer,
) -> None:
    faulty.script = {NEW: [Reply(b"no", 404)], NEW_REST: [Reply(b"sorry", 503)]}

    gathering(faulty).answer(NASDAQ)

    assert faulty.paths == [NEW, NEW_REST]


def test_every_title_is_asked_before_a_list_counts_as_gone(faulty: FaultyServer) -> None:
    attempts = gathering(faulty).answer(NASDAQ).attempts

    assert faulty.paths == [NEW, NEW_REST, OLD, OLD_REST]
    assert [one.status for one in attempts] == [404] * 4
