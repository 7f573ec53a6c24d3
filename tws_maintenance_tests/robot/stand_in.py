"""A trading robot that behaves as the real one does from outside, over real HTTP.

Login and CSRF protection are Flask-Login's and Flask-WTF's own; its events lie in SQLite under the
robot's own table names; a refresh is a thread; its screeners keep what they read in memory.
"""

import csv
import secrets
import sqlite3
import threading
from collections.abc import Callable, Iterator
from contextlib import closing, contextmanager
from dataclasses import dataclass, field
from datetime import UTC, date, datetime, timedelta
from pathlib import Path
from types import TracebackType
from typing import Any, Self, TypeVar

import flask
import flask_login
import flask_wtf
from werkzeug.serving import BaseWSGIServer, make_server

from tws_maintenance.robot import CacheGuard

PASSWORD = "a robot's password"
LOGIN_PAGE = """<!doctype html><meta name="csrf-token" content="{{ csrf_token() }}">
<p>{{ told }}</p><form method="post"><input type="hidden" name="csrf_token"
value="{{ csrf_token() }}"><input name="username"><input name="password"></form>"""
FRONT_PAGE = '<!doctype html><meta name="csrf-token" content="{{ csrf_token() }}"><p>Dashboard</p>'
TABLES = """
create table market_events (id integer primary key, event_id text unique, event_type text,
  symbol text, title text, event_date text, event_time text, start_at_utc text, source text,
  confidence text, status text, unique (event_type, symbol, event_date));
create table market_event_sync_logs (id integer primary key, provider text, event_type text,
  sync_started_at text, sync_finished_at text, window_start_utc text, window_end_utc text,
  status text, fetched_count integer, upserted_count integer, stale_count integer,
  error_count integer, error_message text, detail_json text, created_at text);
"""


View = TypeVar("View", bound=Callable[..., Any])


@dataclass
class Provider:
    """What one of the robot's providers does at a refresh.

    `events` are stored; without any it is logged as a success of nothing, as the real one logs a
    failed fetch. `fault` makes it a failure that is logged as one.
    """

    name: str
    event_type: str
    events: list[dict[str, Any]] = field(default_factory=list)
    fault: str = ""


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
    return (datetime.now(UTC) - timedelta(hours=5) + timedelta(days=days)).date().isoformat()


def event(kind: str, days: int, symbol: str | None = None, **told: Any) -> dict[str, Any]:
    """Return an event as the robot stores one."""
    day = in_days(days)
    return {
        "event_id": f"{kind}:{symbol or 'MARKET'}:{day}",
        "event_type": kind,
        "symbol": symbol,
        "title": f"{symbol or ''} {kind.lower()}".strip(),
        "event_date": day,
        "event_time": None,
        "start_at_utc": None,
        "source": "robot",
        "confidence": "confirmed",
        "status": "active",
        **told,
    }


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
    after the first `ungated` providers.
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
        self.providers = [
            Provider("yfinance", "EARNINGS,DIVIDEND"),
            Provider("fomc", "FOMC", [event("FOMC", 12, source="fomc")]),
            Provider(
                "calendar", "MARKET_HOLIDAY", [event("MARKET_HOLIDAY", 20, source="calendar")]
            ),
        ]
        self.anonymous_status = 302
        self.busy_status = "refresh_started"
        self.asked: list[tuple[str, str, int]] = []
        self.traded_upon: list[str] = []
        self.gate = threading.Event()
        self.gate.set()
        self.ungated = 0
        self.at_the_gate = threading.Event()
        self.override: dict[str, Callable[[], flask.typing.ResponseReturnValue]] = {}
        self._summary: dict[str, Any] | None = None
        self._refreshing = threading.Lock()
        self._server: BaseWSGIServer | None = None
        self._port = 0
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
        with self._connection() as database:
            for one in events:
                columns, marks = ", ".join(one), ", ".join("?" * len(one))
                database.execute(
                    f"insert or replace into market_events ({columns}) values ({marks})",  # noqa: S608
                    list(one.values()),
                )

    def log(self, provider: Provider, began: datetime, ended: datetime | None) -> None:
        """Write a line of the log of refreshes, in the naive UTC of the real one."""
        status = "failed" if provider.fault else "success"
        count = len(provider.events)
        with self._connection() as database:
            database.execute(
                "insert into market_event_sync_logs (provider, event_type, sync_started_at,"
                " sync_finished_at, status, fetched_count, upserted_count, stale_count,"
                " error_count, error_message, created_at) values (?,?,?,?,?,?,?,0,?,?,?)",
                (
                    provider.name,
                    provider.event_type,
                    _naive(began),
                    _naive(ended) if ended else None,
                    status,
                    0 if provider.fault else count,
                    0 if provider.fault else count,
                    int(bool(provider.fault)),
                    provider.fault or None,
                    datetime.now().isoformat(),  # noqa: DTZ005 - local, as the real one has it
                ),
            )

    @contextmanager
    def _connection(self) -> Iterator[sqlite3.Connection]:
        with closing(sqlite3.connect(self._database)) as database, database:
            database.row_factory = sqlite3.Row
            yield database

    def _rows(self, query: str, *values: Any) -> list[dict[str, Any]]:
        with self._connection() as database:
            return [dict(row) for row in database.execute(query, values)]

    def _refresh(self) -> None:
        results = []
        try:
            for number, provider in enumerate(self.providers):
                began = datetime.now(UTC)
                if number >= self.ungated:
                    self.at_the_gate.set()
                    self.gate.wait(60)
                if not provider.fault:
                    self.store(*provider.events)
                self.log(provider, began, datetime.now(UTC))
                results.append({"provider": provider.name, "fetched": len(provider.events)})
            self._summary = {
                "status": "success",
                "provider_results": results,
                "at": _naive(datetime.now(UTC)),
            }
        finally:
            self._refreshing.release()

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
            days = int(flask.request.args.get("days", "28"))
            status = self.busy_status
            if self._refreshing.acquire(blocking=False):
                status = "refresh_started"
                threading.Thread(target=self._refresh, daemon=True).start()
            held = [one["symbol"] for one in self.positions if one["quantity"]]
            symbols = sorted({*held, *self.traded})
            return {"status": status, "days_ahead": days, "portfolio_symbols": symbols}

        @app.get("/api/market-events/sync-log")
        @_login_required
        def sync_log() -> flask.typing.ResponseReturnValue:
            limit = int(flask.request.args.get("limit", "20"))
            query = "select * from market_event_sync_logs order by id desc limit ?"
            logs = self._rows(query, limit)
            return {"count": len(logs), "logs": logs, "last_sync_summary": self._summary}

        @app.get("/api/market-events/upcoming")
        @_login_required
        def upcoming() -> flask.typing.ResponseReturnValue:
            days = int(flask.request.args.get("days", "28"))
            query = (
                "select * from market_events where event_date between ? and ? and status in"
                " ('active', 'updated') order by event_date, event_id"
            )
            found = self._rows(query, in_days(0), in_days(days))
            today = date.fromisoformat(in_days(0))
            for one in found:
                one["days_away"] = (date.fromisoformat(one["event_date"]) - today).days
                one["severity"] = "medium"
            return {"events": found, "count": len(found)}

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


def _naive(at: datetime) -> str:
    return at.astimezone(UTC).replace(tzinfo=None).isoformat()
