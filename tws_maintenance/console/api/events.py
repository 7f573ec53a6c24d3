"""`/api/market-events` and `/api/watchlist`: of the standalone console only.

Mounted in TWS Robot they would stand in the way of the robot's own.
"""

from flask import Blueprint, Response, jsonify

from tws_maintenance.console.api import bodies
from tws_maintenance.console.api.routes import answer_for, body_as, query_as
from tws_maintenance.console.api.run_specs import refresh_spec
from tws_maintenance.console.closures import add_closure, remove_closure
from tws_maintenance.console.errors import ApiError
from tws_maintenance.console.service import Backend
from tws_maintenance.core.clock import utc_now
from tws_maintenance.core.errors import UsageError
from tws_maintenance.market_events import watchlist
from tws_maintenance.market_events.agenda import read_agenda, read_calendar
from tws_maintenance.market_events.keeper import keeper_of
from tws_maintenance.market_events.model import EventType
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
        body = body_as(bodies.RefreshBody)
        return answer_for(backend, backend.start(refresh_spec(body)), body.wait)

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
        return jsonify(agenda.to_dict())

    @events.get("/market-events/sync-log")
    def sync_log() -> Response:
        query = query_as(bodies.SyncLogQuery)
        keeper = keeper_of(backend.home, backend.settings)
        logs = keeper.logs(limit=query.limit, offset=query.offset)
        return jsonify({"logs": [one.to_dict() for one in logs], "count": len(logs)})

    @events.get("/market-events/calendar.ics")
    def calendar() -> Response:
        query_as(bodies.NoQuery)
        content, _ = read_calendar(backend.home, backend.settings, utc_now())
        return Response(content, content_type="text/calendar; charset=utf-8")


def _add_closures(events: Blueprint, backend: Backend) -> None:
    @events.get("/market-events/closures")
    def show_closures() -> Response:
        query_as(bodies.NoQuery)
        return jsonify(_closures(backend))

    @events.post("/market-events/closures")
    def closure_add() -> Response:
        added = add_closure(backend, body_as(bodies.ClosureBody))
        return jsonify({"added": closures.to_dict(added), **_closures(backend)})

    @events.delete("/market-events/closures")
    def closure_remove() -> Response:
        removed = remove_closure(backend, body_as(bodies.ClosureRemovalBody))
        return jsonify({"removed": closures.to_dict(removed), **_closures(backend)})


def _closures(backend: Backend) -> dict[str, object]:
    at = utc_now()
    found = closures.to_come(backend.home, backend.settings, at)
    value = [closures.to_dict(one) for one in found]
    warnings = closures.judge(found, [], at)
    return {"closures": value, "count": len(value), "warnings": warnings}


def _add_watchlist(events: Blueprint, backend: Backend) -> None:
    @events.get("/watchlist")
    def show() -> Response:
        query_as(bodies.NoQuery)
        return jsonify(_watched(backend))

    @events.post("/watchlist")
    def add() -> Response:
        symbol = body_as(bodies.WatchlistBody).symbol
        added = watchlist.add(backend.home, [symbol], utc_now())
        return jsonify({"added": added, **_watched(backend)})

    @events.delete("/watchlist")
    def remove() -> Response:
        symbol = body_as(bodies.WatchlistBody).symbol
        try:
            removed = watchlist.remove(backend.home, [symbol])
        except UsageError as error:
            raise ApiError(404, "not_found", str(error)) from error
        return jsonify({"removed": removed, **_watched(backend)})


def _watched(backend: Backend) -> dict[str, object]:
    found = watchlist.read_watchlist(backend.home)
    entries = [{"symbol": one.symbol, "added_at": one.added_at or None} for one in found.entries]
    return {"watchlist": entries, "count": len(entries), "unreadable": list(found.unreadable)}
