"""What a report says to people is decided once, and every output shows all of it."""

import re
from html import unescape
from pathlib import Path
from typing import Any

import pytest
from flask import Blueprint, Flask, render_template_string

import tws_maintenance.console
from tws_maintenance.cli.output import LINES_SHOWN, NAMES_SHOWN, print_report
from tws_maintenance.config.home import Home
from tws_maintenance.config.indices import INDICES
from tws_maintenance.console.pages.filters import add_filters
from tws_maintenance.constituents.csv_file import read_live
from tws_maintenance.core.errors import LiveFileError
from tws_maintenance.reports.markdown import escape, render
from tws_maintenance.reports.view import ReportView, ResultView, view_of
from tws_maintenance_tests.reports.shelf import report, result, whole

TEMPLATES = Path(tws_maintenance.console.__file__).parent / "templates"
PAGE = '{% import "tws_maintenance/_macros.html" as m with context %}{{ m.report_body(view) }}'
MEMBER = {"symbol": "NEW.SI", "security": "Newcomer"}
NO_CHANGES: dict[str, Any] = {"added": [], "removed": [], "renamed": [], "updated": []}


def source(name: str, title: str, **changed: Any) -> dict[str, Any]:
    plain = {
        "name": name,
        "title": title,
        "url": f"https://{name}.example/list",
        "status": 200,
        "sha256": "ab" * 32,
        "bytes": 12,
        "fetched_at": "2026-11-22T18:30:00.000Z",
        "usable": True,
    }
    return plain | changed


def a_list(**changed: Any) -> dict[str, Any]:
    """Return a result of a list that has something to say of every kind."""
    plain: dict[str, Any] = {
        "changed": True,
        "changes": {
            "added": [MEMBER, {"symbol": "TO.SI", "security": "Mover"}],
            "removed": [{"symbol": "OLD.SI", "security": ""}, {"symbol": "FROM.SI"}],
            "renamed": [{"from_symbol": "FROM.SI", "to_symbol": "TO.SI", "security": "Mover"}],
            "updated": [{"symbol": "D05.SI", "field": "sub_industry", "before": "", "after": "B"}],
        },
        "sources": [
            source("es3", "SSGA"),
            source("wikipedia", "Wikipedia", usable=False, reason="it is too old"),
        ],
        "membership": {
            "rule": "quorum",
            "quorum": 2,
            "reason": "Two that agree decide.",
            "changed": [{"symbol": "NEW.SI", "outcome": "joins", "listed_by": ["es3"]}],
        },
        "rows_dropped": [{"source": "es3", "row": "row 31: cash", "reason": "no ticker"}],
        "carried_forward": 3,
        "impact": {"positions": ["OLD.SI"], "strategies": None, "watchlist": ["FROM.SI"]},
        "source": "https://es3.example/list",
        "proposal_id": "maintenance_20261122_183000_sti",
        "output_path": "data/sti.csv",
        "backup_path": "data/backups/sti.csv",
        "caches": [{"name": "sti", "outcome": "invalidated", "detail": "it was emptied"}],
        "warnings": ["the market may be open"],
        "errors": ["the disk is slow"],
    }
    plain["changes"]["removed"][1]["security"] = "Mover"
    return result(**(plain | changed))


def events() -> dict[str, Any]:
    """Return a result of market events that has something to say of every kind."""
    named = {"date": "2026-11-29", "title": "AAPL earnings", "event_type": "EARNINGS"}
    moved = {"event_type": "EARNINGS", "symbol": "AAPL", "field": "event_date"}
    counts = {"fetched": 7, "new": 3, "changed": 2, "unchanged": 5, "stale": 4}
    provider = {"provider": "yahoo", "status": "partial_failure", "error_message": "HTTP 403"}
    return result("market_events") | {
        "providers": [provider | counts],
        "symbols": {"MSFT": {"from": ["--symbol"], "outcome": "unknown_symbol"}},
        "window": {"days": 28},
        "diff": {"new": [named], "changed": [named], "stale": [named], "unchanged": [named]},
        "changed_fields": [moved | {"before": "2026-11-29", "after": None}],
        "robots_own": {
            "count": 1,
            "types": {"CPI_RELEASE": 1},
            "events": [
                {
                    "date": "2026-12-05",
                    "title": "Prices",
                    "event_type": "CPI_RELEASE",
                    "change": "new",
                }
            ],
        },
    }


def files() -> dict[str, Any]:
    """Return the result of a validation of one file that has no rows."""
    one = {"row_count": None, "last_refreshed_at": None, "stale": True}
    audit = {"status": "failed", "warnings": [], "errors": ["it is gone"]}
    return result("metadata_validation", validation=audit) | {
        "files": {"sti": one | {"validation": audit}}
    }


def everything() -> dict[str, Any]:
    return report(
        *(a_list(), events(), files()),
        status="partial_failure",
        reason="quarterly review",
        overrides={"allow_large_change": True},
        errors=["the run was cancelled", "sti_constituents: the disk is slow"],
        warnings=["give a reason", "sti_constituents: the market may be open"],
    )


