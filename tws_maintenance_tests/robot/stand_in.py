"""A trading robot that behaves as the real one does from outside, over real HTTP.

Login and CSRF protection are Flask-Login's and Flask-WTF's own; its events lie in SQLite under the
robot's own table names; a refresh is a thread; its screeners keep what they read in memory.
"""

import csv
import hashlib
import json
import secrets
import sqlite3
import threading
from collections.abc import Callable, Iterator
from contextlib import closing, contextmanager
from dataclasses import dataclass, field
from datetime import UTC, date, datetime, time, timedelta
from pathlib import Path
from types import TracebackType
from typing import Any, Self, TypeVar
from zoneinfo import ZoneInfo

import flask
import flask_login
import flask_wtf
from werkzeug.serving import BaseWSGIServer, make_server

from tws_maintenance.robot import CacheGuard
from tws_maintenance_tests.support import free_port

PASSWORD = "a robot's password"
LOGIN_PAGE = """<!doctype html><meta name="csrf-token" content="{{ csrf_token() }}">
<p>{{ told }}</p><form method="post"><input type="hidden" name="csrf_token"
value="{{ csrf_token() }}"><input name="username"><input name="password"></form>"""
FRONT_PAGE = '<!doctype html><meta name="csrf-token" content="{{ csrf_token() }}"><p>Dashboard</p>'
TABLES = """
create table market_events (id integer primary key, event_id text unique, event_type text,
  symbol text, title text, description text, event_date text, event_time text,
  start_at_utc text, end_at_utc text, market_timezone text, source text, source_event_id text,
  source_url text, detail_json text, raw_payload_json text, raw_payload_hash text,
  is_portfolio_relevant integer, confidence text, importance_score real, status text,
  last_seen_at text, fetched_at text, created_at text, updated_at text,
  unique (event_type, symbol, event_date));
create table market_event_sync_logs (id integer primary key, provider text, event_type text,
  sync_started_at text, sync_finished_at text, window_start_utc text, window_end_utc text,
  status text, fetched_count integer, upserted_count integer, stale_count integer,
  error_count integer, error_message text, detail_json text, created_at text);
"""


View = TypeVar("View", bound=Callable[..., Any])


NEW_YORK = ZoneInfo("America/New_York")
MAX_DAYS_AHEAD = 90
FED, HOLIDAYS, YAHOO = "federalreserve.gov", "builtin-us-market-calendar", "yfinance"
MACRO = "macro-calendar"
# Of the robot's own types, what each provider is logged for.
ENRICHMENT = {
    "sec-edgar": "SEC_8K,SEC_10Q,SEC_10K,SEC_S3,SEC_FORM4",
    MACRO: "CPI_RELEASE,PPI_RELEASE,JOBS_REPORT,GDP_RELEASE,FED_MINUTES",
    "congressional-trades": "CONGRESSIONAL_TRADE",
    "company-events": "INVESTOR_DAY,CONFERENCE,PRODUCT_EVENT,SHAREHOLDER_MEETING",
    "news-catalyst": "NEWS_CATALYST",
}


@dataclass
class Provider:
    """What one of the robot's providers does at a refresh.

    `events` are stored; without any it is logged as a success of nothing, as the real one logs a
    failed fetch. `fault` makes it a failure that is logged as one. One `of_symbols` is asked, and
    logged, only where the robot holds or trades something.
    """

    name: str
    event_type: str
    events: list[dict[str, Any]] = field(default_factory=list)
    fault: str = ""
    of_symbols: bool = False


class Screener:
    """One of the robot's screeners: what it has read stays in memory until it is emptied."""

    def __init__(self, path: Path) -> None:
        self._path = path
        self._cached: list[str] | None = None
        self.scans = 0

    def symbols(self) -> list[str]:
        """Return the members, read again only where nothing is kept."""
        if self._cached is None:
            self.scans += 1
            with self._path.open(encoding="utf-8", newline="") as file:
                self._cached = [row["symbol"] for row in csv.DictReader(file)]
        return self._cached

    def invalidate_cache(self) -> None:
        """Forget what was read."""
        self._cached = None


