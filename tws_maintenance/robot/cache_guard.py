"""`CacheGuard`: inside the robot's own process, it empties a cache when a new list was published.

Mounted in two lines:

    from tws_maintenance.robot import CacheGuard
    CacheGuard(app, {"sp500": sp500_service.invalidate_cache, "hsi": hsi_service.invalidate_cache})

Before every request it looks at one small file an index, `data/.generation_<index>`, which every
promotion replaces, whichever process it ran in. Flask is not imported here, nor anything that
takes long: the robot pays three `stat` calls a request. Each worker process has caches of its own
and a guard of its own.
"""

import logging
import os
import threading
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Protocol

from tws_maintenance.config.home import Home, find_home
from tws_maintenance.config.indices import DECLARED
from tws_maintenance.constituents.promotion_stamp import read_generation
from tws_maintenance.core.clock import utc_now, utc_text
from tws_maintenance.core.errors import UsageError

EXTENSION = "tws_maintenance.cache_guard"
PATH = "/api/maintenance/caches"
logger = logging.getLogger(__name__)

# Identifies a version of a file that is only ever replaced; None without a file.
_Signature = tuple[int, int, int] | None


class FlaskApplication(Protocol):
    """What is used of a Flask application."""

    extensions: dict[str, Any]

    def before_request(self, f: Callable[[], None]) -> Any:
        """Call `f` before every request."""
        ...

    def add_url_rule(self, rule: str, endpoint: str | None = None, view_func: Any = None) -> None:
        """Serve an address."""
        ...


@dataclass
class _Guarded:
    """One cache: how it is emptied, and which generation it was emptied for."""

    key: str
    path: Path
    invalidate: Callable[[], object]
    lock: threading.Lock = field(default_factory=threading.Lock)
    has_seen: bool = False
    signature: _Signature = None
    seen: str | None = None
    invalidated_at: str | None = None
    error: str | None = None

    def now(self) -> _Signature:
        """Return what distinguishes this generation from the next."""
        try:
            found = os.stat(self.path)  # noqa: PTH116 - half the time of Path.stat
        except OSError:
            return None
        return (found.st_mtime_ns, found.st_ino, found.st_size)


class CacheGuard:
    """Empties the caches of one Flask application when their lists change.

    `invalidators` are {index key: function without arguments}. The home is the one that
    TWS_MAINTENANCE_HOME names, else the current folder's, unless `home` is given.

    Raises:
        UsageError: an index is unknown, an invalidator cannot be called, or the application has a
            guard already.
    """

    def __init__(
        self,
        app: FlaskApplication,
        invalidators: Mapping[str, Callable[[], object]],
        home: str | Path | None = None,
    ) -> None:
        _refuse_mistakes(app, invalidators)
        self._home = Home(Path(home).resolve()) if home is not None else find_home()
        self._guarded = [
            _Guarded(key, self._home.generation_file(key), invalidate)
            for key, invalidate in invalidators.items()
        ]
        app.extensions[EXTENSION] = self
        app.before_request(self.look)
        app.add_url_rule(PATH, "tws_maintenance_caches", self._answer)

    def look(self) -> None:
        """Empty each cache whose list was published anew since it was emptied last.

        A request that comes while another is at it waits: it must not be served the old list.
        """
        for one in self._guarded:
            if not one.has_seen or one.now() != one.signature:
                self._invalidate(one)

    def state(self) -> dict[str, object]:
        """Return {caches: {index: {generation, seen, invalidated_at, error}}, pid}."""
        return {
            "caches": {
                one.key: {
                    "generation": self._generation(one.key),
                    "seen": one.seen,
                    "invalidated_at": one.invalidated_at,
                    "error": one.error,
                }
                for one in self._guarded
            },
            "pid": os.getpid(),
        }

    def _invalidate(self, one: _Guarded) -> None:
        with one.lock:
            # Taken before the cache is emptied: what is published meanwhile is seen next time.
            signature = one.now()
            if one.has_seen and signature == one.signature:
                return
            generation = self._generation(one.key)
            try:
                one.invalidate()
            except Exception as error:
                # The robot's own fault, and its request is served all the same; tried again.
                logger.exception("the cache of %s could not be emptied", one.key)
                one.error = f"{type(error).__name__}: {error}"
                return
            one.seen, one.error = generation, None
            one.invalidated_at = utc_text(utc_now())
            one.signature, one.has_seen = signature, True

    def _generation(self, key: str) -> str | None:
        found = read_generation(self._home, DECLARED[key])
        return found.generation if found else None

    def _answer(self) -> tuple[dict[str, object], dict[str, str]]:
        return self.state(), {"Cache-Control": "no-store"}


def _refuse_mistakes(
    app: FlaskApplication, invalidators: Mapping[str, Callable[[], object]]
) -> None:
    if EXTENSION in app.extensions:
        raise UsageError("This application already has a CacheGuard; pass all caches to that one.")
    for key, invalidate in invalidators.items():
        if key not in DECLARED:
            raise UsageError(f"CacheGuard: unknown index {key!r}; known: {', '.join(DECLARED)}.")
        if not callable(invalidate):
            raise UsageError(
                f"CacheGuard was given {invalidate!r} for {key}, expected a function without "
                "arguments, such as service.invalidate_cache (without parentheses)."
            )
