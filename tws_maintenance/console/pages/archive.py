"""The pages of backups, membership over time, coming events and the watchlist."""

import re
from dataclasses import asdict, fields
from datetime import date
from typing import Any

from flask import Blueprint, Response, flash, redirect, request, url_for

from tws_maintenance.config.indices import MAX_DAYS, Index, index_of_task
from tws_maintenance.console.api import bodies
from tws_maintenance.console.api.responses import FieldFaults
from tws_maintenance.console.api.routes import query_as
from tws_maintenance.console.api_error import ApiError
from tws_maintenance.console.closures import add_closure, remove_closure
from tws_maintenance.console.pages.filters import curve, page
from tws_maintenance.console.pages.member_picture import days_of, picture_data, years_of
from tws_maintenance.console.pages.month import EventsPageQuery, read_month
from tws_maintenance.console.service import Backend
from tws_maintenance.constituents.backups import list_backups
from tws_maintenance.constituents.history import (
    KINDS,
    Change,
    Stay,
    backfilled,
    begun_on,
    changes_between,
    day_matrix,
    is_known,
    known_since,
    member_counts,
    members_on,
    read_history,
    to_csv,
)
from tws_maintenance.core.clock import utc_now
from tws_maintenance.core.csv_text import to_bytes
from tws_maintenance.market_events.agenda import read_agenda
from tws_maintenance.market_events.model import EventType
from tws_maintenance.market_events.watchlist import (
    Reading,
    add,
    read_symbols,
    read_watchlist,
    readings,
    remove,
    symbols_in,
    why_unreadable,
)

SEE_OTHER = 303
BACKUPS_SHOWN = 50


def add_shelves(blueprint: Blueprint, backend: Backend) -> None:
    """Add these pages to the blueprint of the console."""
    _add_backups(blueprint, backend)
    _add_history(blueprint, backend)
    _add_events(blueprint, backend)
    _add_watchlist(blueprint, backend)


def _add_backups(blueprint: Blueprint, backend: Backend) -> None:
    @blueprint.get("/maintenance/backups")
    def backups() -> str:
        task, tasks = request.args.get("task", ""), backend.settings.maintained.constituent_tasks
        index = index_of_task(task) if task in tasks else None
        found = list_backups(backend.home, index)
        shown = found if "all" in request.args else found[:BACKUPS_SHOWN]
        return page("backups", backups=shown, total=len(found), task=task, tasks=tasks)


def _add_history(blueprint: Blueprint, backend: Backend) -> None:
    @blueprint.get("/maintenance/history")
    def history_of_all() -> Any:
        return redirect(
            url_for("maintenance.history", task=backend.settings.maintained.constituent_tasks[0])
        )

    @blueprint.get("/maintenance/history/<task>")
    def history(task: str) -> str:
        return page("history", **_history(backend, _index_of(backend, task)))

    @blueprint.get("/maintenance/history/<task>.csv")
    def history_csv(task: str) -> Response:
        index = _index_of(backend, task)
        stays = read_history(backend.home, index)
        name, content = _table_of(index, stays)
        headers = {"Content-Disposition": f'attachment; filename="{name}.csv"'}
        return Response(content, headers=headers, content_type="text/csv; charset=utf-8")


def _index_of(backend: Backend, task: str) -> Index:
    tasks = backend.settings.maintained.constituent_tasks
    if task not in tasks:
        known = ", ".join(tasks)
        raise ApiError(404, "not_found", f"There is no list {task}. The lists are {known}.")
    return index_of_task(task)


def _history(backend: Backend, index: Index) -> dict[str, object]:
    stays, today = read_history(backend.home, index), utc_now().date()
    asked, between = request.args.get("on", "").strip(), _two_days(today)
    day = _day(asked, today) if asked and not between else None
    # All changes; members of before the first promotion joined on an unknown day.
    span = between or (date.min, date.max)
    changes = [] if day else changes_between(stays, *span)
    shown = days_of(changes, stays)
    unknown = next((one for one in (day, *between) if one and not is_known(stays, one)), None)
    return {
        "index": index,
        "indices": backend.settings.maintained,
        "curve": curve(member_counts(stays), today, index.name),
        "picture": picture_data(stays, today),
        "years": years_of(shown),
        "total": {kind: sum(one.counted(kind) for one in shown) for kind in KINDS},
        "day": day,
        "between": between,
        "members": members_on(stays, day) if day else [],
        "counts": [len(members_on(stays, one)) for one in between],
        "unknown": unknown,
        "begun": begun_on(stays),
        "since": known_since(stays),
        "is_backfilled": bool(backfilled(stays)),
        "today": today,
    }


def _two_days(today: date) -> tuple[date, ...]:
    """Return the two days to compare, the earlier one first; () if none is given.

    The second day defaults to today.
    """
    first, last = (request.args.get(name, "").strip() for name in ("after", "until"))
    if not first and not last:
        return ()
    if not first:
        raise ApiError(400, "invalid_query", "Name the day to compare with: after=2026-11-22.")
    return tuple(sorted([_day(first, today), _day(last, today) if last else today]))


def _table_of(index: Index, stays: list[Stay]) -> tuple[str, bytes]:
    """Return the name and the content of the download.

    It is all stays, those of one day, or, between two days, the changes or each day's members.
    """
    today = utc_now().date()
    if asked := request.args.get("on", "").strip():
        day = _known_day(index, stays, asked, today)
        return f"{index.key}_members_{day}", to_csv(members_on(stays, day))
    if not (between := _two_days(today)):
        return f"{index.key}_membership", to_csv(stays)
    first, last = between
    _known_day(index, stays, first.isoformat(), today)
    until = f"_to_{last}" if last < today else ""
    if request.args.get("as") == "changes":
        rows = [[*asdict(one).values()] for one in changes_between(stays, first, last)]
        columns = [field.name for field in fields(Change)]
        return f"{index.key}_changes_after_{first}{until}", to_bytes([columns, *rows])
    table = to_bytes(day_matrix(stays, first, last))
    return f"{index.key}_days_after_{first}{until}", table


