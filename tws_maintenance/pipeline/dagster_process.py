"""Dagster in a process of its own, for a web server that runs long and must stay small.

Dagster is 90 MB and two seconds of imports, which a web server needs only now and then. The first
question starts the process. It answers one question after the other, and ends after two minutes
without one, or with its parent. Answers are kept until the storage changes (`storage_mark`).

    python -m tws_maintenance.pipeline.dagster_process     answer questions on standard input
"""

import contextlib
import gc
import importlib
import logging
import os
import threading
import time
from collections.abc import Hashable, Mapping
from concurrent.futures import Future
from dataclasses import dataclass
from datetime import date
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, Any, TypedDict, TypeVar

from pydantic import TypeAdapter

from tws_maintenance.config.environment import child_environment
from tws_maintenance.config.home import HOME_VARIABLE, Home
from tws_maintenance.config.settings import load_settings
from tws_maintenance.config.venues import VENUES, Venue
from tws_maintenance.core import errors
from tws_maintenance.core.background import begin
from tws_maintenance.core.errors import SourceError, StorageFault, StoreError, TwsMaintenanceError
from tws_maintenance.core.worker_process import WorkerDied, WorkerProcess, serve_standard_streams
from tws_maintenance.market_events.providers import calendars
from tws_maintenance.market_events.providers.calendars import Day
from tws_maintenance.pipeline.run_records import Known, Looked, Place
from tws_maintenance.pipeline.storage_mark import StorageMark
from tws_maintenance.reports.catalog import mark_of
from tws_maintenance.runs.request import RunSpec

if TYPE_CHECKING:
    from tws_maintenance.config.indices import Maintained
    from tws_maintenance.pipeline.definitions import Definitions
    from tws_maintenance.pipeline.instance import Instance

# After this time without a question the process ends and frees its memory.
IDLE_SECONDS = 120.0
# Longer than the process takes to start on a busy machine, and than a database waits for a lock.
PATIENCE_SECONDS = 60.0
POSTGRES_SETTING = "[storage] database_url"
T = TypeVar("T")
logger = logging.getLogger(__name__)


class Question(TypedDict, total=False):
    """A question: the name of a function of `Answering`, and its arguments."""

    ask: str
    with_: dict[str, Any]


class Reply(TypedDict, total=False):
    """The answer as JSON, or the problem: its kind and its arguments."""

    answer: str
    kind: str
    made_of: list[Any]


@dataclass(frozen=True)
class YearOfVenue:
    """The irregular weekdays of a year, None where they are not known."""

    days: dict[date, Day] | None


class NotYetKnown(TwsMaintenanceError):
    """The process that imports Dagster is still starting."""


