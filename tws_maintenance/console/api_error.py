"""The console's refusals: one exception, one JSON shape."""

from pathlib import Path

from tws_maintenance.console.api.responses import (
    Detail,
    Error,
    Fault,
    RunFacts,
    RunInProgress,
)
from tws_maintenance.core.errors import (
    LockHeld,
    SettingsError,
    StorageFault,
    TwsMaintenanceError,
    UsageError,
)


class ApiError(Exception):
    """An answer of the 4xx family: `code` for programs, `message` for people, `detail` for both.

    `status` is the HTTP status; `detail` holds only what is safe to show.
    """

    def __init__(self, status: int, code: str, message: str, detail: Detail = None) -> None:
        super().__init__(message)
        self.status = status
        self.code = code
        self.message = message
        self.detail = detail

    def answer(self) -> Error:
        """Return the one error shape of the API."""
        return Error(error=Fault(code=self.code, message=self.message, detail=self.detail))


class Busy(ApiError):
    """A run that works on the same task is in progress; `detail` names it."""

    def __init__(self, running: RunFacts, tasks: list[str]) -> None:
        super().__init__(
            409,
            "run_in_progress",
            f"Run {running.run_id} works on {', '.join(tasks)} (started by "
            f"{running.actor}, {running.entry_point}). Nothing was started. Wait for it to "
            "end, then try again.",
            RunInProgress(running=running),
        )


def problem_of(error: TwsMaintenanceError) -> ApiError:
    """Return the answer for an error of the domain, whose message is meant for the operator."""
    if isinstance(error, UsageError) and not isinstance(error, SettingsError):
        return ApiError(400, "invalid_request", str(error))
    if isinstance(error, LockHeld):
        return ApiError(409, error.code, str(error))
    # The home, its settings or its database: every other request would fail as well.
    return ApiError(503, "unavailable", str(error))


def storage_problem(error: OSError | StorageFault) -> ApiError:
    """Return the answer for a fault of the disk or of a database, with its own reason."""
    if isinstance(error, StorageFault):
        reason = error.for_others
    else:
        name = f" ({Path(str(error.filename)).name})" if error.filename else ""
        reason = f"{error.strerror or type(error).__name__}{name}"
    return ApiError(
        503,
        "unavailable",
        f"The home or one of its databases cannot be read or written: {reason}. The lists are "
        "intact. Free some space, make the home writable, then try again; `doctor` checks both.",
    )