def _known_day(index: Index, stays: list[Stay], text: str, today: date) -> date:
    day = _day(text, today)
    if not is_known(stays, day):
        raise ApiError(404, "not_found", f"The members of {index.name} on {day} are unknown.")
    return day


def _day(text: str, today: date) -> date:
    try:
        day = date.fromisoformat(text)
    except ValueError:
        day = None
    if day is None or day > today:
        raise ApiError(
            400, "invalid_query", f"{text!r} is not a day up to today, such as 2026-11-22."
        )
    return day


def _add_events(blueprint: Blueprint, backend: Backend) -> None:
    @blueprint.get("/maintenance/events")
    def events() -> str:
        maintained = backend.settings.maintained
        given = {name: [value] for name, value in request.args.items() if value}
        if typed := request.args.get("symbol", "").strip():
            given["symbol"] = read_symbols(backend.home, maintained, [typed])
        query = bodies.read_query(EventsPageQuery, given, maintained)
        return page("events", **_events(backend, query))

    @blueprint.post("/maintenance/events/closures/add")
    def closure_add() -> Any:
        names = ("type", "venue", "date", "closes", "title", "reason")
        typed = {name: text for name in names if (text := request.form.get(name, "").strip())}
        try:
            body = bodies.read_values(bodies.ClosureBody, typed, backend.settings.maintained)
            added = add_closure(backend, body)
        except ApiError as error:
            shown = _events(backend, EventsPageQuery())
            return page("events", **shown, typed=typed, problem=_in_words(error)), error.status
        flash(f"Added: {added.event.event_date}, {added.event.title}.")
        return redirect(url_for("maintenance.events", days=MAX_DAYS), SEE_OTHER)

    @blueprint.post("/maintenance/events/closures/remove")
    def closure_remove() -> Any:
        values = {name: request.form.get(name, "") for name in ("venue", "date", "reason")}
        maintained = backend.settings.maintained
        body = bodies.read_values(bodies.ClosureRemovalBody, values, maintained)
        removed = remove_closure(backend, body)
        flash(f"Removed: {removed.event.event_date}, {removed.event.title}.")
        return redirect(url_for("maintenance.events"), SEE_OTHER)


def _events(backend: Backend, query: EventsPageQuery) -> dict[str, object]:
    at, settings = utc_now(), backend.settings
    agenda = read_agenda(
        backend.home,
        settings,
        at,
        days=query.days,
        event_type=EventType(query.type) if query.type else None,
        symbol=query.symbol,
    )
    return {
        "agenda": agenda,
        "month": read_month(backend.home, settings, at, query),
        "query": query,
        "at": at,
        "types": list(EventType),
        "venues": settings.maintained.venues,
    }


def _in_words(error: ApiError) -> str:
    """Return the faults of a form in a sentence; a fault of the whole form names no field."""
    if not isinstance(error.detail, FieldFaults):
        return error.message
    named = (
        one.message if one.field == "body" else f"{one.field}: {one.message}"
        for one in error.detail.fields
    )
    return f"{'; '.join(named)}. Nothing was added."


def _watchlist(backend: Backend) -> dict[str, object]:
    maintained = backend.settings.maintained
    found = read_watchlist(backend.home, maintained)
    unreadable = [why_unreadable(text, maintained.venues) for text in found.unreadable]
    return {"watchlist": found, "unreadable": unreadable}


def _readings(backend: Backend, texts: list[str]) -> list[Reading]:
    return readings(backend.home, backend.settings.maintained, texts)


def _add_watchlist(blueprint: Blueprint, backend: Backend) -> None:
    @blueprint.get("/maintenance/watchlist")
    def watchlist() -> str:
        query_as(bodies.NoQuery)
        return page("watchlist", **_watchlist(backend))

    @blueprint.post("/maintenance/watchlist/add")
    def watchlist_add() -> Any:
        symbols = request.form.get("symbols", "").replace(",", " ").split()
        if not symbols:
            raise ApiError(400, "invalid_body", "Name a symbol, such as AAPL, D05.SI or 0005.HK.")
        added = add(backend.home, backend.settings.maintained, symbols, utc_now())
        flash(f"Now watched: {', '.join(added)}." if added else "Already watched.")
        return redirect(url_for("maintenance.watchlist"), SEE_OTHER)

    @blueprint.post("/maintenance/watchlist/preview")
    def watchlist_preview() -> str:
        typed = request.form.get("symbols", "")
        texts = re.split(r"[\s,;]+", typed.strip()) if typed.strip() else []
        if file := request.files.get("file"):
            texts += symbols_in(file.read())
        if not texts:
            raise ApiError(400, "invalid_body", "Paste symbols, or choose a CSV file with symbols.")
        return page("watchlist", **_watchlist(backend), readings=_readings(backend, texts))

    @blueprint.post("/maintenance/watchlist/remove")
    def watchlist_remove() -> Any:
        removed = remove(
            backend.home, backend.settings.maintained, [request.form.get("symbol", "")]
        )
        flash(f"No longer watched: {', '.join(removed)}.")
        return redirect(url_for("maintenance.watchlist"), SEE_OTHER)
