"""Homes as an operator finds them: each scene is made of real runs on pages of invented companies.

What belongs here: the scenes that the page has to show well. What does not: what it shows of them.
A scene begins with `begin`, on a new home or on a copy of one where `apply_everything` was played.
"""

from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from datetime import datetime, timedelta
from typing import Any

from tws_maintenance.config.home import Home
from tws_maintenance.config.indices import INDICES, MARKET_EVENTS
from tws_maintenance.config.settings import load_settings
from tws_maintenance.core.clock import utc_now, utc_text
from tws_maintenance.demo.official import es3, hang_seng, ishares, spy, tracker
from tws_maintenance.demo.pages import Company, companies, page
from tws_maintenance.demo.server import SOURCE_URLS, PageServer
from tws_maintenance.market_events.model import PROVIDERS, Event, EventType, SyncLog
from tws_maintenance.market_events.store.event_store import EventStore
from tws_maintenance_tests.console.support import run_here
from tws_maintenance_tests.market_events.store_support import NEW_YORK, sync_log
from tws_maintenance_tests.reports.shelf import filed, result
from tws_maintenance_tests.support import write_live

HELD = companies("sp500")[9].ticker.replace(".", "-")
HOLIDAY = Event(
    EventType.MARKET_HOLIDAY,
    "XNYS",
    "A day off",
    utc_now().date() + timedelta(days=12),
    NEW_YORK,
)
PROVIDER = {
    "provider": "calendars",
    "status": "success",
    "fetched": 12,
    "new": 2,
    "changed": 0,
    "unchanged": 10,
    "stale": 0,
    "error_message": None,
}
Scene = Callable[["Stage"], None]


@dataclass
class Stage:
    """An empty home and the pages that its runs read."""

    home: Home
    web: PageServer

    def serve(self, key: str, members: Sequence[Company]) -> None:
        """Have every source of an index list `members`, as of yesterday."""
        day = utc_now().date() - timedelta(days=1)
        makers = {
            "sp500": {"spy": spy, "ivv": ishares},
            "sti": {"es3": es3},
            "hsi": {"hang_seng": hang_seng, "tracker2800": tracker, "ishares3115": ishares},
        }[key]
        self.web.pages[key] = page(key, members)
        self.web.pages |= {f"{key}_{name}": make(members, day) for name, make in makers.items()}

    def settings(self, more: str = "") -> None:
        """Write settings that name the server as every source."""
        urls = [f'{name.lower()} = "{self.web.origin}"' for name in SOURCE_URLS]
        text = "\n".join([more, "[http]", "backoff = 0", *urls, ""])
        self.home.settings_file.write_text(text)

    def run(self, *tasks: str, dry_run: bool = True, **asked: Any) -> str:
        """Run `tasks` (all lists unless named) without Dagster and return the report's id."""
        return str(run_here(self.home, *tasks, dry_run=dry_run, **asked)["report_id"])

    def sync(self) -> None:
        """Note that market events were refreshed well, a moment ago, and file its report."""
        at = utc_now()
        with EventStore(self.home, load_settings(self.home)) as store:
            store.prepare()
            with store.transaction() as writer:
                for name in PROVIDERS:
                    writer.log(_log_of(name, at))
                writer.insert("calendars", [HOLIDAY], at, set())
        done = result(MARKET_EVENTS, providers=[PROVIDER], finished_at=utc_text(at))
        filed(self.home, done, at=at)


def _log_of(provider: str, at: datetime) -> SyncLog:
    return sync_log(
        provider=provider,
        sync_started_at=at,
        sync_finished_at=at,
        window_start_utc=at,
        window_end_utc=at + timedelta(days=40),
        status="success",
        error_count=0,
        error_message="",
        detail={},
    )


def begin(stage: Stage) -> None:
    """Serve every list as it is, and name the server in the settings."""
    for key in INDICES:
        stage.serve(key, companies(key))
    stage.settings()


def apply_everything(stage: Stage) -> None:
    """Apply all lists and refresh the events; a dry run since finds no change."""
    begin(stage)
    for key, index in INDICES.items():
        write_live(stage.home, index, companies(key)[1:])
    stage.run(dry_run=False)
    stage.sync()
    stage.run()


def nothing_to_do(_stage: Stage) -> None:
    """Everything was applied, and nothing happened since."""


def three_large_changes(stage: Stage) -> None:
    """68 members join and 47 leave; the changes of the STI and the HSI are too large."""
    _change(stage, "sp500", joined=45, left=35)
    _change(stage, "sti", joined=9, left=4)
    _change(stage, "hsi", joined=14, left=8)
    now = companies("sp500")
    stage.settings(
        f'[events]\npositions = ["{now[-1].ticker.replace(".", "-")}"]\n'
        f'strategies = {{momentum = ["ZAC"]}}\n'
    )
    stage.home.watchlist.parent.mkdir(parents=True, exist_ok=True)
    stage.home.watchlist.write_text("symbol,added_at\nZAF,2026-11-01T00:00:00Z\n")
    stage.sync()
    stage.run()


def _change(stage: Stage, key: str, *, joined: int, left: int) -> None:
    """Let the live file lack the last `joined` members, and list `left` that are none any more."""
    now = companies(key)
    former = [
        replace(now[n], ticker=str(9900 + n) if key == "hsi" else _left(n), name=f"Leaver {n} plc")
        for n in range(left)
    ]
    write_live(stage.home, INDICES[key], [*now[:-joined], *former])


def _left(number: int) -> str:
    return f"Z{chr(65 + number // 26)}{chr(65 + number % 26)}"


def one_source_down(stage: Stage) -> None:
    """The page of the S&P 500 is down and the funds agree; the STI has one source left."""
    _change(stage, "sp500", joined=2, left=1)
    del stage.web.pages["sp500"], stage.web.pages["sti_es3"]
    stage.run()


def upcoming_change_of_a_held_symbol(stage: Stage) -> None:
    """A held member leaves in ten days; nothing differs today."""
    stage.settings(f'[events]\npositions = ["{HELD}"]\n')
    stage.run()


def broken_file(stage: Stage) -> None:
    """Somebody broke the file of the HSI."""
    path = stage.home.live_file("hsi")
    path.write_text(path.read_text().replace(".HK", ".XX"))


def empty_home(_stage: Stage) -> None:
    """Nothing was ever run."""


def _by_name(*scenes: Scene) -> dict[str, Scene]:
    return {one.__name__: one for one in scenes}


ON_A_NEW_HOME = _by_name(three_large_changes, empty_home)
AFTER_AN_APPLY = _by_name(
    nothing_to_do, one_source_down, upcoming_change_of_a_held_symbol, broken_file
)
