"""What `doctor` checks: whether this machine and this home can do the job."""

import os
import platform
import tempfile
from collections.abc import Iterator
from dataclasses import dataclass
from email.utils import parsedate_to_datetime
from importlib.metadata import PackageNotFoundError, version
from pathlib import Path

from tws_maintenance.config.events_service import EventsService
from tws_maintenance.config.home import Home
from tws_maintenance.config.indices import MAX_DAYS, Index
from tws_maintenance.config.settings import HttpSettings, Settings, load_settings
from tws_maintenance.constituents.carry_forward import listings
from tws_maintenance.constituents.csv_file import read_live
from tws_maintenance.core.clock import utc_now, utc_text
from tws_maintenance.core.errors import LiveFileError, SettingsError, SourceError, StoreError
from tws_maintenance.core.text import counted
from tws_maintenance.market_events.model import PROVIDERS, Window
from tws_maintenance.market_events.providers.calendars import (
    known_until,
    only_one_knows,
    second_opinion_ends,
)
from tws_maintenance.market_events.providers.fetching import Question
from tws_maintenance.market_events.providers.worker import EventsWorker
from tws_maintenance.market_events.scope import resolve
from tws_maintenance.market_events.store.event_store import EventStore
from tws_maintenance.robot.portfolio import Portfolio, read_portfolio
from tws_maintenance.sources.fetching import Gathering
from tws_maintenance.sources.model import Gathered, SourceTable

PACKAGES = (
    *("dagster", "dagster-webserver", "pandas", "pandera", "requests", "lxml"),
    *("SQLAlchemy", "yfinance", "holidays", "exchange_calendars", "Flask", "waitress"),
)
# What a run keeps for itself, as git names it.
NOT_FOR_A_REPOSITORY = (
    *(".dagster/", "data/staging/", "data/backups/", "data/.generation_*", "data/market_events.db"),
    *("data/*.tmp", "reports/maintenance/"),
)
# Yahoo is asked about something that it surely knows.
KNOWN_SYMBOL = "AAPL"
MAX_CLOCK_SECONDS = 120.0


@dataclass
class Finding:
    """One line of the diagnosis: `outcome` is `ok`, `note` or `failed`."""

    outcome: str
    subject: str
    text: str


def diagnose(home: Home, *, offline: bool) -> list[Finding]:
    """Return everything that was checked; nothing is left behind on disk."""
    findings = [*_home(home)]
    try:
        settings = load_settings(home)
        findings.append(Finding("ok", "settings", _settings_text(home)))
    except SettingsError as error:
        settings = Settings.model_construct()
        findings.append(Finding("failed", "settings", str(error)))
    findings += [*_dagster_home(home), *_versions()]
    if settings.http.contact == HttpSettings().contact:
        findings.append(
            Finding(
                "note",
                "contact",
                "sources see only the project's page as contact; set [http] contact in "
                "maintenance.toml to your e-mail address, as Wikimedia asks",
            )
        )
    findings += [*_version_control(home), *_events(home, settings, offline=offline)]
    findings += _calendars(settings)
    if not offline:
        findings += [*_sources(home, settings)]
        if settings.events_service == EventsService.EMBEDDED:
            findings += _providers(settings)
    return findings


def _home(home: Home) -> Iterator[Finding]:
    yield Finding("ok", "home", str(home.root))
    for folder in (home.data, home.reports, home.dagster):
        existing = next(one for one in (folder, *folder.parents) if one.exists())
        yield _writable(f"{home.relative(folder)}/", existing)


def _writable(subject: str, folder: Path) -> Finding:
    try:
        with tempfile.NamedTemporaryFile(dir=folder, prefix=".probe."):
            return Finding("ok", subject, "can be written")
    except OSError as error:
        return Finding("failed", subject, f"cannot be written: {error.strerror or error}")


def _settings_text(home: Home) -> str:
    if home.settings_file.exists():
        return f"{home.settings_file.name} is valid"
    return "defaults (there is no maintenance.toml)"


