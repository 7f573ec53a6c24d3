"""Adding and removing the operator's closures, for the API and for the page of the events."""

from datetime import time

from tws_maintenance.console.actor import actor
from tws_maintenance.console.api import bodies
from tws_maintenance.console.api_error import ApiError
from tws_maintenance.console.service import Backend
from tws_maintenance.core.clock import utc_now
from tws_maintenance.core.errors import SettingsError, UsageError
from tws_maintenance.market_events.model import StoredEvent
from tws_maintenance.market_events.providers import closures


def add_closure(backend: Backend, body: bodies.ClosureBody) -> StoredEvent:
    """Store a closure in the operator's name, and return it.

    Raises:
        ApiError: 409 if it does not fit the venue's calendar, or is already stored.
        StoreError: it cannot be stored.
    """
    wanted = closures.Closure(
        venue=closures.venue_named(body.venue, backend.settings.maintained.venues),
        day=body.date,
        closes=time.fromisoformat(body.closes) if body.closes else None,
        title=body.title,
        actor=actor(),
        reason=body.reason,
    )
    try:
        added = closures.add(backend.home, backend.settings, wanted, utc_now())
    except SettingsError:
        raise
    except UsageError as error:
        raise ApiError(409, "conflict", f"{error} Nothing was added.") from error
    backend.forget_clocks()
    return added


def remove_closure(backend: Backend, body: bodies.ClosureRemovalBody) -> StoredEvent:
    """Remove a closure in the operator's name, and return it.

    Raises:
        ApiError: 404 if no operator added a closure for that day.
        StoreError: the store cannot be changed.
    """
    try:
        removed = closures.remove(
            backend.home,
            backend.settings,
            closures.venue_named(body.venue, backend.settings.maintained.venues),
            body.date,
            actor=actor(),
            reason=body.reason,
            at=utc_now(),
        )
    except closures.UnknownClosure as error:
        raise ApiError(404, "not_found", str(error)) from error
    backend.forget_clocks()
    return removed
