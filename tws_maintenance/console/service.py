"""What pages and API share: the home, what Dagster knows, the reports, and their state.

This module does not use Flask. Every request reads the current settings, so a corrected
maintenance.toml needs no restart. Reports and Dagster's answers are expensive and are kept.
"""

import logging
import threading
from collections.abc import Iterable
from dataclasses import replace
from datetime import datetime
from pathlib import Path

from pydantic import ValidationError

from tws_maintenance.audit.results import ValidationStatus
from tws_maintenance.config.home import Home
from tws_maintenance.config.indices import MARKET_EVENTS, index_of_task
from tws_maintenance.config.settings import Settings, load_settings
from tws_maintenance.config.venues import Venue
from tws_maintenance.console.answer_cache import Kept, Look, paths_of_status
from tws_maintenance.console.api import responses
from tws_maintenance.console.api.responses import JsonObject
from tws_maintenance.console.api_error import ApiError
from tws_maintenance.console.launcher import Launcher, run_facts
from tws_maintenance.console.live_audit_process import FileAudits
from tws_maintenance.constituents.backups import read_backup
from tws_maintenance.constituents.eligibility import ProposalState, Verdict
from tws_maintenance.constituents.proposal import Proposal
from tws_maintenance.core.clock import CLOCK_TOLERANCE, is_older, utc_now, utc_text
from tws_maintenance.core.errors import (
    BackupDamaged,
    BackupMissing,
    HomeError,
    LockHeld,
    UsageError,
)
from tws_maintenance.market_events.market_hours import clocks
from tws_maintenance.market_events.providers.closures import read_closures
from tws_maintenance.market_events.scope import resolve
from tws_maintenance.pipeline.dagster_process import PATIENCE_SECONDS, NotYetKnown, Observer
from tws_maintenance.pipeline.run_records import Audited, Materialized, RunView
from tws_maintenance.reports.apply_offer import ListReadiness, ProposalShelf, Readiness, readiness
from tws_maintenance.reports.catalog import ReportCatalog
from tws_maintenance.reports.list_results import promotable_tasks
from tws_maintenance.reports.schema import Report, TaskResult, Validation
from tws_maintenance.reports.status import EventsStatus, LatestReport, ListStatus, overview
from tws_maintenance.reports.store import find_report
from tws_maintenance.robot.portfolio import PortfolioCache
from tws_maintenance.runs.request import RunSpec

logger = logging.getLogger(__name__)