def _dagster_home(home: Home) -> Iterator[Finding]:
    named = os.environ.get("DAGSTER_HOME")
    if named is None:
        yield Finding("ok", "DAGSTER_HOME", f"{home.relative(home.dagster)} in the home")
    elif Path(named).is_dir():
        yield Finding("note", "DAGSTER_HOME", f"yours, {named}: used as it is, never modified")
    else:
        yield Finding(
            "failed", "DAGSTER_HOME", f"{named} is not a folder. Create it or unset the variable."
        )


def _versions() -> Iterator[Finding]:
    found: dict[str, str] = {}
    for name in PACKAGES:
        try:
            found[name] = version(name)
        except PackageNotFoundError:
            yield Finding("failed", name, "is not installed; install tws_maintenance with pip")
    yield Finding(
        "ok",
        "versions",
        f"Python {platform.python_version()}, "
        + ", ".join(f"{name} {number}" for name, number in found.items()),
    )
    if found.get("dagster") != found.get("dagster-webserver"):
        yield Finding(
            "failed",
            "versions",
            "dagster and dagster-webserver must be the same version. Reinstall tws_maintenance.",
        )


def _sources(home: Home, settings: Settings) -> Iterator[Finding]:
    """Ask every source of every list once, all at the same time, and yield what it gives."""
    gathering = Gathering(settings, lambda _index, _url: None)
    gathering.start(settings.maintained)
    served_at = None
    for index in settings.maintained:
        gathered = gathering.answer(index)
        known = _live_symbols(home, index)
        for name in settings.of(index).sources:
            yield _source(gathered, name, known)
        yield from _announcements(gathered)
        served = (one.raw.served_at for one in gathered.attempts if one.raw)
        served_at = served_at or next(filter(None, served), None)
    if served_at:
        yield _clock(served_at)


def _source(gathered: Gathered, name: str, known: set[str] | None) -> Finding:
    """Return the kind, day and members of a source's list, and how far the live file differs."""
    index = gathered.index
    kind = "fund" if index.addresses(name)[0].is_fund else "list"
    kind = "authority" if name == index.authority else kind
    subject = f"{index.name}, {index.addresses(name)[0].title}"
    attempt = gathered.of(name)
    if attempt is None or attempt.table is None:
        faults = [f"{one.url}: {one.error}" for one in gathered.attempts if one.spec.name == name]
        return Finding("failed", subject, "; ".join(faults))
    table = attempt.table
    listed = {
        one.symbol for one in listings(table, index) if index.symbol_rule.is_symbol(one.symbol)
    }
    text = f"{attempt.url}: {kind}, {_day_of(table)}, {len(table.rows)} members"
    if known is not None:
        differing = len(listed ^ known)
        verb = "differs" if differing == 1 else "differ"
        text += f", {differing} {verb} from the file" if differing else ", as in the file"
    return Finding("ok", subject, text)


def _announcements(gathered: Gathered) -> Iterator[Finding]:
    """Yield what was read of the announced changes; a list can do without, so it never fails."""
    if not gathered.announcements:
        return
    warnings = gathered.announcement_warnings
    lines = list(warnings)
    if gathered.announcements_are_known:
        days = [one.effective_date for one in gathered.announced]
        last = f", the last one on {max(days)}" if days else ""
        lines.insert(0, f"{gathered.announcements[-1].url}: {counted(len(days), 'change')}{last}")
    subject = f"{gathered.index.name}, announced changes"
    yield Finding("note" if warnings else "ok", subject, "; ".join(lines))


def _day_of(table: SourceTable) -> str:
    if table.as_of:
        return f"of {table.as_of}"
    return f"edited {utc_text(table.revised_at)}" if table.revised_at else "without a day"


def _live_symbols(home: Home, index: Index) -> set[str] | None:
    try:
        live = read_live(home, index)
    except LiveFileError:
        return None
    return set(live.by_symbol()) if live else None


