"""Staging and applying events: nothing is lost, nothing is doubled.

The database is SQLite. What touches the store in a way of its own runs on PostgreSQL as well; the
rest of what a store does there is in `test_store`.
"""

import json
from dataclasses import replace
from datetime import UTC, date, datetime, timedelta
from typing import Any

import pytest
from sqlalchemy import event
from sqlalchemy.engine import Engine

from tws_maintenance.audit.receipt import NO_OVERRIDE, Override, read_receipt
from tws_maintenance.audit.run_context import RunContext
from tws_maintenance.core.errors import LockHeld, ProposalUnaudited
from tws_maintenance.core.locks import hold
from tws_maintenance.market_events import sync
from tws_maintenance.market_events.audit import audit
from tws_maintenance.market_events.export import to_icalendar
from tws_maintenance.market_events.model import (
    Answer,
    Confidence,
    Event,
    EventStatus,
    EventType,
    SymbolOutcome,
    Unconfirmed,
    Window,
)
from tws_maintenance.market_events.proposal import RAW, STAGED
from tws_maintenance.market_events.store.event_store import EventStore
from tws_maintenance.market_events.sync import Synced
from tws_maintenance_tests.postgres import EventDatabase

NOW = datetime(2026, 11, 22, 19, 0, tzinfo=UTC)
WINDOW = Window(NOW, 28)
NEW_YORK = "America/New_York"
SOON = date(2026, 12, 1)
# Beyond the days in which a confirmed event stays although it is no longer listed.
FAR = date(2026, 12, 10)


def mark(minutes: int = 0) -> RunContext:
    at = NOW + timedelta(minutes=minutes)
    return RunContext(f"maintenance_{at:%Y%m%d_%H%M%S}", f"run-{minutes}", at)


def earnings(symbol: str, on: date = SOON) -> Event:
    title = f"{symbol} earnings"
    return Event(EventType.EARNINGS, symbol, title, on, NEW_YORK, symbol=symbol)


def yahoo(*events: Event, failed: tuple[str, ...] = (), silent: tuple[str, ...] = ()) -> Answer:
    good = {one.subject for one in events} | set(silent)
    return Answer(
        "yahoo",
        "https://query2.finance.yahoo.com",
        events,
        dict.fromkeys(good, date.max),
        errors=(f"unreachable ({', '.join(failed)})",) if failed else (),
        symbols={
            **dict.fromkeys(good, (SymbolOutcome.OK, "")),
            **dict.fromkeys(failed, (SymbolOutcome.UNREACHABLE, "gone")),
        },
        raw={"yahoo.json": "{}"},
    )


def fed(on: date = date(2026, 12, 9)) -> Answer:
    decision = Event(EventType.FOMC, "scheduled", "FOMC decision", on, NEW_YORK)
    until = date(2027, 12, 31)
    return Answer(
        "federal_reserve", "fed", (decision,), {"scheduled": until}, counts={"2026": 8, "2027": 8}
    )


class Bench:
    """A home and its store; each sync is a run some minutes after the last one."""

    def __init__(self, database: EventDatabase) -> None:
        self.home = database.home
        self.store = EventStore(database.home, database.settings)
        self._runs = 0

    def stage(
        self, *answers: Answer, window: Window = WINDOW, override: Override = NO_OVERRIDE
    ) -> tuple[Synced, RunContext]:
        self._runs += 1
        run = mark(self._runs)
        synced = sync.stage(self.home, self.store, answers, window, ["AAPL"], run, override)
        audit(self.home, synced.proposal_id, run)
        return synced, run

    def apply(
        self, *answers: Answer, window: Window = WINDOW, override: Override = NO_OVERRIDE
    ) -> Synced:
        staged, run = self.stage(*answers, window=window, override=override)
        return self.applied(staged, run)

    def applied(self, staged: Synced, run: RunContext) -> Synced:
        done, _ = sync.apply(self.home, self.store, staged, run, wait_seconds=0)
        return done

    def held(self) -> dict[str, tuple[str, str]]:
        """Return {subject: (day, status)} of everything that is stored."""
        return {
            one.event.subject: (str(one.event.event_date), one.status.value)
            for one in self.store.read()
        }


