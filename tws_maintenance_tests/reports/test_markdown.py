"""The report for people: the verdict first, names instead of numbers, and no foreign markup."""

from typing import Any

import pytest

from tws_maintenance.demo.pages import companies
from tws_maintenance.reports.markdown import render
from tws_maintenance.reports.view import verdict
from tws_maintenance_tests.reports.shelf import report, result, whole

HOSTILE = "<img src=x onerror=alert(1)> | **bold** [link](http://evil) `code`"
CHANGES = {
    "added": [
        {"symbol": "NEW.SI", "security": "Newcomer"},
        {"symbol": "TO.SI", "security": "Mover"},
    ],
    "removed": [
        {"symbol": "OLD.SI", "security": ""},
        {"symbol": "FROM.SI", "security": "Mover"},
    ],
    "renamed": [{"from_symbol": "FROM.SI", "to_symbol": "TO.SI", "security": "Mover"}],
    "updated": [{"symbol": "D05.SI", "field": "sector", "before": "", "after": "Banks"}],
}
KEPT = "data/backups/constituents/20261122_183000/sti_constituents.csv"
NOTHING_TO_DO = "Nothing to change: the files were up to date."


def render_of(value: dict[str, Any]) -> str:
    return render(whole(value))


def lines(value: dict[str, Any]) -> list[str]:
    return render(whole(value)).splitlines()


def test_the_first_line_is_the_verdict() -> None:
    value = report(result(changed=True), result("hsi_constituents", status="failed"))
    value["status"] = "partial_failure"
    assert lines(value)[0] == "# Apply partly failed. Replaced: STI. Failed: HSI."


@pytest.mark.parametrize(
    ("value", "expected"),
    [
        (report(result(changed=True)), "Apply completed. Replaced: STI."),
        (report(result()), f"Apply completed. {NOTHING_TO_DO}"),
        (report(result(dry_run=True), dry_run=True), "Dry run completed. No file was replaced."),
        (
            report(result(status="failed"), status="failed"),
            "Apply failed. No file was replaced. Failed: STI.",
        ),
        (
            report(result(status="skipped"), status="failed", errors=["data cannot be written"]),
            "Apply failed. No file was replaced.",
        ),
        (report(status="failed"), "Apply failed. No file was replaced."),
        (
            report(result(), result("hsi_constituents", status="skipped"), status="interrupted"),
            "Apply interrupted. No file was replaced.",
        ),
        (
            report(result("metadata_validation", status="failed"), status="failed"),
            "Validation failed. Failed: metadata validation.",
        ),
    ],
)
def test_the_verdict_tells_what_became_of_the_files(value: dict[str, Any], expected: str) -> None:
    assert verdict(whole(value)) == expected


@pytest.mark.parametrize("status", ["failed", "partial_failure", "interrupted"])
@pytest.mark.parametrize("task", ["success", "failed", "skipped"])
def test_a_run_that_did_not_complete_never_reads_like_nothing_to_do(status: str, task: str) -> None:
    text = render(whole(report(result(status=task), status=status)))
    assert NOTHING_TO_DO not in text
    assert status.split("_", maxsplit=1)[0][:4] in text.splitlines()[0]


def test_changes_are_told_by_name_and_a_rename_only_once() -> None:
    told = lines(report(result(changes=CHANGES)))
    assert [line for line in told if line.startswith("- **")] == [
        "- **added:** NEW.SI (Newcomer)",
        "- **removed:** OLD.SI",
        "- **renamed:** FROM.SI is now TO.SI (Mover)",
        "- **changed:** D05.SI sector: (blank) → Banks",
    ]
    assert "| STI | nothing to change | not run | 30 | 30 | 1 | 1 | 1 | 1 |" in told


def announced(status: str, symbol: str, day: str | None, **more: str) -> dict[str, Any]:
    """Return an announced change of a report, one that adds a symbol."""
    return {"effective_date": day, "action": "add", "symbol": symbol, "status": status, **more}