def on_the_page(view: ReportView) -> str:
    """Return the texts of the part of a page that shows a report, with blanks between them."""
    app = Flask("page", template_folder=str(TEMPLATES))
    ours = Blueprint("maintenance", __name__)
    add_filters(ours)
    app.register_blueprint(ours)
    with app.test_request_context():
        markup = render_template_string(PAGE, view=view)
    # Texts beside each other in a line stay so.
    in_line = re.sub(r"</?(?:code|b|a|span|strong)\b[^>]*>", "", markup)
    return " ".join(unescape(re.sub(r"<[^>]+>", " ", in_line)).split())


def printed(home: Home, value: dict[str, Any], capsys: pytest.CaptureFixture[str]) -> str:
    print_report(home, whole(value))
    return capsys.readouterr().out


def said(view: ResultView) -> list[str]:
    """Return every text of a result that each output must show."""
    groups = [text for one in view.groups for text in one.texts]
    cells = [cell for row in view.table.rows for cell in row] if view.table else []
    return [view.name, *cells, *groups]


def test_every_output_shows_all_that_a_report_says(
    home: Home, capsys: pytest.CaptureFixture[str]
) -> None:
    value = everything()
    view = view_of(whole(value))
    texts = [view.verdict, *(text for group in view.own for text in group.texts)]
    texts += [text for one in view.results for text in said(one)]
    assert len(texts) > 30
    markdown, terminal, page = render(whole(value)), printed(home, value, capsys), on_the_page(view)
    assert [text for text in texts if escape(text) not in markdown] == []
    assert [text for text in texts if text not in terminal] == []
    # On the page the changes of a list are rows; no option of the command line stands there.
    assert [text for text in texts if text not in page] == [
        "NEW.SI (Newcomer)",
        "FROM.SI is now TO.SI (Mover)",
        "D05.SI sub_industry: (blank) → B",
        "NEW.SI: listed by SSGA",
        "MSFT (--symbol): unknown symbol",
    ]
    for row in (
        "symbol company change ES3 concerns",
        "OLD.SI removed unknown you hold",
        "TO.SI Mover renamed FROM.SI is now TO.SI unknown you watch",
        "NEW.SI Newcomer added yes",
        "D05.SI changed sub industry: (blank) → B",
        "MSFT (named for this run): unknown symbol",
    ):
        assert row in page
    assert "--" not in page
    facts = [fact for one in view.results for fact in (*one.facts, *one.files)]
    assert {fact.part for fact in facts} == {"outcome", "origin", "evidence"}
    shown = [fact for fact in facts if fact.part == "outcome"]
    assert [fact.label for fact in shown if fact.text not in terminal] == []
    # An address is a link, which the page writes without its scheme.
    plain = page.replace("https://", "")
    assert [f.label for f in facts if f.text.replace("https://", "") not in plain] == []


def test_what_a_run_says_itself_is_shown_once_by_every_output(
    home: Home, capsys: pytest.CaptureFixture[str]
) -> None:
    value = everything()
    view = view_of(whole(value))
    assert [tuple(one[:2]) for one in view.own] == [
        ("error", ("the run was cancelled",)),
        ("warning", ("give a reason",)),
    ]
    for text in ("the run was cancelled", "give a reason", "the disk is slow"):
        outputs = render(whole(value)), printed(home, value, capsys), on_the_page(view)
        assert [output.count(text) for output in outputs] == [1, 1, 1]


def test_each_kind_is_said_in_the_same_words() -> None:
    view, found, audits = view_of(whole(everything())).results
    assert [(one.kind, one.texts) for one in view.groups] == [
        ("added", ("NEW.SI (Newcomer)",)),
        ("removed", ("OLD.SI",)),
        ("renamed", ("FROM.SI is now TO.SI (Mover)",)),
        ("changed", ("D05.SI sub_industry: (blank) → B",)),
        ("decided", ("Two that agree decide.",)),
        ("vote", ("NEW.SI: listed by SSGA",)),
        ("set aside", ("Wikipedia: it is too old",)),
        ("you hold", ("OLD.SI",)),
        ("traded by", ("not known: the robot could not be asked",)),
        ("you watch", ("FROM.SI",)),
        ("error", ("the disk is slow",)),
        ("warning", ("the market may be open",)),
    ]
    assert [(one.kind, one.texts) for one in found.groups[3:]] == [
        ("field", ("AAPL event_date: 2026-11-29 → none",)),
        ("symbols", ("MSFT (--symbol): unknown symbol",)),
        (
            "also stored",
            (
                "1 event of types that only the robot keeps (CPI release 1)",
                "2026-12-05 Prices (CPI release, new)",
            ),
        ),
    ]
    assert [(one.label, one.text) for one in audits.files] == [
        ("STI", "failed, no rows, last refreshed never (stale)")
    ]