@pytest.fixture
def bench(sqlite_database: EventDatabase) -> Bench:
    return Bench(sqlite_database)


@pytest.fixture
def either_bench(event_database: EventDatabase) -> Bench:
    """Return a bench on SQLite, and one on PostgreSQL."""
    return Bench(event_database)


def counts(synced: Synced) -> list[tuple[int, int, int, int]]:
    return [
        (len(d.new), len(d.changed), len(d.stale), len(d.unchanged))
        for d in (one.diff for one in synced.outcomes)
    ]


def test_staging_shows_what_is_new_and_writes_nothing_to_the_store(bench: Bench) -> None:
    staged, run = bench.stage(yahoo(earnings("AAPL"), earnings("MSFT")), fed())
    assert counts(staged) == [(2, 0, 0, 0), (1, 0, 0, 0)]
    assert (staged.before_count, staged.after_count) == (0, 3)
    assert bench.store.read() == []
    assert not bench.home.market_events.exists()
    folder = bench.home.proposal(f"{run.report_id}_market_events")
    assert sorted(one.name for one in folder.iterdir()) == [
        STAGED,
        "proposal.json",
        RAW,
        "receipt.json",
    ]
    assert (folder / RAW / "yahoo.json").read_text() == "{}"


def test_an_apply_stores_it_and_the_same_answers_change_nothing(either_bench: Bench) -> None:
    answers = (yahoo(earnings("AAPL"), earnings("MSFT")), fed())
    done = either_bench.apply(*answers)
    assert (done.before_count, done.after_count) == (0, 3)
    assert either_bench.held() == {
        "AAPL": ("2026-12-01", "active"),
        "MSFT": ("2026-12-01", "active"),
        "scheduled": ("2026-12-09", "active"),
    }
    relevant = {one.event.subject: one.is_portfolio_relevant for one in either_bench.store.read()}
    assert relevant == {"AAPL": True, "MSFT": False, "scheduled": True}

    before = either_bench.store.read()
    again = either_bench.apply(*answers)
    assert counts(again) == [(0, 0, 0, 2), (0, 0, 0, 1)]
    after = either_bench.store.read()
    assert [(one.event, one.status, one.updated_at, one.fetched_at) for one in after] == [
        (one.event, one.status, one.updated_at, one.fetched_at) for one in before
    ]


def test_an_event_that_moves_keeps_its_row(bench: Bench) -> None:
    bench.apply(yahoo(earnings("AAPL")))
    (before,) = bench.store.read()
    done = bench.apply(yahoo(earnings("AAPL", date(2026, 12, 4))))
    assert counts(done) == [(0, 1, 0, 0)]
    (after,) = bench.store.read()
    assert (after.event_id, after.created_at) == (before.event_id, before.created_at)
    assert (str(after.event.event_date), after.status) == ("2026-12-04", EventStatus.UPDATED)


def test_each_change_of_day_or_status_raises_the_sequence_and_nothing_else_does(
    bench: Bench,
) -> None:
    """RFC 5545, 3.8.7.4: a calendar program keeps the old day where the number is not higher."""
    first, moved = earnings("AAPL"), earnings("AAPL", date(2026, 12, 4))
    unsure = replace(moved, confidence=Confidence.ESTIMATED)
    told = replace(moved, detail={"eps": 2})
    answers: list[tuple[Answer, int]] = [
        (yahoo(first), 0),
        (yahoo(replace(first, title="Apple reports")), 0),
        (yahoo(moved), 1),
        (yahoo(told), 1),
        (yahoo(replace(told, description="a word more")), 1),
        (yahoo(unsure), 2),
        (yahoo(silent=("AAPL",)), 3),
        (yahoo(silent=("AAPL",)), 3),
        (yahoo(moved), 4),
        (yahoo(replace(moved, is_cancelled=True)), 5),
    ]
    found = []
    for answer, _ in answers:
        bench.apply(answer)
        (one,) = bench.store.read()
        assert one.event.detail in ({}, {"eps": 2}), "the count is no detail of the source"
        found.append(one.sequence)
    assert found == [sequence for _, sequence in answers]
    (one,) = bench.store.read()
    assert b"SEQUENCE:5\r\n" in to_icalendar([one], NOW + timedelta(hours=1))


