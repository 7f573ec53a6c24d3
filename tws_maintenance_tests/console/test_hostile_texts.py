"""Texts of sources, files and operators stay texts on every page that shows them."""

import json
from html.parser import HTMLParser

import pytest

from tws_maintenance.config.indices import INDICES, METADATA_VALIDATION
from tws_maintenance.core.clock import utc_now
from tws_maintenance.demo.pages import Company, companies, page
from tws_maintenance.demo.server import PageServer
from tws_maintenance.market_events.watchlist import read_watchlist
from tws_maintenance_tests.console.support import API, STI, Console
from tws_maintenance_tests.defaults import MAINTAINED
from tws_maintenance_tests.reports.shelf import filed, result
from tws_maintenance_tests.support import result_of, write_live

IMAGE = "<img src=x onerror=alert(1)>"
TEMPLATE = "{{7*7}}{% raw %}${7*7}"
SCRIPT = "<script>alert(document.cookie)</script>"
LINK = "[click](javascript:alert(1)) ![x](javascript:alert(2)) <javascript:alert(3)>"
QUOTE = "\"'><svg/onload=alert(1)> &lt;b&gt; `code`"
HOSTILE = (IMAGE, TEMPLATE, SCRIPT, LINK, QUOTE)
SAFE_SCHEMES = ("/", "#", "http://127.0.0.1:", "https://")


class Markup(HTMLParser):
    """What a browser would make of a page: its elements, handlers, addresses."""

    def __init__(self, text: str) -> None:
        super().__init__()
        self.tags: list[str] = []
        self.handlers: list[str] = []
        self.addresses: list[str] = []
        self.inline_scripts = 0
        self.feed(text)

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.tags.append(tag)
        self.handlers += [name for name, _ in attrs if name.startswith("on")]
        found = dict(attrs)
        self.addresses += [found[one] or "" for one in ("href", "src", "action") if one in found]
        self.inline_scripts += tag == "script" and "src" not in found


def stays_text(console: Console, path: str, *, shows: str = "") -> None:
    """Assert that a page is ours alone: no element, handler or address that a text brought."""
    answer = console.get(path)
    assert answer.status_code == 200, path
    found = Markup(answer.text)
    assert {"img", "iframe", "object", "embed", "base"} & set(found.tags) == set(), path
    assert [found.tags.count(one) for one in ("script", "html")] == [1, 1], path
    assert (found.handlers, found.inline_scripts) == ([], 0), path
    strange = [one for one in found.addresses if one and not one.startswith(SAFE_SCHEMES)]
    assert strange == [], path
    if shows:
        assert shows in answer.text, path


@pytest.fixture(scope="module")
def hostile(shared_console: Console, web: PageServer) -> Console:
    """A console whose live list and source hold hostile names, each on one side at least."""
    console = shared_console
    kept = [Company(f"H{n:02d}", text) for n, text in enumerate(HOSTILE)]
    write_live(console.home, INDICES["sti"], [*companies("sti")[5:], *kept])
    web.pages["sti"] = page(
        "sti", [*companies("sti"), Company("E00", IMAGE), Company("E01", TEMPLATE)]
    )
    return console


def pages_of(report: dict[str, object]) -> list[str]:
    """Return every page that shows a run or its report."""
    names = [f"/maintenance/reports/{report['report_id']}", f"/maintenance/runs/{report['run_id']}"]
    return [*names, f"/maintenance/apply/{report['report_id']}"]


def test_names_of_companies_and_reasons_stay_texts(hostile: Console, console: Console) -> None:
    assert hostile is console
    reason = f"{SCRIPT} {LINK} {TEMPLATE}"
    report = console.run(STI, allow_large_change=True, reason=reason)
    assert report["reason"] == reason
    assert IMAGE in {one["security"] for one in result_of(report, STI)["changes"]["removed"]}
    # Two names were staged that are no plain text: the audit has refused them.
    assert result_of(report, STI)["validation"]["status"] == "failed"
    others = ("/maintenance", "/maintenance/reports", "/maintenance/backups")
    for path in (*pages_of(report), *others):
        stays_text(console, path)
    stays_text(console, pages_of(report)[0], shows="{{7*7}}")
    stays_text(console, pages_of(report)[0], shows="&lt;script&gt;alert(document.cookie)")
    for path in (f"{pages_of(report)[1]}/live", "/maintenance/live"):
        found = Markup(console.get(path).text)
        assert found.handlers == []
        assert {"img", "script"} & set(found.tags) == set()


