"""The audit of the live files, done by another process to keep the console small.

pandas and pandera take 60 MB, and the console needs them for nothing else. So the command `status`
does the audit in a separate process, only after a change that no remembered audit covers
(`reports/live_audits.py`). Until it has answered, the audit counts as not run.
"""

import logging
import subprocess
import sys
import threading
import time
from typing import Any

from tws_maintenance.config.environment import child_environment
from tws_maintenance.config.home import HOME_VARIABLE, Home
from tws_maintenance.config.indices import DECLARED
from tws_maintenance.config.settings import load_settings
from tws_maintenance.core.errors import SettingsError
from tws_maintenance.reports.catalog import mark_of
from tws_maintenance.reports.live_audits import remembered_audits
from tws_maintenance.reports.schema import Validation
from tws_maintenance.reports.status import HomeStatus

SECONDS = 60.0
logger = logging.getLogger(__name__)


class FileAudits:
    """The newest audit of each live file of one home, for any number of threads."""

    def __init__(self, home: Home) -> None:
        self._home = home
        self._lock = threading.Lock()
        self._marks: Any = None
        self._audits: dict[str, Validation] = {}
        self._thread: threading.Thread | None = None

    def audits(self, *, wait_seconds: float = 0.0) -> dict[str, Validation]:
        """Return the audits by task; a task is missing while its audit runs.

        Waits for them at most `wait_seconds`.
        """
        until = time.monotonic() + wait_seconds
        while True:
            marks = self._marks_now()
            with self._lock:
                if marks == self._marks:
                    return self._audits
                if self._thread is None:
                    self._thread = threading.Thread(target=self._look, args=(marks,), daemon=True)
                    self._thread.start()
                thread = self._thread
            left = until - time.monotonic()
            if left <= 0:
                return {}
            # The audit may have begun before the last change; then another one follows.
            thread.join(left)

    def _marks_now(self) -> Any:
        """Return a value that changes whenever the outcome of an audit may change."""
        paths = [self._home.settings_file, self._home.backups]
        for key in DECLARED:
            paths += [self._home.live_file(key), self._home.generation_file(key)]
        return tuple(mark_of(path) for path in paths)

    def _look(self, marks: Any) -> None:
        found = None
        try:
            found = remembered_audits(self._home, load_settings(self._home)) or self._ask()
        except (OSError, ValueError, SettingsError, subprocess.SubprocessError):
            logger.exception("the live files could not be audited")
        with self._lock:
            self._thread = None
            # Else the next request tries again. What was audited may be gone, and the files again
            # those of the audit before.
            if found is not None and marks == self._marks_now():
                self._audits, self._marks = found, marks

    def _ask(self) -> dict[str, Validation]:
        command = [sys.executable, "-m", "tws_maintenance", "status", "--json"]
        environment = {**child_environment(), HOME_VARIABLE: str(self._home.root)}
        done = subprocess.run(
            command,
            env=environment,
            cwd=self._home.root,
            capture_output=True,
            timeout=SECONDS,
            check=True,
        )
        lists = HomeStatus.model_validate_json(done.stdout).constituents
        return {one.task: one.file_audit for one in lists if one.file_audit}
