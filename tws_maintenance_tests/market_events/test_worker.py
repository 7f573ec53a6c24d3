"""The process that asks the providers: its answers, its death, and providers that fail alone."""

import signal
from datetime import UTC, datetime

import psutil
import pytest

from tws_maintenance.audit.run_context import RunContext
from tws_maintenance.config.home import Home
from tws_maintenance.config.settings import Settings
from tws_maintenance.core.clock import utc_now
from tws_maintenance.core.errors import AuditFailed
from tws_maintenance.demo.server import PageServer
from tws_maintenance.market_events.model import Window
from tws_maintenance.market_events.providers.fetching import Question
from tws_maintenance.market_events.providers.worker import EventsWorker
from tws_maintenance_tests.defaults import VENUES
from tws_maintenance_tests.pipeline.support import until
from tws_maintenance_tests.sources.faulty_server import FaultyServer, silence

NOW = datetime(2026, 11, 22, 19, 0, tzinfo=UTC)


def question(settings: Settings, *symbols: str, deadline: float = 30) -> Question:
    events = settings.events.model_copy(update={"deadline": deadline})
    return Question(symbols, VENUES, Window(utc_now(), 28), settings.http, events)


def children() -> list[psutil.Process]:
    return [one for one in psutil.Process().children() if "providers.worker" in _line(one)]


def _line(process: psutil.Process) -> str:
    try:
        return " ".join(process.cmdline())
    except psutil.Error:
        return ""


def test_providers_fail_alone(settings: Settings, server: PageServer) -> None:
    server.pages["fomc"] = b"<html><body>Sorry, we are rebuilding this page.</body></html>"
    worker = EventsWorker()
    worker.start(question(settings, "NOSUCH"))
    answers = {one.provider: one for one in worker.answers()}
    worker.stop()
    assert list(answers) == ["yahoo", "federal_reserve", "exchange_calendars"]
    assert answers["yahoo"].errors == ()
    assert answers["federal_reserve"].errors
    assert answers["federal_reserve"].covers == {}
    assert set(answers["exchange_calendars"].covers) == {"XNYS", "XSES", "XHKG"}
    assert children() == []


def test_a_provider_that_hangs_is_left_behind_at_the_deadline(settings: Settings) -> None:
    with FaultyServer() as web:
        web.script["/monetarypolicy/fomccalendars.htm"] = [silence]
        http = settings.http.model_copy(update={"federal_reserve_url": web.origin})
        slow = settings.model_copy(update={"http": http})
        worker = EventsWorker()
        worker.start(question(slow, deadline=2))
        answers = {one.provider: one for one in worker.answers()}
        worker.stop()
    assert answers["federal_reserve"].errors
    assert answers["exchange_calendars"].errors == ()


@pytest.mark.cold
@pytest.mark.process
def test_when_the_process_dies_every_provider_has_failed_and_none_has_no_events(
    settings: Settings,
) -> None:
    with FaultyServer() as web:
        web.script["/monetarypolicy/fomccalendars.htm"] = [silence]
        http = settings.http.model_copy(update={"federal_reserve_url": web.origin})
        worker = EventsWorker()
        worker.start(question(settings.model_copy(update={"http": http})))
        until(lambda: bool(web.paths), "the page to be asked for")
        (child,) = children()
        child.send_signal(signal.SIGKILL)
        answers = worker.answers()
        worker.stop()
    assert len(answers) == 3
    for answer in answers:
        assert "ended early" in answer.errors[0]
        assert (answer.covers, answer.events) == ({}, ())


@pytest.mark.process
def test_an_audit_that_cannot_run_has_not_passed(home: Home) -> None:
    worker = EventsWorker()
    try:
        with pytest.raises(AuditFailed, match="cannot be read"):
            worker.audit(home, "maintenance_1_market_events", RunContext("r", "run", NOW))
    finally:
        worker.stop()
    assert children() == []
