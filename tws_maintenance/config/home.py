"""Every path of a home. No other module builds one.

A home is the folder that is maintained: a checkout of this project, a TWS Robot checkout, or
any folder. Nothing here touches the disk but `find_home`, which looks for workspace.yaml.
"""

import os
from dataclasses import dataclass
from pathlib import Path

HOME_VARIABLE = "TWS_MAINTENANCE_HOME"


@dataclass(frozen=True)
class Home:
    """The folder that is maintained, and where everything lies in it."""

    root: Path

    @property
    def data(self) -> Path:
        """Live files, staging, backups, history."""
        return self.root / "data"

    @property
    def staging(self) -> Path:
        """One folder a proposal."""
        return self.data / "staging"

    @property
    def backups(self) -> Path:
        """One folder a run that replaced something."""
        return self.data / "backups" / "constituents"

    @property
    def history(self) -> Path:
        """Membership over time, one file an index."""
        return self.data / "history"

    @property
    def reports(self) -> Path:
        """One JSON and one Markdown file a run."""
        return self.root / "reports" / "maintenance"

    @property
    def report_index(self) -> Path:
        """What each report says in short; made again where it is missing."""
        return self.reports / ".index"

    @property
    def dagster(self) -> Path:
        """The DAGSTER_HOME of this home, unless the environment sets one."""
        return self.root / ".dagster"

    @property
    def locks(self) -> Path:
        """Our own locks, also where DAGSTER_HOME is elsewhere."""
        return self.dagster / "locks"

    @property
    def logs(self) -> Path:
        """The output of the runs that the console started, one file a run, and the notices.

        Not `logs`: whatever lies in DAGSTER_HOME/logs, Dagster's webserver and daemon send to its
        makers as telemetry and remove, also where telemetry is switched off.
        """
        return self.dagster / "run_logs"

    @property
    def settings_file(self) -> Path:
        """Optional, only read."""
        return self.root / "maintenance.toml"

    @property
    def market_events(self) -> Path:
        """The SQLite database of events, unless a database URL is set."""
        return self.data / "market_events.db"

    @property
    def watchlist(self) -> Path:
        """The symbols that the operator watches beside the portfolio."""
        return self.data / "watchlist.csv"

    @property
    def live_audits(self) -> Path:
        """What the audit of each live file came to; made again if it is missing."""
        return self.locks / "live_audits.json"

    def live_file(self, index_key: str) -> Path:
        """Return the published list of an index."""
        return self.data / f"{index_key}_constituents.csv"

    def generation_file(self, index_key: str) -> Path:
        """Return the stamp that changes with every promotion; what caches watch."""
        return self.data / f".generation_{index_key}"

    def membership_file(self, index_key: str) -> Path:
        """Return who was a member from when to when."""
        return self.history / f"{index_key}_membership.csv"

    def proposal(self, proposal_id: str) -> Path:
        """Return the folder of one proposal."""
        return self.staging / proposal_id

    def relative(self, path: Path) -> str:
        """Return `path` relative to the home with `/`, as reports write it."""
        return path.relative_to(self.root).as_posix()


def find_home(named: str | Path | None = None) -> Home:
    """Return the home: as named, else TWS_MAINTENANCE_HOME, else the checkout, else here.

    The checkout is the nearest folder, from the current one upwards, whose workspace.yaml names
    this project; then the folder that this package was checked out into.
    """
    chosen = named or os.environ.get(HOME_VARIABLE)
    if chosen:
        return Home(Path(chosen).expanduser().resolve())
    here = Path.cwd()
    for folder in (here, *here.parents, Path(__file__).resolve().parents[2]):
        if is_checkout(folder):
            return Home(folder)
    return Home(here)


def is_checkout(folder: Path) -> bool:
    """Return whether `folder` is a checkout of this project."""
    try:
        return "tws_maintenance" in (folder / "workspace.yaml").read_text(encoding="utf-8")
    except (OSError, UnicodeDecodeError):
        return False