def _events(home: Home, settings: Settings, *, offline: bool) -> Iterator[Finding]:
    """Check the store of the events, and yield whose events are fetched."""
    yield _store(home, settings)
    portfolio = None
    if settings.robot.url and not offline:
        portfolio = read_portfolio(settings.robot)
        yield _robot(settings, portfolio)
    scope = resolve(home, settings, many_symbols=True, portfolio=portfolio)
    if scope.problems:
        yield from (Finding("failed", "symbols", text) for text in scope.problems)
        return
    for text in scope.ignored:
        yield Finding("note", "symbols", text)
    text = f"{len(scope.symbols)} from positions, strategies and watchlist"
    none = "none; add those whose earnings and dividends you need: `watchlist add` or --symbol"
    yield Finding("ok", "symbols", text) if scope.symbols else Finding("note", "symbols", none)


def _calendars(settings: Settings) -> Iterator[Finding]:
    """Yield each venue whose holidays of the next year only one package knows."""
    for venue in settings.maintained.venues:
        today = Window(utc_now(), MAX_DAYS).today(venue.timezone)
        last = Window(utc_now(), MAX_DAYS).last(venue.timezone)
        try:
            ends = second_opinion_ends(venue)
            until = min(last, known_until(venue, today))
        except SourceError as error:
            yield Finding("failed", venue.name, str(error))
            continue
        if ends is not None and ends < until:
            yield Finding("note", venue.name, only_one_knows(venue, ends))


def _store(home: Home, settings: Settings) -> Finding:
    """Write to our own store and undo it; the robot's store is left alone."""
    if settings.events_service == EventsService.ROBOT:
        return Finding("ok", "events", f"kept by the robot's own service, {settings.robot.url}")
    try:
        with EventStore(home, settings) as store:
            store.try_out()
            return Finding(
                "ok", "events", f"{store.describe()}: {counted(len(store.read()), 'event')}"
            )
    except StoreError as error:
        return Finding("failed", "events", str(error))


def _robot(settings: Settings, portfolio: Portfolio) -> Finding:
    if portfolio.problem:
        return Finding("failed", "robot", portfolio.problem)
    held, traded = len(portfolio.positions), len(portfolio.strategies)
    text = f"{settings.robot.url} answers: {counted(held, 'symbol')} held, {traded} traded"
    return Finding("ok", "robot", text)


def _version_control(home: Home) -> Iterator[Finding]:
    """Yield what the home's .gitignore lacks; the file itself is the operator's own."""
    if not (home.root / ".git").exists():
        return
    try:
        ignored = set((home.root / ".gitignore").read_text(encoding="utf-8").split())
    except (OSError, UnicodeDecodeError):
        ignored = set()
    missing = [one for one in NOT_FOR_A_REPOSITORY if one not in ignored]
    if missing:
        text = f"add to .gitignore, which is never written here: {' '.join(missing)}"
        yield Finding("note", "git", text)


def _providers(settings: Settings) -> Iterator[Finding]:
    question = Question(
        (KNOWN_SYMBOL,),
        settings.maintained.venues,
        Window(utc_now(), 1),
        settings.http,
        settings.events,
    )
    worker = EventsWorker()
    try:
        worker.start(question)
        for answer in worker.answers():
            name = PROVIDERS[answer.provider].title
            if answer.errors:
                yield Finding("failed", name, "; ".join(answer.errors))
            else:
                yield Finding("ok", name, f"{answer.source}: answered")
    finally:
        worker.stop()


def _clock(served_at: str) -> Finding:
    try:
        off = abs((utc_now() - parsedate_to_datetime(served_at)).total_seconds())
    except ValueError:
        return Finding("note", "clock", f"the source's date is unreadable: {served_at}")
    if off > MAX_CLOCK_SECONDS:
        return Finding(
            "failed",
            "clock",
            f"{utc_text(utc_now())} here, {off:.0f} s off the source's clock. Set this machine's "
            "clock: freshness and the age of proposals depend on it.",
        )
    return Finding("ok", "clock", f"{utc_text(utc_now())}, as at the source")
