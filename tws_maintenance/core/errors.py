"""The exception tree: one class for each kind of failure an operator must distinguish.

Every message names what was checked, what was found, what was expected and what to do next,
because it is shown as it stands in the report, on the terminal and in the asset check.
"""


class TwsMaintenanceError(Exception):
    """Anything this project refuses or fails at, with a message meant for the operator."""


class UsageError(TwsMaintenanceError):
    """The caller asked for something that does not exist; nothing was started."""


class SettingsError(UsageError):
    """maintenance.toml or the environment holds an unknown key or a bad value."""


class HomeError(TwsMaintenanceError):
    """A folder of the home cannot be written, so nothing may be replaced."""


class SourceError(TwsMaintenanceError):
    """No usable answer came from a source, which never means "no data".

    `status` is the HTTP status where there was an answer.
    """

    status: int | None = None


class SourceUnreachable(SourceError):
    """A passing fault: timeout, dropped or truncated answer, 429, 5xx. Worth another try."""

    def __init__(self, message: str, *, retry_after: float | None = None) -> None:
        super().__init__(message)
        self.retry_after = retry_after


class SourceRefused(SourceError):
    """A final answer: 403, 404, another host, too large. Asking again would only annoy."""


class PageChanged(SourceError):
    """The source answered, but what it sent no longer looks like itself."""


class RobotError(TwsMaintenanceError):
    """The trading robot could not be asked, which never means that it holds nothing."""


class RobotUnreachable(RobotError):
    """It did not answer, or not in time."""


class RobotRefused(RobotError):
    """It refused the login or the call: the status was not 200."""


class RobotChanged(RobotError):
    """It answered in an unexpected form."""


class StorageFault(TwsMaintenanceError):
    """Dagster's storage cannot be read or written.

    The message is the database's own reason; `for_others` is what a client may read of it: a
    server's own words name its host and user.
    """

    def __init__(self, reason: str, for_others: str) -> None:
        super().__init__(reason)
        self.for_others = for_others


class LiveFileError(TwsMaintenanceError):
    """The live file exists but cannot be read as a list of members."""


class HistoryError(TwsMaintenanceError):
    """The membership history cannot be read, so it cannot be continued either."""


class StoreError(TwsMaintenanceError):
    """The database of events cannot be read or written, or is not ours to write."""


class BackupDamaged(TwsMaintenanceError):
    """A backup is not what its SHA256SUMS says, or is not there at all."""


class BackupMissing(BackupDamaged):
    """There is no such backup."""


class AuditFailed(TwsMaintenanceError):
    """The audit could not run to its end, so the list or the events have not passed it."""


class PromotionFailed(TwsMaintenanceError):
    """Replacing the live file failed.

    `changed` is true where the new list is in place all the same. `backup_path` (relative to the
    home) is the backup that was made before it failed.
    """

    def __init__(
        self, message: str, *, changed: bool = False, backup_path: str | None = None
    ) -> None:
        super().__init__(message)
        self.changed = changed
        self.backup_path = backup_path


class Refusal(TwsMaintenanceError):
    """A promotion that would be unsafe; `code` is the machine-readable reason."""

    code = "refused"


class ProposalMissing(Refusal):
    """There is no proposal to promote."""

    code = "missing"


class ProposalUnaudited(Refusal):
    """The receipt is absent, failed, or is for other bytes."""

    code = "unaudited"


class ProposalUsed(Refusal):
    """The proposal was promoted before."""

    code = "used"


class ProposalTooOld(Refusal):
    """The proposal is older than the setting allows."""

    code = "too_old"


class ProposalOutdated(Refusal):
    """The live file is not the one that the proposal was compared with."""

    code = "stale"


class LockHeld(Refusal):
    """Another run holds the lock of this index."""

    code = "lock_held"