def test_why_a_list_changes_is_said_and_what_is_ahead() -> None:
    swap = {"reason": "Market cap | size.", "source": "wikipedia"}
    told = lines(
        report(
            result(
                changes=CHANGES,
                announced=[
                    announced("explains", "NEW.SI", "2026-11-20", counterpart="OLD.SI", **swap),
                    announced(
                        "explains", "OLD.SI", "2026-11-20", action="remove", counterpart="NEW.SI"
                    ),
                    announced("unexplained", "ODD.SI", None),
                    announced("unexplained", "TO.SI", None, counterpart="FROM.SI"),
                    announced("upcoming", "UP.SI", "2026-12-01", security="Upcoming", **swap),
                    announced(
                        "upcoming", "END.SI", "2026-12-02", action="remove", counterpart="UP.SI"
                    ),
                ],
            )
        )
    )
    assert [line for line in told if line.startswith("- **why")] == [
        (
            "- **why:** NEW.SI: addition announced for 2026-11-20 by wikipedia, "
            "in place of OLD.SI: Market cap \\| size."
        ),
        "- **why:** OLD.SI: removal announced for 2026-11-20, replaced by NEW.SI",
        "- **why:** no announcement found: ODD.SI, FROM.SI is now TO.SI",
    ]
    assert [line for line in told if line.startswith("- **upcoming")] == [
        ("- **upcoming:** UP.SI (Upcoming) joins on 2026-12-01: Market cap \\| size."),
        "- **upcoming:** END.SI leaves on 2026-12-02: replaced by UP.SI",
    ]


def test_a_list_without_announcements_says_nothing_of_them() -> None:
    told = "\n".join(lines(report(result(changes=CHANGES))))
    assert "nnounce" not in told
    assert "why" not in told


def test_whom_the_changes_concern_is_a_line_each_where_there_is_anybody() -> None:
    impact = {"positions": ["FROM.SI", "OLD.SI"], "strategies": [HOSTILE], "watchlist": []}
    plain = lines(report(result(changes=CHANGES)))
    more = [
        one for one in lines(report(result(changes=CHANGES, impact=impact))) if one not in plain
    ]
    held, traded = more
    assert held == "- **you hold:** FROM.SI, OLD.SI"
    assert traded.startswith("- **traded by:** &lt;img")


def test_nothing_leaves_a_gap_of_blank_lines() -> None:
    skipped = render(whole(report(result(status="skipped", duration_seconds=None))))
    assert "## STI: skipped\n\nRun run-1.\n" in skipped
    for one in (result(changes=CHANGES), result(source="a"), result("market_events")):
        assert "\n\n\n" not in render(whole(report(one, reason="why", errors=["gone"])))


def test_a_name_with_an_ampersand_stays_readable_and_an_entity_stays_text() -> None:
    text = render(
        whole(report(result("sp500_constituents", warnings=["S&P 500", "&lt;b&gt; &#60;"])))
    )
    assert "## S&P 500: nothing to change" in text
    assert "- **warning:** S&P 500\n" in text
    assert "- **warning:** &amp;lt;b&amp;gt; &amp;#60;\n" in text


def test_a_first_list_is_not_told_member_by_member() -> None:
    added = [{"symbol": one.ticker, "security": one.name} for one in companies("sti")]
    changes = {"added": added, "removed": [], "renamed": [], "updated": []}
    text = render(whole(report(result(before_count=None, changes=changes))))
    assert "- **new list:** 30 members; there was no previous file" in text
    assert "| STI | nothing to change | not run | none | 30 | 30 | 0 | 0 | 0 |" in text
    assert "Amber Lane" not in text


@pytest.mark.parametrize(
    ("changed", "expected"),
    [
        ({"changed": True}, "## STI: replaced"),
        ({"changed": False}, "## STI: nothing to change"),
        ({"dry_run": True}, "## STI: success"),
        ({"status": "failed"}, "## STI: failed"),
        ({"status": "failed", "refusal": "too_old"}, "## STI: refused (too old)"),
        ({"status": "failed", "refusal": "stale"}, "## STI: refused (outdated)"),
        ({"status": "skipped"}, "## STI: skipped"),
    ],
)
def test_each_list_says_what_became_of_it(changed: dict[str, Any], expected: str) -> None:
    assert expected in lines(report(result(**changed)))