def test_two_that_change_places_with_a_third_lose_nothing(either_bench: Bench) -> None:
    """A dividend moves to the day on which another row of the symbol stood once."""
    either_bench.apply(yahoo(earnings("AAPL", FAR)))
    either_bench.apply(yahoo(silent=("AAPL",)))
    assert either_bench.held() == {"AAPL": ("2026-12-10", "stale")}
    either_bench.apply(yahoo(earnings("AAPL", date(2026, 12, 12))))
    either_bench.apply(yahoo(earnings("AAPL", FAR)))
    assert either_bench.held() == {"AAPL": ("2026-12-10", "updated")}


def test_a_provider_or_a_symbol_that_failed_keeps_its_events(bench: Bench) -> None:
    bench.apply(yahoo(earnings("AAPL"), earnings("MSFT")), fed())
    broken = Answer("federal_reserve", "fed", errors=("HTTP 500",))
    done = bench.apply(yahoo(earnings("AAPL"), failed=("MSFT",)), broken)
    assert counts(done) == [(0, 0, 0, 1), (0, 0, 0, 0)]
    assert [one.status for one in done.outcomes] == ["partial_failure", "failed"]
    assert set(bench.held().values()) == {("2026-12-01", "active"), ("2026-12-09", "active")}


def test_only_a_good_answer_makes_an_event_stale_and_it_comes_back(bench: Bench) -> None:
    bench.apply(yahoo(earnings("AAPL", FAR)))
    assert counts(bench.apply(yahoo(silent=("AAPL",)))) == [(0, 0, 1, 0)]
    assert bench.held() == {"AAPL": ("2026-12-10", "stale")}
    assert counts(bench.apply(yahoo(earnings("AAPL", FAR)))) == [(0, 1, 0, 0)]
    assert bench.held() == {"AAPL": ("2026-12-10", "updated")}


def test_a_cancelled_event_stays_cancelled(bench: Bench) -> None:
    bench.apply(fed())
    gone = fed()
    cancelled = Event.from_dict(gone.events[0].to_dict() | {"is_cancelled": True})
    bench.apply(Answer.from_dict(gone.to_dict() | {"raw": {}, "events": [cancelled.to_dict()]}))
    assert bench.held() == {"scheduled": ("2026-12-09", "cancelled")}
    done = bench.apply(fed())
    assert counts(done) == [(0, 0, 0, 1)]
    assert bench.held() == {"scheduled": ("2026-12-09", "cancelled")}


def test_a_shorter_window_leaves_what_lies_beyond_it(bench: Bench) -> None:
    bench.apply(yahoo(earnings("AAPL", date(2026, 12, 15))))
    bench.apply(yahoo(silent=("AAPL",)), window=Window(NOW, 7))
    assert bench.held() == {"AAPL": ("2026-12-15", "active")}


def test_what_was_altered_after_its_audit_is_not_stored(bench: Bench) -> None:
    staged, run = bench.stage(yahoo(earnings("AAPL")))
    path = bench.home.proposal(staged.proposal_id) / STAGED
    path.write_text(path.read_text().replace("2026-12-01", "2026-12-02"))
    with pytest.raises(ProposalUnaudited, match="has changed since it was staged and audited"):
        bench.applied(staged, run)
    assert bench.store.read() == []


