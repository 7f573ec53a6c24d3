"""What pages and API share: the home, Dagster's instance, the reports, and the state of it all.

Knows no Flask. Settings are read again for every request, so that a corrected maintenance.toml
needs no restart; what is expensive (reports, Dagster's instance) is kept.
"""

import logging
import threading
from datetime import datetime
from typing import Any

from tws_maintenance.audit.results import ValidationStatus
from tws_maintenance.config.freshness import is_stale
from tws_maintenance.config.home import Home
from tws_maintenance.config.indices import MARKET_EVENTS, index_of_task
from tws_maintenance.config.settings import Settings, load_settings
from tws_maintenance.console.errors import ApiError
from tws_maintenance.console.file_audits import NOT_RUN, FileAudits
from tws_maintenance.console.launcher import Launcher, run_line
from tws_maintenance.constituents.backups import read_backup
from tws_maintenance.constituents.promotion import CLOCK_TOLERANCE
from tws_maintenance.core.clock import utc_now, utc_text
from tws_maintenance.core.errors import BackupDamaged, BackupMissing, HomeError, UsageError
from tws_maintenance.market_events.clocks import clocks
from tws_maintenance.market_events.model import Json
from tws_maintenance.market_events.providers.closures import read_closures
from tws_maintenance.market_events.scope import resolve
from tws_maintenance.pipeline import run_history as observe
from tws_maintenance.pipeline.instance import open_instance
from tws_maintenance.pipeline.run_history import RunView
from tws_maintenance.reports.catalog import ReportCatalog
from tws_maintenance.reports.readiness import ProposalShelf, Readiness, readiness
from tws_maintenance.reports.results import promotable_tasks
from tws_maintenance.reports.schema import is_whole
from tws_maintenance.reports.status import overview
from tws_maintenance.reports.store import is_refresh, read_report, results_of
from tws_maintenance.robot.portfolio import PortfolioCache
from tws_maintenance.runs.run_spec import RunSpec

logger = logging.getLogger(__name__)