def test_the_facts_of_a_list_say_where_it_came_from_and_what_it_left() -> None:
    view, *_ = view_of(whole(everything())).results
    answer = "HTTP 200, 12 bytes, sha256 abababababababab…, 2026-11-22T18:30:00.000Z"
    assert [(one.part, one.label, one.text) for one in view.facts] == [
        ("origin", "source", "https://es3.example/list"),
        ("evidence", "fetched", f"https://es3.example/list, {answer}"),
        ("evidence", "fetched", f"https://wikipedia.example/list, {answer}"),
        ("evidence", "dropped of SSGA", "row 31: cash: no ticker"),
        ("evidence", "carried forward", "3 values that the source left blank"),
        ("origin", "proposal", "maintenance_20261122_183000_sti"),
        ("origin", "written", "data/sti.csv"),
        ("outcome", "previous file kept as", "data/backups/sti.csv"),
        ("outcome", "cache", "sti: it was emptied"),
        ("origin", "duration", "0.0 s"),
    ]


def before(value: dict[str, Any]) -> str:
    """Return the cell of the rows before in the table of lists."""
    lists = view_of(whole(report(value))).lists
    assert lists is not None
    (row,) = lists.rows
    return row[[*lists.texts, *lists.numbers].index("before")]


def test_no_file_before_is_not_said_of_one_that_was_not_read_or_not_readable(home: Home) -> None:
    home.live_file("sti").parent.mkdir(parents=True)
    home.live_file("sti").write_bytes(b"\xff\xfe")
    with pytest.raises(LiveFileError) as refused:
        read_live(home, INDICES["sti"])
    unreadable = f"{refused.value}"
    nothing: dict[str, Any] = {"before_count": None, "after_count": None}
    restored = result(before_count=None, warnings=[f"{unreadable} Its bytes are backed up."])
    assert before(result(status="failed", errors=[unreadable], **nothing)) == "unreadable"
    assert before(restored) == "unreadable"
    assert before(result(status="failed", errors=["the source is gone"], **nothing)) == "-"
    assert before(result(before_count=None)) == "none"
    text = render(whole(report(restored)))
    assert "- **new list:** 30 members; the previous file is unreadable" in text
    assert "there was no previous file" not in text


def test_the_members_of_a_first_list_are_named_on_the_page_only(
    home: Home, capsys: pytest.CaptureFixture[str]
) -> None:
    value = report(result(before_count=None, changes=NO_CHANGES | {"added": [MEMBER]}))
    assert "NEW.SI Newcomer added" in on_the_page(view_of(whole(value)))
    assert "Newcomer" not in render(whole(value))
    assert "Newcomer" not in printed(home, value, capsys)


def test_what_was_refused_is_not_shown_as_a_change() -> None:
    value = a_list(status="failed", refusal="too_old", changed=False)
    (view,) = view_of(whole(report(value, status="failed"))).results
    assert view.state == "refused (too old)"
    assert (view.changes, view.reasons, view.concerns) == ((), (), ())
    assert [one.kind for one in view.groups] == ["error", "warning"]
    assert view.summary == "Refused, so nothing was changed."


def test_the_terminal_cuts_long_groups_short_and_says_so(
    home: Home, capsys: pytest.CaptureFixture[str]
) -> None:
    names = [f"N{number:03}.SI" for number in range(LINES_SHOWN + 2)]
    added = [{"symbol": name, "security": ""} for name in names]
    change = {"field": "sector", "before": "", "after": "Banks"}
    updated = [{"symbol": name} | change for name in names]
    changes = NO_CHANGES | {"added": added, "updated": updated}
    value = report(result(changes=changes))
    told = printed(home, value, capsys)
    shown = ", ".join(names[:NAMES_SHOWN])
    assert f"  added    {shown} and {len(names) - NAMES_SHOWN} more, all in the report\n" in told
    assert told.count("sector: (blank) → Banks") == LINES_SHOWN
    assert "  changed  and 2 more, all in the report\n" in told
    assert render(whole(value)).count("sector: (blank) → Banks") == len(names)


@pytest.mark.parametrize(
    ("changed", "dry_run", "expected"),
    [
        ({}, True, "Dry run completed. No file was replaced."),
        ({"changed": True}, False, "Apply completed. Replaced: STI."),
        ({"source": "data/backups/x.csv"}, True, "Restore preview completed. No file was replaced"),
        ({"source": "data/backups/x.csv", "changed": True}, False, "Restore completed. Replaced:"),
    ],
)
def test_the_verdict_says_what_kind_of_run_it_was(
    changed: dict[str, Any], dry_run: bool, expected: str
) -> None:
    value = report(result(dry_run=dry_run, **changed), dry_run=dry_run)
    assert view_of(whole(value)).verdict.startswith(expected)


def test_a_dry_run_ends_with_its_command_or_says_that_nothing_would_change(
    home: Home, capsys: pytest.CaptureFixture[str]
) -> None:
    staged: dict[str, Any] = {"dry_run": True, "proposal_id": "maintenance_20261122_183000_sti"}
    same = report(result(**staged), dry_run=True)
    other = report(result(**staged, added=["NEW.SI"]), dry_run=True)
    command = "python -m tws_maintenance promote maintenance_20261122_183000\n"
    for value, expected in ((same, "Nothing would change.\n"), (other, command)):
        assert expected in render(whole(value))
        assert expected in printed(home, value, capsys)
    assert "Nothing would change." not in render(whole(other))