def test_what_was_altered_before_its_audit_is_not_stored_either(bench: Bench) -> None:
    run = mark(1)
    answers = [yahoo(earnings("AAPL"))]
    staged = sync.stage(bench.home, bench.store, answers, WINDOW, [], run)
    path = bench.home.proposal(staged.proposal_id) / STAGED
    path.write_text(path.read_text().replace("2026-12-01", "2026-12-02"))
    assert audit(bench.home, staged.proposal_id, run).has_passed
    with pytest.raises(ProposalUnaudited, match="has changed since it was staged"):
        bench.applied(staged, run)
    assert bench.store.read() == []


def test_an_older_answer_is_not_stored_over_a_later_one(bench: Bench) -> None:
    early, run = bench.stage(yahoo(earnings("AAPL", date(2026, 12, 1)), earnings("MSFT")))
    later = Window(NOW + timedelta(minutes=5), 28)
    bench.apply(yahoo(earnings("AAPL", date(2026, 12, 3))), window=later)
    done = bench.applied(early, run)
    assert bench.held() == {"AAPL": ("2026-12-03", "active"), "MSFT": ("2026-12-01", "active")}
    (outcome,) = done.outcomes
    assert (outcome.status, outcome.diff.changed) == ("success", ())
    assert "skipped AAPL: another run" in outcome.answer.warnings[-1]


def test_what_leaves_the_portfolio_concerns_it_no_more(either_bench: Bench) -> None:
    either_bench.apply(yahoo(earnings("AAPL"), earnings("MSFT")))
    run = mark(9)
    staged = sync.stage(
        either_bench.home, either_bench.store, [yahoo(earnings("MSFT"))], WINDOW, ["MSFT"], run
    )
    audit(either_bench.home, staged.proposal_id, run)
    either_bench.applied(staged, run)
    assert {one.event.subject: one.is_portfolio_relevant for one in either_bench.store.read()} == {
        "AAPL": False,
        "MSFT": True,
    }


def test_a_cancelled_apply_has_noted_what_is_stored_and_no_more(bench: Bench) -> None:
    staged, run = bench.stage(yahoo(earnings("AAPL")), fed())
    told: list[Synced] = []

    def note(done: Synced) -> None:
        told.append(done)
        if len(told) == 2:
            raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        sync.apply(bench.home, bench.store, staged, run, wait_seconds=0, note=note)
    before, last = told
    assert [one.status for one in before.outcomes] == ["skipped", "skipped"]
    assert counts(before) == [(0, 0, 0, 0)] * 2
    assert [one.status for one in last.outcomes] == ["success", "skipped"]
    assert counts(last) == [(1, 0, 0, 0), (0, 0, 0, 0)]
    assert last.after_count == 1
    assert set(bench.held()) == {"AAPL"}


@pytest.mark.parametrize(
    ("first", "then", "expected"),
    [
        (date(2026, 12, 15), date(2026, 12, 28), (1, 0)),
        (date(2026, 12, 15), date(2026, 12, 16), (1, 1)),
        (date(2026, 12, 15), None, (1, 0)),
    ],
)
def test_the_look_foretells_the_count_that_the_apply_comes_to(
    bench: Bench, first: date, then: date | None, expected: tuple[int, int]
) -> None:
    bench.apply(yahoo(earnings("AAPL", first)))
    answer = yahoo(earnings("AAPL", then)) if then else yahoo(silent=("AAPL",))
    staged, run = bench.stage(answer)
    done = bench.applied(staged, run)
    assert (staged.before_count, staged.after_count) == expected
    assert (done.before_count, done.after_count) == expected
    assert sync.count_upcoming(bench.store.read(), WINDOW) == expected[1]


def test_what_did_not_pass_or_was_not_audited_is_not_stored(bench: Bench) -> None:
    staged, run = bench.stage(yahoo(failed=("AAPL",)))
    with pytest.raises(ProposalUnaudited, match="did not pass"):
        bench.applied(staged, run)
    (bench.home.proposal(staged.proposal_id) / "receipt.json").unlink()
    with pytest.raises(ProposalUnaudited, match="no readable receipt"):
        bench.applied(staged, run)
    assert bench.store.read() == []