class Backend:
    """One home as the console sees it, for any number of threads.

    Raises:
        HomeError: Dagster's storage cannot be opened.
    """

    def __init__(self, home: Home, dagster_url: str) -> None:
        self.home = home
        self.dagster_url = dagster_url
        self.instance = open_instance(home)
        self.launcher = Launcher(home, self.instance)
        self.shelf = ReportCatalog(home)
        self.proposals = ProposalShelf(home)
        self.file_audits = FileAudits(home)
        self.portfolio = PortfolioCache()
        self._clocks: tuple[datetime, list[Json]] | None = None
        self.launcher.close_dead()
        threading.Thread(target=self._warm, daemon=True).start()

    def close(self) -> None:
        """Let go of Dagster's storage; runs go on."""
        self.instance.dispose()

    @property
    def settings(self) -> Settings:
        """The settings of the home as they are now. Raises SettingsError."""
        return load_settings(self.home)

    def run_url(self, run_id: str | None) -> str | None:
        """Return where Dagster's own page of a run is."""
        return f"{self.dagster_url}/runs/{run_id}" if run_id else None

    def status(self, at: datetime | None = None, *, wait_seconds: float = 0.0) -> dict[str, Any]:
        """Return {constituents[], market_events, latest_report, venues[], running[]}.

        And `robot`, where there is one. From the reports and files, unless Dagster knows of
        something newer: a run that is at work just now, or whose report was lost. The audit of a
        live file that has just changed is waited for so long.
        """
        at, settings = at or utc_now(), self.settings
        value = overview(self.home, settings, at, self.shelf)
        refreshed = observe.refreshes(self.instance, is_refresh)
        audits = observe.audits(self.instance)
        files = self.file_audits.audits(wait_seconds=wait_seconds)
        for one in value["constituents"]:
            self._add_refresh(one, refreshed.get(one["task"]), settings, at)
            self._add_audit(one, audits.get(one["task"]))
            one["file_audit"] = files.get(one["task"], NOT_RUN)
            one["proposal"] = self._proposal(one["task"], settings, at)
            one["run_url"] = self.run_url(one["run_id"])
        for one in (value["market_events"], value["latest_report"]):
            if one is not None:
                one["run_url"] = self.run_url(one["run_id"])
        value |= {"venues": self._venues(at), "running": self.running()}
        return value | ({"robot": self._robot(settings)} if settings.robot.url else {})

    def _robot(self, settings: Settings) -> dict[str, Any]:
        """Return what is known of the robot just now; it is never waited for."""
        found = self.portfolio.newest(settings.robot)
        is_known = found is not None and not found.problem
        return {
            "url": settings.robot.url,
            "problem": found.problem or None if found else None,
            "positions": len(found.positions) if found and is_known else None,
            "strategies": len(found.strategies) if found and is_known else None,
        }

    def _venues(self, at: datetime) -> list[Json]:
        """Return the venues' clocks; they show minutes, so that they are read once a minute."""
        minute = at.replace(second=0, microsecond=0)
        kept = self._clocks
        if kept is None or kept[0] != minute:
            closures = read_closures(self.home, self.settings)
            kept = self._clocks = (minute, [one.to_dict() for one in clocks(at, closures)])
        return kept[1]

    def forget_clocks(self) -> None:
        """Let the venues' clocks be read anew: the operator knows of another closure."""
        self._clocks = None

    def _add_refresh(
        self,
        one: dict[str, Any],
        newest: observe.Materialized | None,
        settings: Settings,
        at: datetime,
    ) -> None:
        """Let a refresh that Dagster recorded win where it is newer than any report."""
        finished_at = str(newest.result["finished_at"]) if newest else ""
        is_sound = finished_at <= utc_text(at + CLOCK_TOLERANCE)
        if newest and is_sound and finished_at > (one["last_refreshed_at"] or ""):
            one["last_refreshed_at"] = finished_at
            if one["restored_at"] is None:
                one["source"] = newest.result["source"]
                limits = settings.of(index_of_task(one["task"]))
                one["stale"] = is_stale(finished_at, limits, at)

    def _add_audit(self, one: dict[str, Any], audited: observe.Audited | None) -> None:
        """Let an audit that Dagster recorded win where it is newer than any report."""
        if audited is None or audited.run_id == one["run_id"]:
            return
        last = self.shelf.last_result(one["task"])
        if last is None or (last[1].finished_at or "") < audited.finished_at:
            one["validation"] = _validation_of(audited)
            one["run_id"] = audited.run_id

    def _proposal(self, task: str, settings: Settings, at: datetime) -> dict[str, Any] | None:
        """Return the newest proposal of a list with its state, None where there is none."""
        state = self.proposals.newest_state(index_of_task(task), settings, at)
        if state is None or state.proposal is None:
            return None
        changes = state.proposal.changes
        return {
            "proposal_id": state.proposal_id,
            "report_id": state.proposal.report_id,
            "state": state.state.value,
            "why": state.why,
            "created_at": state.proposal.created_at,
            "before_count": state.proposal.before_count,
            "after_count": state.proposal.after_count,
            "added": len(changes.added) - len(changes.renamed),
            "removed": len(changes.removed) - len(changes.renamed),
            "renamed": len(changes.renamed),
            "updated": len(changes.updated),
        }

    def running(self) -> list[dict[str, Any]]:
        """Return the runs in progress, whoever started them, oldest first."""
        return [self.line(view) for view in self.launcher.running()]

    def line(self, view: RunView) -> dict[str, Any]:
        """Return a run as `running[]` shows it."""
        return {**run_line(view), "run_url": self.run_url(view.run_id)}

    def report(self, report_id: str) -> dict[str, Any] | None:
        """Return a report, None where there is no whole one of that id."""
        try:
            report = read_report(self.home, report_id)
        except (OSError, ValueError, UsageError):
            return None
        return report if is_whole(report) else None

    def last_result(self, task: str) -> dict[str, Any]:
        """Return the newest result that says something of a task, {} where there is none."""
        last = self.shelf.last_result(task)
        report = self.report(last[0].report_id) if last else None
        return next((one for one in results_of(report or {}) if one.get("task") == task), {})

    def readiness(self, report: dict[str, Any], at: datetime | None = None) -> Readiness:
        """Return which lists of a dry run can be applied, and why the others cannot."""
        return readiness(self.home, self.settings, report, at or utc_now())

    def start(self, spec: RunSpec) -> str:
        """Start a run and return its id.

        Raises:
            ApiError: 400 for symbols that are none or too many, 409 where a run is in progress.
            HomeError: the home is gone, such as with the disk that it lay on.
        """
        if not self.home.root.is_dir():
            raise HomeError(f"{self.home.root} is no folder any more. Nothing was started.")
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
            ApiError: 404 without such a report, 409 where nothing of it can be promoted.
        """
        report = self.report(report_id)
        if report is None:
            raise ApiError(404, "not_found", f"There is no readable report {report_id}.")
        try:
            wanted = promotable_tasks(self.home, report_id, tuple(tasks or ()))
        except UsageError as error:
            raise ApiError(409, "nothing_staged", str(error)) from error
        ready = self.readiness(report)
        if not set(wanted) & set(ready.tasks_to_apply):
            lists = [one for one in ready.lists if one.task in wanted]
            told = "; ".join(f"{one.task}: {one.why}" for one in lists)
            raise ApiError(
                409,
                str(lists[0].state.value) if lists else "nothing_staged",
                f"Nothing of {report_id} can be promoted now. {told}. Nothing was started. Run a "
                "dry run, look at it, and apply that.",
                {"proposals": [_ready_line(one) for one in lists]},
            )
        return wanted

    def backup(self, task: str, backup: str) -> str:
        """Return the id of the backup that a restore would take.

        Raises:
            ApiError: 404 where there is none of that id, 409 where it is damaged.
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
        """Read what the first requests would otherwise wait for; they tell what is wrong."""
        try:
            self.status()
            self.launcher.warm()
            self.shelf.warm()
        except Exception:  # a thread of its own: whatever it is, a request meets it again
            logger.warning("the console could not be warmed up", exc_info=True)


def _ready_line(one: Any) -> dict[str, Any]:
    return {"task": one.task, "state": one.state.value, "why": one.why}


def _validation_of(audited: observe.Audited) -> dict[str, Any]:
    told = {
        outcome: [f"{c.name}: {c.message}" for c in audited.checks if c.outcome == outcome]
        for outcome in ("warned", "failed")
    }
    status = ValidationStatus.FAILED if told["failed"] else ValidationStatus.PASSED
    return {"status": status.value, "warnings": told["warned"], "errors": told["failed"]}