class Backend:
    """One home as the console sees it, for any number of threads.

    Raises:
        HomeError: Dagster's storage cannot be opened.
    """

    def __init__(self, home: Home, dagster_url: str) -> None:
        self.home = home
        self.dagster_url = dagster_url
        self.observer = Observer(home)
        self.observer.begin()  # it loads while the rest is made
        self.launcher = Launcher(home, self.observer)
        self._kept_status: Kept[responses.Status] = Kept()
        self.shelf = ReportCatalog(home)
        self.proposals = ProposalShelf(home)
        self.file_audits = FileAudits(home)
        self.portfolio = PortfolioCache()
        self._clocks: tuple[datetime, tuple[Venue, ...], list[responses.Venue]] | None = None
        self.observer.wait_until_open()
        self.launcher.close_dead()
        threading.Thread(target=self._warm, daemon=True).start()

    def close(self) -> None:
        """End Dagster's process; runs continue."""
        self.observer.close()

    @property
    def settings(self) -> Settings:
        """The settings of the home as they are now. Raises SettingsError."""
        return load_settings(self.home)

    def run_url(self, run_id: str | None) -> str | None:
        """Return the address of a run's page in Dagster."""
        return f"{self.dagster_url}/runs/{run_id}" if run_id else None

    def status(self, at: datetime | None = None, *, wait_seconds: float = 0.0) -> responses.Status:
        """Return what is fresh, what waits and what runs.

        It comes from the reports and files, unless Dagster has something newer from a run that is
        in progress or whose report was lost. Waits at most `wait_seconds` for the audit of a live
        file that has just changed.
        """
        return self.status_of(self.look(at, wait_seconds=wait_seconds), at)

    def look(
        self,
        at: datetime | None = None,
        *,
        wait_seconds: float = 0.0,
        patience: float | None = None,
    ) -> Look:
        """Return the current inputs of an answer.

        Waits for Dagster's process. If that is still starting, `patience` limits the wait to so
        many seconds; after them the look has `is_known` False.

        Raises:
            NotYetKnown: it did not start within a minute, and no `patience` was given.
        """
        settings = self.settings
        try:
            known, is_known = self.launcher.known(patience or PATIENCE_SECONDS), True
        except NotYetKnown:
            if patience is None:
                raise
            known, is_known = replace(self.observer.known_last(), running=()), False
        return Look(
            home=self.home,
            minute=(at or utc_now()).replace(second=0, microsecond=0),
            settings=settings,
            known=known,
            is_known=is_known,
            files=self.file_audits.audits(wait_seconds=wait_seconds),
            robot=self._robot(settings) if settings.robot.url else None,
        )

    def status_of(self, look: Look, at: datetime | None = None) -> responses.Status:
        """Return the status for `look`; it is made again only after a change."""

        def make() -> tuple[responses.Status, Iterable[Path]]:
            made = self._status(look, at or utc_now())
            return made, paths_of_status(self.home, made)

        return self._kept_status.get(look, make)

    def _status(self, look: Look, at: datetime) -> responses.Status:
        settings, known = look.settings, look.known
        found = overview(self.home, settings, at, self.shelf)
        lists = []
        for one in found.constituents:
            newer = self._newer_refresh(one, known.refreshes.get(one.task), settings, at)
            newer |= self._newer_audit(one, known.audits.get(one.task))
            fresh = one.model_copy(update=newer)
            more: JsonObject = {
                "file_audit": look.files.get(one.task, Validation()),
                "proposal": self._proposal(one.task, settings, at),
                "run_url": self.run_url(fresh.run_id),
            }
            lists.append(responses.ListStatus(**dict(fresh) | more))
        events, latest = found.market_events, found.latest_report
        return responses.Status(
            constituents=lists,
            market_events=responses.EventsStatus(**self._linked(events)),
            latest_report=responses.LatestReport(**self._linked(latest)) if latest else None,
            venues=self._venues(settings, at),
            running=[self.line(view) for view in known.running],
            robot=look.robot,
        )

    def _linked(self, value: EventsStatus | LatestReport) -> JsonObject:
        return dict(value) | {"run_url": self.run_url(value.run_id)}

    def _robot(self, settings: Settings) -> responses.Robot:
        """Return the robot as it last answered, without waiting for a newer answer."""
        found = self.portfolio.newest(settings.robot)
        is_known = found is not None and not found.problem
        return responses.Robot(
            url=str(settings.robot.url),
            problem=found.problem or None if found else None,
            positions=len(found.positions) if found and is_known else None,
            strategies=len(found.strategies) if found and is_known else None,
        )

    def _venues(self, settings: Settings, at: datetime) -> list[responses.Venue]:
        """Return the venues' clocks, read once a minute, because they show minutes."""
        minute = at.replace(second=0, microsecond=0)
        kept, venues = self._clocks, settings.maintained.venues
        if kept is None or kept[:2] != (minute, venues):
            closures = read_closures(self.home, settings)
            found = [
                responses.Venue.model_validate(one.to_dict())
                for one in clocks(venues, at, closures, self.observer.days_of)
            ]
            kept = self._clocks = (minute, venues, found)
        return kept[2]

    def forget_clocks(self) -> None:
        """Drop the venues' clocks, because the operators' closures changed."""
        self._clocks = None

    def _newer_refresh(
        self,
        one: ListStatus,
        newest: Materialized | None,
        settings: Settings,
        at: datetime,
    ) -> JsonObject:
        """Return the fields that a refresh in Dagster changes, {} unless it is the newest."""
        finished_at = str(newest.result.finished_at) if newest else ""
        is_sound = finished_at <= utc_text(at + CLOCK_TOLERANCE)
        if newest is None or not is_sound or finished_at <= (one.last_refreshed_at or ""):
            return {}
        if one.restored_at is not None:
            return {"last_refreshed_at": finished_at}
        limits = settings.of(index_of_task(one.task))
        return {
            "last_refreshed_at": finished_at,
            "source": newest.result.source,
            "stale": is_older(finished_at, limits.max_age_days, at),
        }

    def _newer_audit(self, one: ListStatus, audited: Audited | None) -> JsonObject:
        """Return the fields that an audit in Dagster changes, {} unless it is the newest."""
        if audited is None or audited.run_id == one.run_id:
            return {}
        last = self.shelf.last_result(one.task)
        if last is not None and (last[1].finished_at or "") >= audited.finished_at:
            return {}
        return {"validation": _validation_of(audited), "run_id": audited.run_id}

    def _proposal(self, task: str, settings: Settings, at: datetime) -> responses.Proposal | None:
        """Return the newest proposal of a list, None if there is no readable one."""
        state = self.proposals.newest_state(index_of_task(task), settings, at)
        if state is None or state.proposal is None:
            return None
        try:
            return _proposal_line(state, state.proposal)
        except ValidationError:  # an edited proposal.json must not keep the status from answering
            return None

    def running(self) -> list[responses.RunLine]:
        """Return the runs in progress, whoever started them, oldest first."""
        return [self.line(view) for view in self.launcher.running()]

    def line(self, view: RunView) -> responses.RunLine:
        """Return a run as `running[]` shows it."""
        return responses.RunLine(**dict(run_facts(view)), run_url=self.run_url(view.run_id))

    def report(self, report_id: str) -> Report | None:
        """Return a report, None if there is no readable one with that id."""
        return find_report(self.home, report_id)

    def last_result(self, task: str) -> TaskResult | None:
        """Return the newest result of a task that was tried, None without one."""
        last = self.shelf.last_result(task)
        report = self.report(last[0].report_id) if last else None
        return report.of(task) if report else None

    def readiness(self, report: Report, at: datetime | None = None) -> Readiness:
        """Return which lists of a dry run can be applied, and why the others cannot."""
        return readiness(self.home, self.settings, report, at or utc_now())

    def start(self, spec: RunSpec) -> str:
        """Start a run and return its id.

        Raises:
            ApiError: 400 for a malformed symbol or too many, 409 if a run is in progress.
            HomeError: the home is missing, for example because its disk is.
        """
        if not self.home.root.is_dir():
            raise HomeError(f"The home {self.home.root} is missing. Nothing was started.")
        settings = self.settings
        if MARKET_EVENTS in spec.tasks:
            try:
                resolve(self.home, settings, spec.symbols, many_symbols=spec.many_symbols)
            except UsageError as error:
                raise ApiError(400, "invalid_symbols", str(error)) from error
        return self.launcher.start(spec)

    def promotion(self, report_id: str, tasks: tuple[str, ...] | None) -> tuple[str, ...]:
        """Return the tasks that promoting a dry run would publish.

        Raises:
            ApiError: 404 without such a report, 409 if no list of it can be promoted.
        """
        report = self.report(report_id)
        if report is None:
            raise ApiError(404, "not_found", f"There is no readable report {report_id}.")
        try:
            wanted = promotable_tasks(
                self.home, self.settings.maintained, report_id, tuple(tasks or ())
            )
        except UsageError as error:
            raise ApiError(409, "nothing_staged", str(error)) from error
        ready = self.readiness(report)
        if not set(wanted) & set(ready.tasks_to_apply):
            lists = [one for one in ready.lists if one.task in wanted]
            reasons = "; ".join(f"{one.task}: {one.why.removesuffix('.')}" for one in lists)
            raise ApiError(
                409,
                _code_of(lists[0]) if lists else "nothing_staged",
                f"Nothing of {report_id} can be promoted now. {reasons}. Nothing was started. Make "
                "a dry run, look at it, and apply that.",
                responses.ProposalRefusals(proposals=[_refusal(one) for one in lists]),
            )
        return wanted

    def backup(self, task: str, backup: str) -> str:
        """Return the id of the backup that a restore would use.

        Raises:
            ApiError: 404 if no backup has that id, 409 if it is damaged.
        """
        try:
            named = None if backup == "newest" else backup
            chosen, _ = read_backup(self.home, index_of_task(task), named)
        except BackupDamaged as error:
            is_missing = isinstance(error, BackupMissing)
            status, code = (404, "not_found") if is_missing else (409, "damaged")
            raise ApiError(status, code, str(error)) from error
        return chosen

    def _warm(self) -> None:
        """Read ahead what the first requests need; they report any problem themselves."""
        try:
            self.status()
            self.observer.warm()
            self.shelf.warm()
        except Exception:  # a thread of its own: the first request meets the same error
            if not self.observer.is_closed:
                logger.warning("the console could not be warmed up", exc_info=True)


def _proposal_line(state: ProposalState, proposal: Proposal) -> responses.Proposal:
    changes = proposal.changes
    return responses.Proposal(
        proposal_id=state.proposal_id,
        report_id=proposal.report_id,
        state=state.state.value,
        why=state.why,
        created_at=proposal.created_at,
        before_count=proposal.before_count,
        after_count=proposal.after_count,
        added=changes.joined_count,
        removed=changes.left_count,
        renamed=len(changes.renamed),
        updated=len(changes.updated),
    )


def _code_of(one: ListReadiness) -> str:
    """Return the code of the answer for a list that cannot be applied."""
    is_waiting = one.found.verdict is Verdict.IN_PROMOTION
    return LockHeld.code if is_waiting else one.state.value


def _refusal(one: ListReadiness) -> responses.ProposalRefusal:
    return responses.ProposalRefusal(task=one.task, state=one.state.value, why=one.why)


def _validation_of(audited: Audited) -> Validation:
    warnings, errors = (
        [f"{check.name}: {check.message}" for check in audited.checks if check.outcome == outcome]
        for outcome in ("warned", "failed")
    )
    status = ValidationStatus.FAILED if errors else ValidationStatus.PASSED
    return Validation(status=status, warnings=warnings, errors=errors)