def test_the_store_is_compared_with_again_when_it_is_written(either_bench: Bench) -> None:
    """Another run stored the same event between the look and the apply."""
    staged, run = either_bench.stage(yahoo(earnings("AAPL")))
    either_bench.apply(yahoo(earnings("AAPL")))
    done = either_bench.applied(staged, run)
    assert counts(done) == [(0, 0, 0, 1)]
    assert len(either_bench.store.read()) == 1


def test_two_applies_at_once_do_not_mix(bench: Bench) -> None:
    staged, run = bench.stage(yahoo(earnings("AAPL")))
    lock = bench.home.locks / "market_events.lock"
    with hold(lock, wait_seconds=0, holder="another"), pytest.raises(LockHeld, match="another"):
        bench.applied(staged, run)


def test_every_sync_is_logged_per_provider_failed_ones_too(bench: Bench) -> None:
    bench.apply(yahoo(earnings("AAPL"), failed=("MSFT",)), fed())
    logs = {log.provider: log for log in bench.store.sync_logs()}
    assert (logs["yahoo"].status, logs["yahoo"].error_count) == ("partial_failure", 1)
    assert logs["yahoo"].error_message == "unreachable (MSFT)"
    assert (logs["yahoo"].fetched_count, logs["yahoo"].upserted_count) == (1, 1)
    assert (logs["federal_reserve"].status, logs["federal_reserve"].event_type) == (
        "success",
        "FOMC",
    )
    assert logs["yahoo"].window_start_utc == NOW
    assert logs["yahoo"].detail["report_id"] == mark(1).report_id
    assert logs["yahoo"].detail["symbols"] == {"AAPL": "ok", "MSFT": "unreachable"}


def test_one_provider_that_cannot_be_stored_leaves_the_others_stored(either_bench: Bench) -> None:
    """Another source holds the key of AAPL's earnings: only Yahoo's transaction is undone."""
    either_bench.apply(fed(date(2026, 12, 10)))
    with either_bench.store.transaction() as writer:
        writer.insert("another", [earnings("AAPL")], NOW, [])
    done = either_bench.apply(yahoo(earnings("AAPL"), earnings("MSFT")), fed())
    assert [one.status for one in done.outcomes] == ["failed", "success"]
    assert "MSFT" not in either_bench.held()
    assert either_bench.held()["scheduled"] == ("2026-12-09", "updated")
    logs = either_bench.store.sync_logs(report_id=mark(2).report_id)
    assert {(log.provider, log.status, log.upserted_count) for log in logs} == {
        ("yahoo", "failed", 0),
        ("federal_reserve", "success", 1),
    }


def test_events_json_says_which_events_were_known(bench: Bench) -> None:
    bench.apply(yahoo(earnings("AAPL")))
    staged, _ = bench.stage(yahoo(earnings("AAPL"), earnings("MSFT")))
    value: dict[str, Any] = json.loads(
        (bench.home.proposal(staged.proposal_id) / STAGED).read_text()
    )
    known = {one["subject"]: one["is_known"] for one in value["answers"][0]["events"]}
    assert known == {"AAPL": True, "MSFT": False}


def test_five_hundred_symbols_are_one_transaction(bench: Bench) -> None:
    symbols = [f"S{n}" for n in range(500)]
    commits: list[object] = []
    note = commits.append
    event.listen(Engine, "commit", note)
    try:
        done = bench.apply(yahoo(*(earnings(symbol) for symbol in symbols)))
    finally:
        event.remove(Engine, "commit", note)
    assert counts(done) == [(500, 0, 0, 0)]
    # Making the tables ready, looking at them, and one transaction for all that is stored.
    assert len(commits) < 8
    assert len(bench.store.sync_logs()) == 1
    moved = bench.apply(yahoo(*(earnings(symbol, date(2026, 12, 2)) for symbol in symbols)))
    assert counts(moved) == [(0, 500, 0, 0)]
    assert {one.status for one in bench.store.read()} == {EventStatus.UPDATED}


