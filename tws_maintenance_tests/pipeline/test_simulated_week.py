"""Weeks with holidays, hour by hour, with a clock of the test's own: every launch is counted.

Each tick is the sensor's own; what it asks for leaves what a real run leaves. In between an
operator, or the setting, applies what waits.
"""

from collections import Counter
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta

import dagster as dg
import pytest

from tws_maintenance.config.home import Home
from tws_maintenance.config.indices import INDICES, MARKET_EVENTS
from tws_maintenance.demo.pages import Company, companies
from tws_maintenance.pipeline.sensors import offpeak_tick
from tws_maintenance_tests.constituents.bench import configure, with_one
from tws_maintenance_tests.defaults import MAINTAINED
from tws_maintenance_tests.unattended import KEYS, applied, dry_run, ended, refreshed, synced

HOUR = timedelta(hours=1)
THANKSGIVING_WEEK = datetime(2026, 11, 23, tzinfo=UTC)
# National Day, 1 October, is a holiday in Hong Kong alone.
NATIONAL_DAY_WEEK = datetime(2026, 9, 28, tzinfo=UTC)
SP500, STI, HSI = (index.task for index in INDICES.values())
EVERY_LIST = f"{SP500} {STI} {HSI}"


@dataclass
class Week:
    """A home whose hours go by; `launches` and `skips` are what the sensor did, by instant."""

    home: Home
    pages: Mapping[str, list[Company]]
    unreachable: frozenset[str] = frozenset()
    launches: list[tuple[str, str]] = field(default_factory=list)
    skips: list[tuple[str, str]] = field(default_factory=list)
    looked: list[str] = field(default_factory=list)
    instance: dg.DagsterInstance = field(default_factory=dg.DagsterInstance.ephemeral)

    def goes_by(self, first: datetime, hours: int = 168) -> Iterator[datetime]:
        """Tick every hour and yield the instant, so that others can act as well."""
        for number in range(hours):
            at = first + number * HOUR
            self._tick(at)
            yield at + HOUR / 2

    def _tick(self, at: datetime) -> None:
        done = offpeak_tick(self.home, self.instance, at, MAINTAINED)
        name = f"{at:%a %H:%M}"
        if done.skip_reason:
            assert not done.run_requests
            self.skips.append((name, str(done.skip_reason.skip_message)))
        for request in done.run_requests or []:
            config = request.run_config["resources"]["report"]["config"]
            self.launches.append((name, f"{request.job_name}: {' '.join(config['tasks'])}"))
            if config["report_id"]:
                applied(self.home, config["report_id"], at, config["tasks"])
            else:
                self._look(config["tasks"], at)

    def _look(self, tasks: list[str], at: datetime) -> None:
        good = {KEYS[one]: self.pages[KEYS[one]] for one in tasks if one in KEYS}
        good = {key: one for key, one in good.items() if key not in self.unreachable}
        bad = [task for task in tasks if KEYS.get(task) in self.unreachable]
        if good:
            self.looked.append(dry_run(self.home, good, at))
        if bad:
            ended(self.home, at, *bad)
        if MARKET_EVENTS in tasks:
            synced(self.home, at, dry_run=True)


@pytest.fixture
def week(home: Home) -> Week:
    """A week that begins on a Monday, three days after the last refresh of everything."""
    pages = {key: companies(key) for key in INDICES}
    return Week(home, pages)


def fresh(home: Home, monday: datetime) -> None:
    """Refresh everything on the Friday before, after New York's close."""
    friday = monday - timedelta(days=3) + 22 * HOUR
    refreshed(home, friday)
    synced(home, friday, dry_run=False)


def reasons(week: Week, name: str) -> Counter[str]:
    """Return how many hours each kind of reason held for a task, by its words."""
    parts = [part for _, text in week.skips for part in text.split(". ")]
    told = [one.partition(": ")[2] for one in parts if one.startswith(f"{name}: ")]
    return Counter(_kind(text) for text in told)


def _kind(text: str) -> str:
    kinds = ("is open", "at lunch", "waits to be applied", "shows what", "refreshed")
    return next(kind for kind in kinds if kind in text)


