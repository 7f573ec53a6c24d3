"""The steps of a run that concern market events, where the robot's own service keeps them.

Staging looks at what it has and changes nothing; applying asks it to refresh and waits for the
end. What it stores it stores by itself: there is nothing of it that we could hold back.
"""

from tws_maintenance.audit.run_context import RunContext
from tws_maintenance.config.home import Home
from tws_maintenance.config.settings import RobotSettings
from tws_maintenance.market_events import robot_service as service
from tws_maintenance.market_events.model import Window
from tws_maintenance.market_events.robot_events import write_look
from tws_maintenance.market_events.scope import Scope
from tws_maintenance.reports.robot_events import describe_look, describe_refresh
from tws_maintenance.reports.schema import EventsResult
from tws_maintenance.robot.client import RobotClient


class RobotEvents:
    """The robot's service in one run."""

    def __init__(self, home: Home, settings: RobotSettings, scope: Scope, window: Window) -> None:
        self._home = home
        self._settings = settings
        self._scope = scope
        self._window = window
        self._client = RobotClient(settings)
        self._said: list[str] = []

    def stage(self, result: EventsResult, mark: RunContext) -> str:
        """Look at what the robot has, write it down for the audit and return the proposal's id.

        Raises:
            RobotError: it could not be asked.
        """
        found = service.look(self._client, self._window)
        self._said = describe_look(result, found, self._scope, self._settings.url)
        return self._staged(result, found, mark, before_count=len(found.ours))

    def apply(self, result: EventsResult, mark: RunContext) -> str:
        """Have the robot refresh and stage what it has then, for the audit to judge.

        Raises:
            RobotError: it could not be asked, or was refreshing already.
        """
        seconds = self._settings.refresh_seconds
        done = service.refresh(self._client, self._window, seconds=seconds)
        # What the look had to say is of the refresh before this one.
        result.warnings = [text for text in result.warnings if text not in self._said]
        describe_refresh(result, done, self._scope, self._settings.url)
        return self._staged(result, done.after, mark, before_count=len(done.before.ours))

    def _staged(
        self, result: EventsResult, found: service.Look, mark: RunContext, *, before_count: int
    ) -> str:
        proposal = write_look(self._home, found, mark, before_count=before_count)
        result.proposal_id, result.proposal_sha256 = proposal.proposal_id, proposal.sha256
        return proposal.proposal_id
