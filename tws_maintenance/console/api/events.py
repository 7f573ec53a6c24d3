"""`/api/market-events` and `/api/watchlist`, in the standalone console only.

Mounted in TWS Robot, they would hide the robot's own addresses.
"""

from flask import Blueprint, Response

from tws_maintenance.console.actor import actor
from tws_maintenance.console.api import bodies, responses
from tws_maintenance.console.api.routes import answer_for, body_as, query_as, reply
from tws_maintenance.console.api_error import ApiError
from tws_maintenance.console.closures import add_closure, remove_closure
from tws_maintenance.console.service import Backend
from tws_maintenance.core.clock import utc_now
from tws_maintenance.core.errors import UsageError
from tws_maintenance.market_events import watchlist
from tws_maintenance.market_events.agenda import read_agenda, read_calendar
from tws_maintenance.market_events.keeper import keeper_of
from tws_maintenance.market_events.model import EventType, StoredEvent
from tws_maintenance.market_events.providers import closures


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
        body = body_as(backend, bodies.RefreshBody)
        return answer_for(backend, backend.start(body.spec(actor())), body.wait)

    @events.get("/market-events/upcoming")
    def upcoming() -> Response:
        settings = backend.settings
        query = query_as(bodies.UpcomingQuery, settings.maintained)
        agenda = read_agenda(
            backend.home,
            settings,
            utc_now(),
            days=query.days,
            event_type=EventType(query.type) if query.type else None,
            symbol=query.symbol,
        )
        return reply(responses.Upcoming.model_validate(agenda.to_dict()))

    @events.get("/market-events/sync-log")
    def sync_log() -> Response:
        query = query_as(bodies.SyncLogQuery)
        keeper = keeper_of(backend.home, backend.settings)
        found = keeper.logs(limit=query.limit, offset=query.offset)
        logs = [responses.Sync.model_validate(one.to_dict()) for one in found]
        return reply(responses.SyncLog(logs=logs, count=len(logs)))

    @events.get("/market-events/calendar.ics")
    def calendar() -> Response:
        query_as(bodies.NoQuery)
        content, _ = read_calendar(backend.home, backend.settings, utc_now())
        return Response(content, content_type="text/calendar; charset=utf-8")


def _add_closures(events: Blueprint, backend: Backend) -> None:
    @events.get("/market-events/closures")
    def show_closures() -> Response:
        query_as(bodies.NoQuery)
        return reply(_closures(backend))

    @events.post("/market-events/closures")
    def closure_add() -> Response:
        added = add_closure(backend, body_as(backend, bodies.ClosureBody))
        return reply(responses.ClosuresChanged(added=_closure(added), **dict(_closures(backend))))

    @events.delete("/market-events/closures")
    def closure_remove() -> Response:
        removed = remove_closure(backend, body_as(backend, bodies.ClosureRemovalBody))
        return reply(
            responses.ClosuresChanged(removed=_closure(removed), **dict(_closures(backend)))
        )


def _closures(backend: Backend) -> responses.Closures:
    at = utc_now()
    found = closures.to_come(backend.home, backend.settings, at)
    return responses.Closures(
        closures=[_closure(one) for one in found],
        count=len(found),
        warnings=closures.judge(found, [], at),
    )


def _closure(stored: StoredEvent) -> responses.Closure:
    return responses.Closure.model_validate(closures.to_dict(stored))


def _add_watchlist(events: Blueprint, backend: Backend) -> None:
    @events.get("/watchlist")
    def show() -> Response:
        query_as(bodies.NoQuery)
        return reply(_watched(backend))

    @events.post("/watchlist")
    def add() -> Response:
        symbol = body_as(backend, bodies.WatchlistBody).symbol
        added = watchlist.add(backend.home, backend.settings.maintained, [symbol], utc_now())
        return reply(responses.WatchlistChanged(added=added, **dict(_watched(backend))))

    @events.delete("/watchlist")
    def remove() -> Response:
        symbol = body_as(backend, bodies.WatchlistBody).symbol
        try:
            removed = watchlist.remove(backend.home, backend.settings.maintained, [symbol])
        except UsageError as error:
            raise ApiError(404, "not_found", str(error)) from error
        return reply(responses.WatchlistChanged(removed=removed, **dict(_watched(backend))))


def _watched(backend: Backend) -> responses.Watchlist:
    found = watchlist.read_watchlist(backend.home, backend.settings.maintained)
    return responses.Watchlist(
        watchlist=[
            responses.WatchedSymbol(symbol=one.symbol, added_at=one.added_at or None)
            for one in found.entries
        ],
        count=len(found.entries),
        unreadable=list(found.unreadable),
    )