DAY = timedelta(days=1)


def test_a_near_event_stays_until_three_rounds_over_two_days_agree(bench: Bench) -> None:
    gone = yahoo(silent=("AAPL",))
    bench.apply(yahoo(earnings("AAPL")))
    for round_number, days in enumerate((0, 0.5, 1.9), start=1):
        done = bench.apply(gone, window=Window(NOW + days * DAY, 28))
        assert counts(done) == [(0, 0, 0, 0)]
        (stored,) = bench.store.read()
        assert stored.status == EventStatus.ACTIVE
        assert Unconfirmed.of(stored.event) == Unconfirmed(NOW, round_number)
    assert done.after_count == 1
    assert counts(bench.apply(gone, window=Window(NOW + 2 * DAY, 28))) == [(0, 0, 1, 0)]
    assert bench.held() == {"AAPL": ("2026-12-01", "stale")}


def test_an_event_that_is_listed_again_is_confirmed_again(either_bench: Bench) -> None:
    either_bench.apply(yahoo(earnings("AAPL")))
    either_bench.apply(yahoo(silent=("AAPL",)))
    assert counts(either_bench.apply(yahoo(earnings("AAPL")))) == [(0, 0, 0, 1)]
    (stored,) = either_bench.store.read()
    assert (stored.status, stored.event.detail) == (EventStatus.ACTIVE, {})


def symbols(count: int) -> list[str]:
    return [f"S{n:02}" for n in range(count)]


def without(count: int, of: int) -> Answer:
    """Return an answer about `of` symbols that lists no date for the first `count`."""
    names = symbols(of)
    return yahoo(*(earnings(one, FAR) for one in names[count:]), silent=tuple(names[:count]))


@pytest.mark.parametrize(
    ("gone", "of", "is_refused"), [(3, 3, False), (4, 16, False), (4, 15, True), (12, 12, True)]
)
def test_an_answer_that_withdraws_more_than_a_quarter_fails_its_provider(
    bench: Bench, gone: int, of: int, *, is_refused: bool
) -> None:
    bench.apply(without(0, of), fed())
    before = bench.held()
    done = bench.apply(without(gone, of), fed())
    yahoos, feds = done.outcomes
    assert (yahoos.status, feds.status) == ("failed" if is_refused else "success", "success")
    if not is_refused:
        assert counts(done)[0] == (0, 0, gone, of - gone)
        return
    assert bench.held() == before
    (told,) = yahoos.errors
    assert told.startswith(f"{gone} of {of} events to come are no longer listed: S00 earnings on ")
    assert "S03 earnings on 2026-12-10" in told
    assert "--allow-large-change" in told
    assert done.after_count == of + 1
    log = {one.provider: one for one in bench.store.sync_logs(limit=2)}["yahoo"]
    assert (log.status, log.error_message, log.stale_count) == ("failed", told, 0)


@pytest.mark.parametrize("soon", [SOON, FAR])
def test_what_would_stay_unconfirmed_counts_as_withdrawn(bench: Bench, soon: date) -> None:
    """Yahoo reclassified its entries once: every date was gone, the near ones too."""
    names = symbols(5)
    bench.apply(yahoo(*(earnings(one, soon) for one in names)))
    before = bench.store.read()
    done = bench.apply(yahoo(silent=tuple(names)), fed())
    assert [one.status for one in done.outcomes] == ["failed", "success"]
    assert [one for one in bench.store.read() if one.source == "yahoo"] == before


def test_what_moves_beyond_the_window_is_refused_with_the_rest(bench: Bench) -> None:
    """The audit passes all the same: what is refused is not judged as if it were to be stored."""
    bench.apply(without(0, 8), fed())
    moved = earnings("S07", date(2026, 12, 28))
    done = bench.apply(yahoo(moved, silent=tuple(symbols(7))), fed())
    assert [one.status for one in done.outcomes] == ["failed", "success"]
    assert bench.held()["S07"] == ("2026-12-10", "active")


