"""The journey: preview, promote, a rejected page, a restore, and where to look afterwards.

Every command is the real program in a process of its own, on a throw-away home.
"""

import os
import shutil
import subprocess
import sys
import tempfile
from datetime import timedelta
from http import HTTPStatus
from pathlib import Path

import click

from tws_maintenance.config.home import HOME_VARIABLE, Home
from tws_maintenance.config.indices import INDICES, MARKET_EVENTS, Index
from tws_maintenance.constituents.carry_forward import listings, normalise
from tws_maintenance.constituents.csv_file import to_csv
from tws_maintenance.core.clock import utc_now
from tws_maintenance.demo.announced import LEFT, LEFT_NAME
from tws_maintenance.demo.events import calendar_events
from tws_maintenance.demo.official import es3, hang_seng, ishares, spy, tracker
from tws_maintenance.demo.pages import Company, companies, page
from tws_maintenance.demo.server import SOURCE_URLS, PageServer
from tws_maintenance.reports.file_names import report_ids
from tws_maintenance.sources.model import SourceRow, SourceTable

LISTS = ("--task", "constituents")
WATCHED = ("AAA", "AAC")


def play(*, keep: bool) -> int:
    """Play the journey on the terminal and return the exit code: 0 if all went as expected."""
    folder = Path(tempfile.mkdtemp(prefix="tws-maintenance-demo-"))
    home = Home(folder)
    try:
        pages = {key: page(key, companies(key)) for key in INDICES} | _official()
        with PageServer(pages) as server:
            return _play(home, server)
    finally:
        if keep:
            click.echo(f"\nThe demo's home is kept: {folder}")
        else:
            shutil.rmtree(folder, ignore_errors=True)


def _play(home: Home, server: PageServer) -> int:
    _say(
        "A throw-away home with lists that are some weeks old. This machine serves pages of "
        "invented companies and their official lists. Nothing else is touched, and no network is "
        "needed."
    )
    for index in INDICES.values():
        _write_older_list(home, index)
    _say("1. Look: what would change? Runs are dry runs by default.")
    looked = _run(home, server, "run", *LISTS)
    _say("2. Promote exactly that: nothing is fetched again, each file is replaced whole.")
    report_id = report_ids(home)[0]
    promoted = _run(home, server, "promote", report_id, "--reason", "demo")
    _say(
        "3. Hang Seng Indexes and both funds are gone, and the page that is left lacks a member. "
        "One source is not enough: that list stays as it is, unconfirmed. The others go on."
    )
    leave_the_page_alone(server.pages)
    rejected = _run(home, server, "run", *LISTS, "--apply")
    _say("4. Restore the STI list: go back to what it was before.")
    restored = _run(home, server, "restore", INDICES["sti"].task, "--apply", "--reason", "demo")
    _say(
        "5. What is next? Earnings and dividends of what you watch, Fed decisions, closed markets."
    )
    today = utc_now().date()
    soon = today + timedelta(days=9 - today.weekday())  # Wednesday of next week
    for days, ticker in enumerate(WATCHED):
        answer = calendar_events([soon + timedelta(days=days)], ex_dividend=soon)
        server.symbols[ticker] = (HTTPStatus.OK.value, answer)
    _run(home, server, "watchlist", "add", *WATCHED)
    synced = _run(home, server, "run", "--task", MARKET_EVENTS, "--apply")
    _run(home, server, "events", "list")
    _say("6. Is everything fresh, and what happened?")
    _run(home, server, "status")
    _run(home, server, "history", INDICES["sti"].task)
    _run(home, server, "reports", "list")
    _say(
        "Where to look: data/ holds the lists, data/backups what they replaced, data/staging what "
        "was fetched and audited, reports/maintenance a report of every run. `dagster dev` shows "
        "the same as assets, checks and runs. On your own lists: python -m tws_maintenance run"
    )
    return 0 if (looked, promoted, rejected, restored, synced) == (0, 0, 3, 0, 0) else 1


def leave_the_page_alone(pages: dict[str, bytes]) -> None:
    """Take all sources of the HSI away but its page, which lacks a member."""
    for name in ("hang_seng", "tracker2800", "ishares3115"):
        del pages[f"hsi_{name}"]
    pages["hsi"] = page("hsi", companies("hsi")[:-1])


def _official() -> dict[str, bytes]:
    """Return the lists of yesterday as their makers publish them."""
    day = utc_now().date() - timedelta(days=1)
    return {
        "sp500_spy": spy(companies("sp500"), day),
        "sp500_ivv": ishares(companies("sp500"), day),
        "sti_es3": es3(companies("sti"), day),
        "hsi_hang_seng": hang_seng(companies("hsi"), day),
        "hsi_tracker2800": tracker(companies("hsi"), day),
        "hsi_ishares3115": ishares(companies("hsi"), day),
    }


def _write_older_list(home: Home, index: Index) -> None:
    """Write what the list was before: members left and came, one changed its ticker."""
    now = companies(index.key)
    left = Company(LEFT[index.key], LEFT_NAME, now[0].sector)
    former = now[5].renamed("9902" if index.key == "hsi" else "OLD")
    moved = Company(now[6].ticker, now[6].name, "Utilities" if now[6].sector else "", "")
    older = [*now[1:5], former, moved, *now[7:], left]
    table = SourceTable(
        rows=tuple(
            SourceRow(n, c.ticker, c.name, c.sector, c.sub_industry)
            for n, c in enumerate(older, start=1)
        ),
        dropped=(),
        rows_read=len(older),
    )
    rows = normalise(listings(table, index), index, None)
    home.data.mkdir(parents=True, exist_ok=True)
    home.live_file(index.key).write_bytes(to_csv(rows.columns, list(rows.rows)))


def _run(home: Home, server: PageServer, *arguments: str) -> int:
    """Run the program as a user would, its output on this terminal, and return its exit code."""
    click.secho(f"$ python -m tws_maintenance {' '.join(arguments)}", bold=True)
    environment = {
        **os.environ,
        HOME_VARIABLE: str(home.root),
        **{f"TWS_MAINTENANCE_HTTP__{name}": server.origin for name in SOURCE_URLS},
    }
    environment.pop("DAGSTER_HOME", None)
    for name in [one for one in environment if one.upper().endswith("__ENABLED")]:
        del environment[name]  # there is no page of an optional index
    sys.stdout.flush()
    command = [sys.executable, "-m", "tws_maintenance", *arguments]
    code = subprocess.run(command, env=environment, cwd=home.root, check=False).returncode
    click.echo(f"(exit code {code})")
    return code


def _say(text: str) -> None:
    click.echo()
    click.secho(text, fg="cyan")
    click.echo()