def test_a_hostile_list_that_is_live_already_stays_text_in_its_history(console: Console) -> None:
    path = console.home.membership_file("sti")
    path.parent.mkdir(parents=True, exist_ok=True)
    rows = [["H01.SI", text, "2026-01-01", "", f"maintenance_{text[:9]}"] for text in HOSTILE]
    lines = [",".join('"' + cell.replace('"', '""') + '"' for cell in row) for row in rows]
    path.write_text("symbol,security,from_date,to_date,report_id\n" + "\n".join(lines) + "\n")
    stays_text(console, f"/maintenance/history/{STI}", shows="&lt;img src=x onerror")
    stays_text(console, f"/maintenance/history/{STI}?on=2026-02-02", shows="&lt;script&gt;")
    stays_text(console, "/maintenance")
    path.unlink()


def test_what_an_operator_wrote_into_the_watchlist_stays_text(console: Console) -> None:
    console.home.data.mkdir(exist_ok=True)
    rows = "".join('"' + text.replace('"', '""') + '",now\n' for text in HOSTILE)
    console.home.watchlist.write_text("symbol,added_at\nAAPL,<b>then</b>\n" + rows)
    assert IMAGE in read_watchlist(console.home, MAINTAINED).unreadable
    stays_text(console, "/maintenance/watchlist", shows="&lt;img src=x onerror")
    console.home.watchlist.unlink()


def test_what_is_asked_for_is_repeated_as_text(console: Console) -> None:
    for text in HOSTILE:
        for path, query in (
            ("/maintenance/reports", {"status": text}),
            (f"/maintenance/history/{text}", {}),
            (f"/maintenance/history/{STI}", {"on": text}),
            ("/maintenance/events", {"symbol": text}),
            (f"/maintenance/apply/{text}", {}),
            (f"/maintenance/{text}", {}),
        ):
            answer = console.get(path, **query)
            assert answer.status_code in {400, 404}, path
            found = Markup(answer.text)
            assert {"img", "svg"} & set(found.tags) == set(), path
            assert (found.handlers, found.inline_scripts) == ([], 0)
        answer = console.form("/maintenance/watchlist/add", symbols=text)
        assert {"img", "svg"} & set(Markup(answer.text).tags) == set()


def test_a_report_that_somebody_edited_stays_text(console: Console) -> None:
    report_id = filed(console.home, result(METADATA_VALIDATION), at=utc_now())
    path = console.home.reports / f"{report_id.removeprefix('maintenance_')}.json"
    report = json.loads(path.read_text())
    text = "\n".join((*HOSTILE, "# Heading", "| a | b |", "|---|---|", "| <b>c</b> | d |"))
    edited = report | {
        "actor": IMAGE,
        "reason": text,
        "warnings": [text],
        "errors": [text],
        "run_id": "javascript:alert(1)",
    }
    for one in edited["results"]:
        one |= {"source": "javascript:alert(1)", "warnings": [text]}
        one["validation"] = {"status": "failed", "warnings": [text], "errors": [text]}
    path.write_text(json.dumps(edited))
    shown = f"/maintenance/reports/{report_id}"
    answer = console.get(shown).text
    assert 'class="markdown"' in answer, "it is whole, and rendered"
    stays_text(console, shown)
    stays_text(console, "/maintenance/reports")
    # A word that is no status makes it no report of ours: it is shown as the text that it is.
    path.write_text(json.dumps(edited | {"status": QUOTE, "entry_point": SCRIPT}))
    stays_text(console, shown)
    stays_text(console, "/maintenance/reports")
    stays_text(console, "/maintenance")
    path.write_text(SCRIPT)
    stays_text(console, shown, shows="&lt;script&gt;")
    path.unlink()
    assert console.get(f"{API}/reports").status_code == 200