def test_an_override_lets_them_go_and_is_kept_in_the_receipt(bench: Bench) -> None:
    bench.apply(without(0, 6))
    done = bench.apply(without(6, 6), override=Override(True, "all six were delisted"))
    assert counts(done) == [(0, 0, 6, 0)]
    (warned,) = done.outcomes[0].answer.warnings
    assert warned.startswith("6 of 6 events to come are no longer listed: ")
    assert warned.endswith(". Allowed by --allow-large-change (all six were delisted)")
    receipt = read_receipt(bench.home, done.proposal_id)
    assert (receipt.allow_large_change, receipt.reason) == (True, "all six were delisted")
    assert receipt.limits == {"fail_stale": 0.25}


def test_those_that_an_override_let_go_are_not_refused_again_when_they_go(bench: Bench) -> None:
    names = tuple(symbols(5))
    bench.apply(yahoo(*(earnings(one) for one in names)))
    bench.apply(yahoo(silent=names), override=Override(True, "they moved to a call"))
    bench.apply(yahoo(silent=names), window=Window(NOW + DAY, 28))
    done = bench.apply(yahoo(silent=names), window=Window(NOW + 2 * DAY, 28))
    assert counts(done) == [(0, 0, 5, 0)]


def test_an_answer_without_a_node_that_had_to_be_there_is_a_bad_payload(bench: Bench) -> None:
    """What the rest of it says is good: the dividend that moved is followed."""
    dividend = Event(
        EventType.DIVIDEND, "AAPL", "AAPL ex-dividend", date(2026, 12, 8), NEW_YORK, symbol="AAPL"
    )
    moved = Event.from_dict(dividend.to_dict() | {"event_date": "2026-12-07"})
    bench.apply(yahoo(earnings("AAPL", FAR), dividend))
    lost = replace(yahoo(moved), silent={"AAPL": (EventType.EARNINGS,)})
    done = bench.apply(lost)
    (outcome,) = done.outcomes
    assert outcome.status == "partial_failure"
    assert outcome.answer.symbols["AAPL"] == (
        SymbolOutcome.BAD_PAYLOAD,
        "the answer lacks earnings",
    )
    (told,) = outcome.errors
    assert told.startswith("bad payload: Yahoo's answer lacks earnings, expected because an ")
    assert [(str(one.event.event_date), one.status.value) for one in bench.store.read()] == [
        ("2026-12-07", "updated"),
        ("2026-12-10", "active"),
    ]


@pytest.mark.parametrize("stored", [(), (date(2026, 11, 20),)], ids=["none", "over"])
def test_a_fund_without_earnings_is_a_good_answer(bench: Bench, stored: tuple[date, ...]) -> None:
    bench.apply(yahoo(earnings("AAPL", FAR)), window=Window(NOW - 9 * DAY, 90))
    if stored:
        bench.apply(yahoo(earnings("SPY", *stored)), window=Window(NOW - 5 * DAY, 28))
    done = bench.apply(replace(yahoo(silent=("SPY",)), silent={"SPY": (EventType.EARNINGS,)}))
    assert (done.outcomes[0].status, done.outcomes[0].errors) == ("success", ())


def test_a_move_is_kept_in_the_log_for_whoever_lists_the_events(bench: Bench) -> None:
    bench.apply(yahoo(earnings("AAPL"), earnings("MSFT")))
    bench.apply(yahoo(earnings("AAPL", date(2026, 12, 3)), earnings("MSFT", date(2026, 12, 3))))
    log, *_ = bench.store.sync_logs()
    assert [one["text"] for one in log.detail["moved"]] == [
        "AAPL earnings moved from 2026-12-01 to 2026-12-03"
    ]
