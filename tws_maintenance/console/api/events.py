"""`/api/market-events` and `/api/watchlist`, in the standalone console only.

Mounted in TWS Robot they would hide the robot's own addresses.
"""

from flask import Blueprint, Response

from tws_maintenance.config.events_service import EventsService
from tws_maintenance.console.actor import actor
from tws_maintenance.console.api import answers, bodies
from tws_maintenance.console.api.routes import answer_for, body_as, query_as, reply
from tws_maintenance.console.closures import add_closure, remove_closure
from tws_maintenance.console.errors import ApiError
from tws_maintenance.console.service import Backend
from tws_maintenance.core.clock import utc_now, utc_text
from tws_maintenance.core.errors import UsageError
from tws_maintenance.market_events import watchlist
from tws_maintenance.market_events.agenda import read_agenda, read_calendar
from tws_maintenance.market_events.model import EventType, StoredEvent
from tws_maintenance.market_events.providers import closures
from tws_maintenance.market_events.store.event_store import EventStore
from tws_maintenance.market_events.store.tables import SyncLog


def build_events_blueprint(backend: Backend) -> Blueprint:
    """Return the API of events and of the watchlist."""
    events = Blueprint("market_events_api", __name__, url_prefix="/api")
    _add_events(events, backend)
    _add_closures(events, backend)
    _add_watchlist(events, backend)
    return events


def _add_events(events: Blueprint, backend: Backend) -> None:
    @events.post("/market-events/refresh")
    def refresh() -> tuple[Response, int]:
        body = body_as(bodies.RefreshBody)
        return answer_for(backend, backend.start(body.spec(actor())), body.wait)

    @events.get("/market-events/upcoming")
    def upcoming() -> Response:
        query = query_as(bodies.UpcomingQuery)
        agenda = read_agenda(
            backend.home,
            backend.settings,
            utc_now(),
            days=query.days,
            event_type=EventType(query.type) if query.type else None,
            symbol=query.symbol,
        )
        return reply(answers.Upcoming(**agenda.to_dict()))

    @events.get("/market-events/sync-log")
    def sync_log() -> Response:
        query = query_as(bodies.SyncLogQuery)
        settings = backend.settings
        if settings.events_service == EventsService.ROBOT:
            from tws_maintenance.market_events.robot_agenda import read_log

            found = read_log(settings)[query.offset : query.offset + query.limit]
            logs = [answers.Sync(**one) for one in found]
            return reply(answers.SyncLog(logs=logs, count=len(logs)))
        with EventStore(backend.home, settings) as store:
            logs = [_sync(one) for one in store.sync_logs(limit=query.limit, offset=query.offset)]
        return reply(answers.SyncLog(logs=logs, count=len(logs)))

    @events.get("/market-events/calendar.ics")
    def calendar() -> Response:
        query_as(bodies.NoQuery)
        content, _ = read_calendar(backend.home, backend.settings, utc_now())
        return Response(content, content_type="text/calendar; charset=utf-8")


def _sync(log: SyncLog) -> answers.Sync:
    return answers.Sync(
        provider=log.provider,
        event_type=log.event_type,
        status=log.status,
        fetched_count=log.fetched_count,
        upserted_count=log.upserted_count,
        stale_count=log.stale_count,
        error_count=log.error_count,
        error_message=log.error_message,
        sync_started_at=utc_text(log.sync_started_at),
        sync_finished_at=utc_text(log.sync_finished_at),
        window_start_utc=utc_text(log.window_start_utc),
        window_end_utc=utc_text(log.window_end_utc),
        detail=log.detail,
    )


def _add_closures(events: Blueprint, backend: Backend) -> None:
    @events.get("/market-events/closures")
    def show_closures() -> Response:
        query_as(bodies.NoQuery)
        return reply(_closures(backend))

    @events.post("/market-events/closures")
    def closure_add() -> Response:
        added = add_closure(backend, body_as(bodies.ClosureBody))
        return reply(answers.ClosuresChanged(added=_closure(added), **dict(_closures(backend))))

    @events.delete("/market-events/closures")
    def closure_remove() -> Response:
        removed = remove_closure(backend, body_as(bodies.ClosureRemovalBody))
        return reply(answers.ClosuresChanged(removed=_closure(removed), **dict(_closures(backend))))


def _closures(backend: Backend) -> answers.Closures:
    at = utc_now()
    found = closures.to_come(backend.home, backend.settings, at)
    return answers.Closures(
        closures=[_closure(one) for one in found],
        count=len(found),
        warnings=closures.judge(found, [], at),
    )


def _closure(stored: StoredEvent) -> answers.Closure:
    return answers.Closure(**closures.to_dict(stored))


def _add_watchlist(events: Blueprint, backend: Backend) -> None:
    @events.get("/watchlist")
    def show() -> Response:
        query_as(bodies.NoQuery)
        return reply(_watched(backend))

    @events.post("/watchlist")
    def add() -> Response:
        symbol = body_as(bodies.WatchlistBody).symbol
        added = watchlist.add(backend.home, [symbol], utc_now())
        return reply(answers.WatchlistChanged(added=added, **dict(_watched(backend))))

    @events.delete("/watchlist")
    def remove() -> Response:
        symbol = body_as(bodies.WatchlistBody).symbol
        try:
            removed = watchlist.remove(backend.home, [symbol])
        except UsageError as error:
            raise ApiError(404, "not_found", str(error)) from error
        return reply(answers.WatchlistChanged(removed=removed, **dict(_watched(backend))))


def _watched(backend: Backend) -> answers.Watchlist:
    found = watchlist.read_watchlist(backend.home)
    return answers.Watchlist(
        watchlist=[
            answers.WatchedSymbol(symbol=one.symbol, added_at=one.added_at or None)
            for one in found.entries
        ],
        count=len(found.entries),
        unreadable=list(found.unreadable),
    )