def test_errors_stand_before_warnings_and_those_of_the_run_for_themselves() -> None:
    one = result(
        status="failed",
        errors=["the source is gone"],
        warnings=["the market may be open"],
        validation={"status": "failed", "warnings": ["older"], "errors": ["too few rows"]},
    )
    value = report(one, status="failed")
    value["errors"] = ["the disk is full", "sti_constituents: the source is gone"]
    told = lines(value)
    of_the_list = told.index("- **error:** the source is gone")
    assert told[of_the_list : of_the_list + 4] == [
        "- **error:** the source is gone",
        "- **error:** too few rows",
        "- **warning:** the market may be open",
        "- **warning:** older",
    ]
    assert told[told.index("## The run itself") :][2] == "- **error:** the disk is full"
    assert render(whole(value)).count("the source is gone") == 1


def test_where_it_came_from_and_went_to_is_told() -> None:
    text = render_of(
        report(
            result(
                source="http://127.0.0.1/wiki/sti",
                sources=[
                    {
                        "name": "wikipedia",
                        "title": "Wikipedia",
                        "usable": True,
                        "url": "http://127.0.0.1/wiki/sti",
                        "status": 200,
                        "sha256": "ab" * 32,
                        "bytes": 12,
                        "fetched_at": "2026-11-22T18:30:00.000Z",
                    },
                    {
                        "name": "es3",
                        "title": "SSGA's ES3 holdings",
                        "usable": False,
                        "reason": "refused with HTTP 404",
                        "url": "http://127.0.0.1/gone",
                        "status": 404,
                        "sha256": None,
                        "bytes": None,
                        "fetched_at": None,
                    },
                ],
                rows_dropped=[{"row": "row 31: cash", "reason": "no ticker"}],
                carried_forward=3,
                proposal_id="maintenance_20261122_183000_sti",
                output_path="data/sti_constituents.csv",
                backup_path=KEPT,
            ),
            reason="quarterly review",
            overrides={"allow_large_change": True},
        )
    )
    for expected in (
        "- source: <http://127.0.0.1/wiki/sti>",
        "HTTP 200, 12 bytes, sha256 `abababababababab…`",
        "- dropped: row 31: cash: no ticker",
        "- carried forward: 3 values that the source left blank",
        "- proposal: `maintenance_20261122_183000_sti`",
        "- written: `data/sti_constituents.csv`",
        f"- previous file kept as: `{KEPT}`",
        "Reason: quarterly review",
        "Override: a large change was accepted (`--allow-large-change`).",
        "by operator (cli)",
        "Run run-1.",
    ):
        assert expected in text
    assert "http://127.0.0.1/gone" not in text


def test_foreign_text_is_never_markup_wherever_it_stands() -> None:
    members = [{"symbol": HOSTILE, "security": HOSTILE}]
    one = result(
        changes={
            "added": members,
            "removed": members,
            "renamed": [{"from_symbol": "A", "to_symbol": "B", "security": HOSTILE}],
            "updated": [{"symbol": "C", "field": "security", "before": HOSTILE, "after": HOSTILE}],
        },
        errors=[HOSTILE],
        warnings=[f"two\n\n# lines {HOSTILE}"],
        validation={"status": "failed", "warnings": [HOSTILE], "errors": [HOSTILE]},
        rows_dropped=[{"row": HOSTILE, "reason": HOSTILE}],
    )
    unknown = result(HOSTILE, status="skipped")
    value = report(one, unknown, actor=HOSTILE, reason=HOSTILE, errors=[HOSTILE, "x: " + HOSTILE])
    text = render(whole(value))
    assert "<img" not in text
    assert "&lt;img src=x" in text
    assert "**bold**" not in text
    assert "[link]" not in text
    assert "\n# lines" not in text
    table = [line for line in text.splitlines() if line.startswith("|")]
    assert {line.replace(r"\|", "").count("|") for line in table} == {10}