class Observer:
    """What Dagster knows of one home, for any number of threads.

    Every question raises HomeError where the storage cannot be opened, StorageFault where it
    cannot be read or written, WorkerDied where the process ended, and NotYetKnown where it is not
    ready within the wait.
    """

    def __init__(self, home: Home, *, idle_seconds: float = IDLE_SECONDS) -> None:
        self._home = home
        self._idle_seconds = idle_seconds
        # Held during a question, and during the end of the process.
        self._asking = threading.Lock()
        # Protects the fields below; never held while anybody waits.
        self._lock = threading.Lock()
        self._opening: Future[_Worker] | None = None
        self._asked_at = 0.0
        self._is_closed = False
        self._years: dict[tuple[Venue, int], dict[date, Day] | None] = {}
        self._looking = threading.Lock()
        self._storage: StorageMark | None = None
        self._kept: tuple[Hashable, Known] | None = None

    def begin(self) -> None:
        """Start the process, so that the first question need not wait for it."""
        self._begun()

    def wait_until_open(self) -> None:
        """Wait until the storage is open. Raises HomeError where it cannot be opened."""
        self._opened_within(self._begun(), None)

    def close(self) -> None:
        """End the process; runs go on."""
        with self._lock:
            self._is_closed = True
            opening, self._opening = self._opening, None
        if opening is not None:
            with contextlib.suppress(Exception):  # it never started
                opening.result(PATIENCE_SECONDS).stop()
        with self._looking:
            if self._storage is not None:
                self._storage.close()

    @property
    def is_closed(self) -> bool:
        """Whether it was closed: nothing is asked any more."""
        return self._is_closed

    @property
    def process_id(self) -> int | None:
        """The id of the process that answers, None without one."""
        with self._lock:
            opening = self._opening
        is_there = opening is not None and opening.done() and opening.exception() is None
        return opening.result().process_id if opening is not None and is_there else None

    def known(self, wait: float = PATIENCE_SECONDS) -> Known:
        """Return what a status needs of Dagster, asked again only where it may have changed.

        Waits at most `wait` seconds for a process that is still starting.
        """
        mark = self._mark()
        kept = self._kept
        if mark is not None and kept is not None and kept[0] == mark:
            return kept[1]
        found: Known = self._ask(Known, "known", wait=wait)
        # A running run may die, which changes nothing in the storage.
        self._kept = (None if found.is_at_work else mark), found
        return found

    def known_last(self) -> Known:
        """Return the last answer, for callers that cannot wait; its runs may have ended since."""
        return self._kept[1] if self._kept else Known()

    def look_at_run(self, run_id: str) -> Looked:
        """Return one run with its steps and checks."""
        return self._ask(Looked, "look_at_run", run_id=run_id)

    def reconcile(self) -> None:
        """Close and report the runs that died."""
        self._ask(bool, "reconcile")

    def create_run(self, spec: RunSpec, run_id: str, process: int) -> None:
        """Create the run `run_id` of `spec`, which `process` will execute."""
        wanted = spec.to_json().decode()
        self._ask(
            bool, "create_run", is_repeated=False, spec=wanted, run_id=run_id, process=process
        )

    def warm(self) -> None:
        """Build what the first start of a run needs."""
        self._ask(bool, "warm")

    def days_of(self, venue: Venue, year: int) -> Mapping[date, Day] | None:
        """Return what `calendars.days_of` does, whose package brings 250 modules of countries."""
        if (venue, year) not in self._years:
            try:
                found = self._ask(YearOfVenue, "days_of", venue=venue.code, year=year)
            except SourceError:
                raise
            except TwsMaintenanceError as error:
                raise SourceError(
                    f"could not look up the holidays of {venue.name}: {error}"
                ) from error
            self._years[venue, year] = found.days
        return self._years[venue, year]

    def _mark(self) -> Hashable:
        """Return a mark that changes with the answer; None where only a question can show that."""
        with self._looking:
            found = self._storage.now() if self._storage else None
        # Which home a run belongs to depends on the reports as well.
        return None if found is None else (found, mark_of(self._home.reports))

    def _ask(
        self,
        kind: type[T],
        question: str,
        *,
        wait: float = PATIENCE_SECONDS,
        is_repeated: bool = True,
        **values: object,
    ) -> T:
        asked: Question = {"ask": question, "with_": values}
        while True:
            opening = self._begun()
            worker = self._opened_within(opening, wait)
            with self._asking:
                if self._opening is not opening:
                    continue  # the process ended while this thread waited for its turn
                try:
                    reply = worker.ask(asked)
                except WorkerDied as error:
                    self._forget(opening)
                    worker.stop()
                    if self._is_closed or not is_repeated:
                        raise
                    logger.warning("%s; it is started again", error)
                    is_repeated = False
                    continue
                finally:
                    self._asked_at = time.monotonic()
            return _adapter(kind).validate_json(_answer_in(reply))

    def _begun(self) -> "Future[_Worker]":
        with self._lock:
            if self._is_closed:
                raise WorkerDied("the console has ended")
            if self._opening is None:
                self._opening = begin(self._open, "dagster-observer")
            return self._opening

    def _opened_within(self, opening: "Future[_Worker]", seconds: float | None) -> "_Worker":
        try:
            return opening.result(seconds)
        except TimeoutError:
            raise NotYetKnown(
                "Dagster's history is still being opened. Try again in a moment."
            ) from None
        except BaseException:
            self._forget(opening)
            raise

    def _forget(self, opening: "Future[_Worker]") -> None:
        with self._lock:
            if self._opening is opening:
                self._opening = None

    def _open(self) -> "_Worker":
        """Start the process and let it open the storage."""
        worker: _Worker = WorkerProcess(__name__, "observing", partial(_environment, self._home))
        worker.start()
        try:
            place = _adapter(Place).validate_json(_answer_in(worker.ask({"ask": "place"})))
        except BaseException:
            worker.stop()
            raise
        with self._looking:
            if self._storage is None:
                self._storage = StorageMark(place, _database_of(self._home, place))
        self._asked_at = time.monotonic()
        threading.Thread(target=self._end_when_idle, args=(worker,), daemon=True).start()
        return worker

    def _end_when_idle(self, worker: "_Worker") -> None:
        """End the process after a long time without a question."""
        while worker.is_started:
            left = self._asked_at + self._idle_seconds - time.monotonic()
            if left > 0:
                time.sleep(left)
                continue
            with self._asking:
                if self._asked_at + self._idle_seconds > time.monotonic():
                    continue
                with self._lock:
                    self._opening = None
                worker.stop()


_Worker = WorkerProcess[Question, Reply]


_ADAPTERS: dict[type, TypeAdapter[Any]] = {}


def _adapter(kind: type[T]) -> TypeAdapter[T]:
    """Return the adapter of a kind of answer, made with the first answer of that kind."""
    if kind not in _ADAPTERS:
        _ADAPTERS[kind] = TypeAdapter(kind)
    return _ADAPTERS[kind]