def test_a_week_with_thanksgiving_and_a_half_day(week: Week) -> None:
    fresh(week.home, THANKSGIVING_WEEK)
    week.pages = {**week.pages, "sp500": with_one(INDICES["sp500"], name="Renamed Inc.")}
    for at in week.goes_by(THANKSGIVING_WEEK):
        # An operator looks at what waits since the night, and applies it; then he goes away.
        if f"{at:%a %H:%M}" == "Tue 12:30":
            applied(week.home, week.looked[-1], at)
    assert week.launches == [
        # Three days after the refresh of Friday at 22:00, with all markets closed.
        ("Mon 23:00", f"dry_run_all: {EVERY_LIST} {MARKET_EVENTS}"),
        # The lists are fresh from Tuesday to Friday; the events, which a dry run cannot refresh
        # and nobody did, are looked at once a day.
        ("Tue 23:00", f"dry_run_all: {MARKET_EVENTS}"),
        ("Wed 23:00", f"dry_run_all: {MARKET_EVENTS}"),
        ("Thu 23:00", f"dry_run_all: {MARKET_EVENTS}"),
        # Before New York opens for its half day. What nobody applies expires after a day.
        ("Fri 13:00", f"dry_run_constituents: {EVERY_LIST}"),
        ("Fri 23:00", f"dry_run_all: {MARKET_EVENTS}"),
        ("Sat 14:00", f"dry_run_constituents: {EVERY_LIST}"),
        ("Sat 23:00", f"dry_run_all: {MARKET_EVENTS}"),
        ("Sun 15:00", f"dry_run_constituents: {EVERY_LIST}"),
        ("Sun 23:00", f"dry_run_all: {MARKET_EVENTS}"),
    ]
    assert len(week.launches) + len(week.skips) == 168
    # New York: not a minute on Thursday, and on Friday until 18:00.
    shut = [name for name, text in week.skips if "S&P 500" in text and "New York is open" in text]
    assert [one for one in shut if one[:3] in ("Thu", "Fri")] == [
        f"Fri {hour}:00" for hour in (15, 16, 17)
    ]
    assert reasons(week, "S&P 500") == {"refreshed": 92, "waits to be applied": 63, "is open": 3}
    assert sum(reasons(week, "market events").values()) == 158


def test_a_week_in_which_only_hong_kong_has_a_holiday(week: Week) -> None:
    fresh(week.home, NATIONAL_DAY_WEEK - timedelta(days=7))
    configure(week.home, "[events]\nmax_age_days = 30\n[proposals]\nmax_age_hours = 1\n")
    # Thursday, 02:30 UTC: Singapore is open, Hong Kong is not.
    for _ in week.goes_by(NATIONAL_DAY_WEEK + timedelta(days=3) + 2 * HOUR, hours=5):
        pass
    assert week.launches == [("Thu 02:00", f"dry_run_constituents: {SP500} {HSI}")]
    held = [text for _, text in week.skips if "Singapore is open" in text or "at lunch" in text]
    assert len(held) == 4
    assert not any("Hong Kong" in text for text in held)


def test_a_source_that_is_down_is_tried_again_after_hours_and_the_others_are_not(
    week: Week,
) -> None:
    fresh(week.home, THANKSGIVING_WEEK)
    synced(week.home, THANKSGIVING_WEEK, dry_run=False)
    week.unreachable = frozenset({"sp500"})
    saturday = THANKSGIVING_WEEK + timedelta(days=5)
    for _ in week.goes_by(saturday, hours=24):
        pass
    alone = f"dry_run_constituents: {SP500}"
    assert week.launches == [
        ("Sat 00:00", f"dry_run_all: {EVERY_LIST} {MARKET_EVENTS}"),
        ("Sat 06:00", alone),
        ("Sat 12:00", alone),
        ("Sat 18:00", alone),
    ]


def test_a_week_without_anybody_costs_one_dry_run_a_day(week: Week) -> None:
    week.pages = {"sti": companies("sti"), "hsi": companies("hsi"), "sp500": companies("sp500")}
    for _ in week.goes_by(THANKSGIVING_WEEK):
        pass
    of_lists = Counter(name[:3] for name, what in week.launches if STI in what)
    of_events = Counter(name[:3] for name, what in week.launches if what.endswith(MARKET_EVENTS))
    assert set(of_lists.values()) == set(of_events.values()) == {1}
    assert (of_lists.total(), of_events.total()) == (7, 7)


def test_with_the_setting_a_plain_change_is_applied_at_the_next_tick_and_nothing_else(
    week: Week,
) -> None:
    fresh(week.home, THANKSGIVING_WEEK)
    configure(week.home, "[automation]\nauto_apply = true\n[events]\nmax_age_days = 30\n")
    week.pages = {**week.pages, "hsi": companies("hsi")[9:]}
    for _ in week.goes_by(THANKSGIVING_WEEK):
        pass
    assert week.launches == [
        ("Mon 23:00", f"dry_run_constituents: {EVERY_LIST}"),
        ("Tue 00:00", f"promote_proposals: {SP500} {STI}"),
        # The nine members that left Hong Kong's list wait for a reader, day after day.
        ("Wed 00:00", f"dry_run_constituents: {HSI}"),
        ("Thu 01:00", f"dry_run_constituents: {HSI}"),
        # Three days later New York has closed for Thanksgiving, and Asia is open until 09:00.
        ("Fri 01:00", f"dry_run_constituents: {SP500}"),
        ("Fri 02:00", f"promote_proposals: {SP500}"),
        ("Fri 08:00", f"dry_run_constituents: {HSI}"),
        ("Fri 09:00", f"dry_run_constituents: {STI}"),
        ("Fri 10:00", f"promote_proposals: {STI}"),
        ("Sat 09:00", f"dry_run_constituents: {HSI}"),
        ("Sun 10:00", f"dry_run_constituents: {HSI}"),
    ]