def in_days(days: int) -> str:
    """Return a date so many days from now, as New York has it now."""
    return (datetime.now(NEW_YORK).date() + timedelta(days=days)).isoformat()


# Of a report before the open or after the close the real one makes these times.
HALVES = {"BMO": time(8), "AMC": time(16)}
# What each kind of event says of its time, and when it is in New York; the real one's own forms.
CLOCKS: dict[str, tuple[str | None, time]] = {
    "FOMC": ("14:00 ET", time(14)),
    "MARKET_HOLIDAY": ("All day", time()),
    "MARKET_EARLY_CLOSE": ("13:00 ET", time(13)),
    "EARNINGS": ("TBD", time()),
    "CPI_RELEASE": (None, time(8, 30)),
    "JOBS_REPORT": (None, time(8, 30)),
}


def utc_form(day: str, clock: time = time(), zone: ZoneInfo = NEW_YORK) -> str:
    """Return a local time as the real one writes every date: the UTC instant, without a zone."""
    return _naive(datetime.combine(date.fromisoformat(day), clock, zone))


def event(kind: str, days: int, symbol: str | None = None, **told: Any) -> dict[str, Any]:
    """Return an event as the robot stores one, `days` from today in New York."""
    day = in_days(days)
    hint, clock = CLOCKS.get(kind, (None, time(12)))
    clock = _clock_of(told.get("event_time") or "") or clock
    # Of a dividend the real one has what Yahoo says: midnight UTC of the date.
    at = f"{day}T00:00:00" if kind == "DIVIDEND" else utc_form(day, clock)
    now, source_id = _naive(datetime.now(UTC)), f"{kind}:{symbol or 'MARKET'}:{day}"
    digest = hashlib.sha256(source_id.encode()).hexdigest()
    return {
        "event_id": f"evt_{digest[:32]}",
        "event_type": kind,
        "symbol": symbol,
        "title": f"{symbol or ''} {kind.lower()}".strip(),
        "description": f"What the robot has to say of {source_id}",
        "event_date": at,
        "event_time": hint,
        "start_at_utc": at,
        "end_at_utc": None,
        "market_timezone": "America/New_York",
        "source": "robot",
        "source_event_id": source_id,
        "source_url": None,
        "detail_json": "{}",
        "raw_payload_hash": digest,
        "is_portfolio_relevant": int(symbol is not None),
        "confidence": "confirmed",
        "importance_score": 75.0,
        "status": "active",
        **dict.fromkeys(("last_seen_at", "fetched_at", "created_at", "updated_at"), now),
        **told,
    }


def _clock_of(hint: str) -> time | None:
    """Return the local time that the real one makes of what is known of a time."""
    if hint in HALVES:
        return HALVES[hint]
    return time.fromisoformat(hint.removesuffix(" ET")) if hint.endswith(" ET") else None


def default_providers() -> list[Provider]:
    """Return the robot's providers, in the order in which the real one asks them."""
    figures = [
        event("JOBS_REPORT", 6, source="bls.gov"),
        event("CPI_RELEASE", 13, source="bls.gov"),
    ]
    return [
        Provider(YAHOO, "EARNINGS", of_symbols=True),
        Provider(YAHOO, "DIVIDEND", of_symbols=True),
        Provider(FED, "FOMC", [event("FOMC", 12, source=FED)]),
        Provider(
            HOLIDAYS,
            "MARKET_HOLIDAY",
            [
                event("MARKET_HOLIDAY", 20, source=HOLIDAYS),
                event("MARKET_EARLY_CLOSE", 19, source=HOLIDAYS),
            ],
        ),
        *(
            Provider(name, types, figures if name == MACRO else [])
            for name, types in ENRICHMENT.items()
        ),
    ]


def position(symbol: str, quantity: float = 100.0, sec_type: str = "STK") -> dict[str, Any]:
    """Return a line of what the robot holds."""
    return {
        "symbol": symbol,
        "quantity": quantity,
        "entry_price": 10.0,
        "current_price": 11.0,
        "market_value": 11.0 * quantity,
        "unrealized_pnl": quantity,
        "unrealized_pnl_pct": 10.0,
        "side": "LONG" if quantity > 0 else "SHORT",
        "sec_type": sec_type,
    }