def _environment(home: Home) -> dict[str, str]:
    return {**child_environment(), HOME_VARIABLE: str(home.root)}


def _database_of(home: Home, place: Place) -> Any:
    """Return the database of the settings, None where Dagster's storage is not in it."""
    if not place.is_postgres:
        return None
    from tws_maintenance.market_events.store.database import open_database

    with contextlib.suppress(StoreError, errors.SettingsError):
        url = load_settings(home).storage.database_url
        return open_database(home, url, PATIENCE_SECONDS, POSTGRES_SETTING) if url else None
    return None


def _answer_in(reply: Reply) -> str:
    """Return the answer of a reply. Raises the error that the process met instead."""
    if "kind" not in reply:
        return reply["answer"]
    kind, made_of = reply["kind"], reply["made_of"]
    if kind == "OSError":
        raise OSError(*made_of)
    known = getattr(errors, kind, None)
    if known is None:
        raise RuntimeError(f"the observing process met {kind}: {made_of}")
    raise known(*made_of)


class Answering:
    """The answering process: Dagster's instance of a home, opened once, and the questions to it."""

    def __init__(self, home: Home) -> None:
        self._home = home
        self._instance: Instance | None = None
        self._made: tuple[Maintained, Definitions] | None = None

    def reply(self, question: Question) -> Reply:
        """Return the answer to a question, or the error that was met instead."""
        from tws_maintenance.pipeline.database_faults import (
            database_errors,
            reason_for_others,
            reason_of,
        )

        try:
            value = getattr(self, question["ask"])(**question.get("with_", {}))
        except TwsMaintenanceError as error:
            kind = type(error).__name__
            return {"kind": kind if hasattr(errors, kind) else "HomeError", "made_of": [str(error)]}
        except OSError as error:
            name = str(error.filename) if error.filename else None
            return {"kind": "OSError", "made_of": [error.errno, error.strerror, name]}
        except database_errors() as error:
            made_of = [reason_of(error), reason_for_others(error)]
            return {"kind": StorageFault.__name__, "made_of": made_of}
        except Exception as error:  # the edge of the process: raised where it was asked
            logger.exception("a question to Dagster failed")
            return {"kind": type(error).__name__, "made_of": [str(error)]}
        return {"answer": _adapter(type(value)).dump_json(value).decode()}

    @property
    def instance(self) -> "Instance":
        """The instance, opened by the first question that needs it. Raises HomeError."""
        if self._instance is None:
            from tws_maintenance.pipeline.instance import open_instance

            self._instance = open_instance(self._home)
        return self._instance

    def place(self) -> Place:
        """Return the place of the storage."""
        from tws_maintenance.pipeline.instance import place_of

        return place_of(self.instance)

    def known(self) -> Known:
        """Return what a status needs."""
        from tws_maintenance.pipeline.run_history import what_is_known

        return what_is_known(self._home, self.instance)

    def look_at_run(self, run_id: str) -> Looked:
        """Return one run."""
        from tws_maintenance.pipeline import run_history

        return run_history.look_at_run(self._home, self.instance, run_id)

    def reconcile(self) -> bool:
        """Close and report the runs that died."""
        from tws_maintenance.pipeline.reconcile import reconcile

        reconcile(self._home, self.instance)
        return True

    def create_run(self, spec: str, run_id: str, process: int) -> bool:
        """Create a run."""
        from tws_maintenance.pipeline.execution import create_run

        wanted = RunSpec.from_json(spec.encode())
        create_run(
            self._home, self.instance, self._definitions(), wanted, run_id=run_id, process=process
        )
        return True

    def warm(self) -> bool:
        """Build what the first start of a run needs."""
        self._definitions().resolve_all_job_defs()
        return True

    def days_of(self, venue: str, year: int) -> YearOfVenue:
        """Return the irregular weekdays of a venue's year."""
        days = calendars.days_of(VENUES[venue], year)
        return YearOfVenue(None if days is None else dict(days))

    def _definitions(self) -> "Definitions":
        """Return the definitions of what the home maintains now, made again when that changes."""
        from tws_maintenance.pipeline.definitions import definitions_of_runs
        from tws_maintenance.pipeline.resources import Loaded

        settings = load_settings(self._home)
        if self._made is None or self._made[0] != settings.maintained:
            self._made = settings.maintained, definitions_of_runs(Loaded(self._home, settings))
        return self._made[1]


def serve() -> None:
    """Answer the parent of this process until it ends."""
    answering = Answering(Home(Path(os.environ[HOME_VARIABLE])))

    def answer(question: Question) -> Reply:
        if not gc.isenabled():  # the imports are no garbage, but later objects may be
            gc.freeze()
            gc.enable()
        return answering.reply(question)

    serve_standard_streams(
        answer, prepare=partial(importlib.import_module, "tws_maintenance.pipeline.definitions")
    )


if __name__ == "__main__":
    serve()