class StandInRobot:
    """A running robot on a checkout's folder; a context manager.

    `positions`, `traded`, `providers` and the flags may be changed while it runs. `asked` are the
    (method, path, status) of every request. `gate` holds a refresh back while it is cleared,
    after the first `ungated` providers; `is_refreshed` is set when one is over. What a test puts in
    `between_lines_and_summary` is called while the log is answered.
    """

    def __init__(
        self,
        root: Path,
        *,
        password: str = PASSWORD,
        is_guarded: bool = False,
        mount: Callable[[flask.Flask], object] | None = None,
    ) -> None:
        self.root = root
        self.password = password
        self.positions: list[dict[str, Any]] = []
        self.traded: list[str] = []
        self.providers = default_providers()
        self.anonymous_status = 302
        self.busy_status = "refresh_started"
        self.asked: list[tuple[str, str, int]] = []
        self.traded_upon: list[str] = []
        self.gate = threading.Event()
        self.gate.set()
        self.ungated = 0
        self.at_the_gate = threading.Event()
        self.is_refreshed = threading.Event()
        self.between_lines_and_summary: Callable[[], None] = lambda: None
        self.override: dict[str, Callable[[], flask.typing.ResponseReturnValue]] = {}
        self._summary: dict[str, Any] | None = None
        self._refreshing = threading.Lock()
        self._server: BaseWSGIServer | None = None
        self._port = free_port()
        self._database = root / "tws_robot.db"
        self.screeners = {
            key: Screener(root / "data" / f"{key}_constituents.csv")
            for key in ("sp500", "sti", "hsi")
        }
        with self._connection() as database:
            database.executescript(TABLES)
        self.app = self._build()
        if is_guarded:
            CacheGuard(self.app, {k: s.invalidate_cache for k, s in self.screeners.items()}, root)
        if mount is not None:
            mount(self.app)

    @property
    def url(self) -> str:
        """Where it listens."""
        return f"http://127.0.0.1:{self._port}"

    def __enter__(self) -> Self:
        self.up()
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        self.gate.set()
        self.down()

    def up(self) -> None:
        """Listen, on the same port as before."""
        self._server = make_server("127.0.0.1", self._port, self.app, threaded=True)
        self._port = self._server.server_port
        threading.Thread(target=self._server.serve_forever, args=(0.02,), daemon=True).start()

    def down(self) -> None:
        """Stop listening; whoever asks is refused the connection."""
        server, self._server = self._server, None
        if server is not None:
            server.shutdown()
            server.server_close()

    def expire_sessions(self) -> None:
        """Forget every login."""
        self.app.secret_key = secrets.token_hex()

    def store(self, *events: dict[str, Any]) -> None:
        """Store events as an earlier refresh would have."""
        for one in events:
            self._insert("market_events", one)

    def provider(self, name: str, event_type: str = "") -> Provider:
        """Return the provider of that name, and of that type where it has several."""
        return next(
            one for one in self.providers if one.name == name and event_type in ("", one.event_type)
        )

    def log(
        self, provider: Provider, began: datetime, ended: datetime | None, days: int = 28
    ) -> dict[str, Any]:
        """Write a line of the log of refreshes, in the naive UTC of the real one; return it."""
        count = 0 if provider.fault else len(provider.events)
        start = datetime.combine(began.date(), time(), UTC)
        line = {
            "provider": provider.name,
            "event_type": provider.event_type,
            "sync_started_at": _naive(began),
            "sync_finished_at": _naive(ended) if ended else None,
            "window_start_utc": _naive(start),
            "window_end_utc": _naive(start + timedelta(days=days)),
            "status": "failed" if provider.fault else "success",
            "fetched_count": count,
            "upserted_count": count,
            "stale_count": 0,
            "error_count": int(bool(provider.fault)),
            "error_message": provider.fault or None,
            "detail_json": "{}",
            "created_at": datetime.now().isoformat(),  # noqa: DTZ005 - local, as the real one
        }
        self._insert("market_event_sync_logs", line)
        return line

    def _insert(self, table: str, row: dict[str, Any]) -> None:
        columns, marks = ", ".join(row), ", ".join("?" * len(row))
        with self._connection() as database:
            database.execute(
                f"insert or replace into {table} ({columns}) values ({marks})",  # noqa: S608
                list(row.values()),
            )

    @contextmanager
    def _connection(self) -> Iterator[sqlite3.Connection]:
        with closing(sqlite3.connect(self._database)) as database, database:
            database.row_factory = sqlite3.Row
            yield database

    def _rows(self, query: str, *values: Any) -> list[dict[str, Any]]:
        with self._connection() as database:
            return [dict(row) for row in database.execute(query, values)]

    def _symbols(self) -> list[str]:
        return sorted({*(one["symbol"] for one in self.positions if one["quantity"]), *self.traded})

    def _refresh(self, days: int) -> None:
        lines = []
        asked = [one for one in self.providers if not one.of_symbols or self._symbols()]
        try:
            for number, provider in enumerate(asked):
                began = datetime.now(UTC)
                if number >= self.ungated:
                    self.at_the_gate.set()
                    self.gate.wait(60)
                if not provider.fault:
                    self.store(*provider.events)
                lines.append(self.log(provider, began, datetime.now(UTC), days))
            self._summary = self._summed_up(lines, days)
        finally:
            self._refreshing.release()
            self.is_refreshed.set()

    def _summed_up(self, lines: list[dict[str, Any]], days: int) -> dict[str, Any]:
        names = (
            *("provider", "event_type", "status", "fetched_count", "upserted_count"),
            *("stale_count", "error_count", "error_message"),
        )
        return {
            "status": "partial_failure" if any(o["error_count"] for o in lines) else "success",
            "days_ahead": days,
            "portfolio_symbols": self._symbols(),
            "window_start_utc": lines[0]["window_start_utc"] if lines else None,
            "window_end_utc": lines[0]["window_end_utc"] if lines else None,
            "provider_results": [
                {name: one[name] for name in names}
                | {
                    "started_at": one["sync_started_at"],
                    "finished_at": one["sync_finished_at"],
                    "detail": {},
                }
                for one in lines
            ],
            **{
                f"total_{name}": sum(one[f"{column}_count"] for one in lines)
                for name, column in (
                    ("fetched", "fetched"),
                    ("upserted", "upserted"),
                    ("stale", "stale"),
                    ("errors", "error"),
                )
            },
        }

    def _build(self) -> flask.Flask:
        app = flask.Flask("stand_in_robot")
        app.secret_key = secrets.token_hex()
        flask_wtf.CSRFProtect(app)
        logins = flask_login.LoginManager(app)
        logins.user_loader(_user)

        @logins.unauthorized_handler  # type: ignore[untyped-decorator] # no types there
        def unauthorized() -> flask.typing.ResponseReturnValue:
            if self.anonymous_status == 302:
                return flask.redirect("/auth/login")
            return {"error": "login required"}, self.anonymous_status

        @app.before_request
        def overridden() -> flask.typing.ResponseReturnValue | None:
            answer = self.override.get(flask.request.path)
            return answer() if answer else None

        @app.after_request
        def note(response: flask.Response) -> flask.Response:
            asked = flask.request
            self.asked.append((asked.method, asked.path, response.status_code))
            return response

        self._add_login(app)
        self._add_portfolio(app)
        self._add_events(app)
        self._add_screeners(app)
        return app

    def _add_login(self, app: flask.Flask) -> None:
        @app.route("/auth/login", methods=["GET", "POST"])
        def login() -> flask.typing.ResponseReturnValue:
            if flask.request.method == "GET":
                return flask.render_template_string(LOGIN_PAGE, told="")
            form = flask.request.form
            if (form.get("username"), form.get("password")) != ("admin", self.password):
                return flask.render_template_string(LOGIN_PAGE, told="Invalid credentials")
            flask_login.login_user(_user("admin"))
            return flask.redirect("/")

        @app.get("/")
        @_login_required
        def front() -> str:
            return flask.render_template_string(FRONT_PAGE)

    def _add_portfolio(self, app: flask.Flask) -> None:
        @app.get("/api/account/positions")
        @_login_required
        def positions() -> flask.typing.ResponseReturnValue:
            return {"positions": self.positions, "count": len(self.positions)}

        @app.get("/api/strategies/")
        @_login_required
        def strategies() -> flask.typing.ResponseReturnValue:
            running = [{"strategy_name": "momentum", "state": "RUNNING", "active_positions": 1}]
            summary = {"running": 1, "paused": 0, "stopped": 0, "error": 0, "total_strategies": 1}
            return {"strategies": running, "summary": {**summary, "symbols_traded": self.traded}}

        # What trades: nobody of ours may ever come here.
        @app.route("/api/orders", methods=["GET", "POST", "DELETE"])
        @app.route("/api/strategies/<name>/start", methods=["POST"])
        @app.route("/api/emergency-stop", methods=["POST"])
        def trades(name: str = "") -> flask.typing.ResponseReturnValue:
            self.traded_upon.append(f"{flask.request.method} {flask.request.path} {name}")
            return {}

    def _add_events(self, app: flask.Flask) -> None:
        @app.post("/api/market-events/refresh")
        @_login_required
        def refresh() -> flask.typing.ResponseReturnValue:
            days = _days_asked()
            status = self.busy_status
            if self._refreshing.acquire(blocking=False):
                status = "refresh_started"
                threading.Thread(target=self._refresh, args=(days,), daemon=True).start()
            return {"status": status, "days_ahead": days, "portfolio_symbols": self._symbols()}

        @app.get("/api/market-events/sync-log")
        @_login_required
        def sync_log() -> flask.typing.ResponseReturnValue:
            limit = int(flask.request.args.get("limit", "20"))
            query = "select * from market_event_sync_logs order by id desc limit ?"
            logs = [_with_detail(one) for one in self._rows(query, limit)]
            self.between_lines_and_summary()
            return {"count": len(logs), "logs": logs, "last_sync_summary": self._summary}

        @app.get("/api/market-events/upcoming")
        @_login_required
        def upcoming() -> flask.typing.ResponseReturnValue:
            days, now = _days_asked(), datetime.now(UTC)
            query = (
                "select * from market_events where event_date between ? and ? and status in"
                " ('active', 'updated') order by event_date, event_id"
            )
            # The real one lists an event until its instant, so a holiday not on the day itself.
            found = [
                _with_detail(one)
                for one in self._rows(query, _naive(now), _naive(now + timedelta(days=days)))
            ]
            for one in found:
                one.pop("raw_payload_json")
                # A test may store what is no instant.
                day = date.fromisoformat(one["event_date"][: len("2026-12-25")])
                one["days_away"] = (day - now.date()).days
                one["severity"] = "info"
                one["is_portfolio_relevant"] = bool(one["is_portfolio_relevant"])
            return {
                "available_categories": ["Filings", "Macro", "Company Events", "Catalyst Signals"],
                "count": len(found),
                "days_ahead": days,
                "events": found,
                "filters": {
                    name: []
                    for name in ("category", "confidence", "event_type", "status", "symbol")
                },
                "portfolio_symbols": self._symbols(),
            }

    def _add_screeners(self, app: flask.Flask) -> None:
        @app.get("/api/stocks/<key>/screener")
        @_login_required
        def screener(key: str) -> flask.typing.ResponseReturnValue:
            return {"symbols": self.screeners[key].symbols()}


def _login_required(view: View) -> View:
    guarded: View = flask_login.login_required(view)
    return guarded


class _User(flask_login.UserMixin):  # type: ignore[misc] # the library has no types
    id = "admin"


def _user(_id: str) -> _User:
    return _User()


def _days_asked() -> int:
    """Return how far is looked; more than the real one's limit is taken for the limit."""
    return min(int(flask.request.args.get("days", "28")), MAX_DAYS_AHEAD)


def _with_detail(row: dict[str, Any]) -> dict[str, Any]:
    detail = row.pop("detail_json")
    return {**row, "detail": json.loads(detail or "{}")}


def _naive(at: datetime) -> str:
    return at.astimezone(UTC).replace(tzinfo=None).isoformat()
