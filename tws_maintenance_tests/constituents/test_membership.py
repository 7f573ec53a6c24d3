"""Who is a member by what the sources answered: staged, judged, and what undoes a recent change."""

from collections.abc import Iterable
from dataclasses import replace
from datetime import date, timedelta

import pytest

from tws_maintenance.audit.receipt import Override, Receipt
from tws_maintenance.audit.results import Outcome
from tws_maintenance.config.home import Home
from tws_maintenance.config.indices import INDICES, Index
from tws_maintenance.config.settings import IndexSettings, load_settings
from tws_maintenance.constituents import rules
from tws_maintenance.constituents.audit import audit
from tws_maintenance.constituents.membership import published_identifiers
from tws_maintenance.constituents.promotion import promote
from tws_maintenance.constituents.proposal import Proposal, read_proposal
from tws_maintenance.constituents.stage import stage, stage_backup
from tws_maintenance.core.errors import PageChanged, SourceError, SourceRefused
from tws_maintenance.demo.pages import Company, companies
from tws_maintenance.sources.model import (
    Action,
    AnnouncedChange,
    AnnouncedTable,
    Attempt,
    DroppedRow,
    Gathered,
    SourceRow,
    SourceTable,
)
from tws_maintenance_tests.constituents.bench import (
    AT,
    configure,
    mark,
    names,
    outcome_of,
    raw_copy,
    staged_file,
)
from tws_maintenance_tests.support import table_of, write_live

HSI, STI, SP500 = (INDICES[key] for key in ("hsi", "sti", "sp500"))
TODAY = AT.date()
NEW = Company("9999", "CATL", "Commerce & Industry")
HSI_MEMBERS, SP500_MEMBERS = companies("hsi"), companies("sp500")
ACCEPTED = Override(allow_large_change=True, reason="no other source is served here")


def official(members: Iterable[Company], *, as_of: date = TODAY) -> SourceTable:
    """Return a list of a provider or a fund: names in shortened capitals, of a day."""
    shouted = [replace(one, name=one.name.upper()[:20]) for one in members]
    return replace(table_of(shouted), as_of=as_of)


def answers(index: Index, **tables: SourceTable | SourceError) -> Gathered:
    """Return what the named sources of `index` said."""
    attempts = []
    for name, told in tables.items():
        spec = index.addresses(name)[0]
        url = f"https://{name}.example/{index.key}"
        if isinstance(told, SourceTable):
            attempts.append(Attempt(spec, url, raw_copy(url), told, status=200))
        else:
            attempts.append(Attempt(spec, url, error=told))
    return Gathered(index, tuple(attempts))


def staged(home: Home, gathered: Gathered, minutes: float = 0) -> Proposal:
    limits = load_settings(home).of(gathered.index)
    return stage(home, gathered.index, gathered, limits, mark(minutes))


def judged(
    home: Home, gathered: Gathered, minutes: float = 0, override: Override | None = None
) -> tuple[Proposal, Receipt]:
    proposal = staged(home, gathered, minutes)
    limits: IndexSettings = load_settings(home).of(gathered.index)
    receipt = audit(home, gathered.index, proposal, limits, override or Override(), mark(minutes))
    return proposal, receipt


def rows_of(home: Home, proposal: Proposal) -> dict[str, list[str]]:
    lines = staged_file(home, proposal).read_text().splitlines()[1:]
    return {line.split(",")[0]: line.split(",") for line in lines}


def usable(proposal: Proposal) -> list[str]:
    return [one["name"] for one in proposal.sources if one["usable"]]


def reasons(proposal: Proposal) -> dict[str, str]:
    return {one["name"]: one["reason"] for one in proposal.sources if not one["usable"]}


def changed(proposal: Proposal) -> dict[str, tuple[list[str], list[str]]]:
    """Return {symbol: (who lists it, who does not)}."""
    ballots = proposal.membership["changed"]
    return {one["symbol"]: (one["listed_by"], one["not_listed_by"]) for one in ballots}


def hsi(provider: SourceTable | SourceError, *, page: SourceTable | None = None) -> Gathered:
    """Return what the sources of the HSI said; the funds and the page list what it was before."""
    former = official(HSI_MEMBERS)
    return answers(
        HSI,
        hang_seng=provider,
        tracker2800=former,
        ishares3115=former,
        wikipedia=page or table_of(HSI_MEMBERS),
    )


def test_the_provider_decides_whatever_the_others_say_and_the_page_names_members(
    home: Home,
) -> None:
    write_live(home, HSI, HSI_MEMBERS)
    proposal, receipt = judged(home, hsi(official([*HSI_MEMBERS, NEW])))
    assert (proposal.membership["rule"], proposal.source) == (
        "authority",
        "https://hang_seng.example/hsi",
    )
    assert changed(proposal) == {
        "9999.HK": (["hang_seng"], ["tracker2800", "ishares3115", "wikipedia"])
    }
    rows = rows_of(home, proposal)
    assert rows["9999.HK"] == ["9999.HK", "9999", "CATL", "Commerce & Industry", ""]
    assert rows["0001.HK"][2] == HSI_MEMBERS[0].name, "as the page writes it, not in capitals"
    assert receipt.has_passed


@pytest.mark.parametrize(
    ("told", "why"),
    [
        (SourceRefused("refused with HTTP 403"), "HTTP 403"),
        (official(HSI_MEMBERS, as_of=TODAY - timedelta(days=11)), "too old"),
        (official(HSI_MEMBERS, as_of=TODAY + timedelta(days=2)), "in the future on"),
        (official(HSI_MEMBERS[:20]), "it lists 20 members"),
        (replace(official(HSI_MEMBERS), stated_count=86), "states 86 members but lists 85"),
    ],
)
def test_where_the_provider_is_set_aside_the_others_vote_and_its_reason_is_kept(
    home: Home, told: SourceTable | SourceError, why: str
) -> None:
    write_live(home, HSI, [*HSI_MEMBERS, NEW])
    proposal, receipt = judged(home, hsi(told))
    assert (proposal.membership["rule"], proposal.membership["quorum"]) == ("quorum", 2)
    assert proposal.membership["votes"] == {"tracker2800": 85, "ishares3115": 85, "wikipedia": 85}
    assert why in reasons(proposal)["hang_seng"]
    assert "Hang Seng Indexes, the authority, was not used" in proposal.membership["reason"]
    assert [one.symbol for one in proposal.changes.removed] == ["9999.HK"]
    assert receipt.has_passed


def test_a_list_of_ten_days_still_decides(home: Home) -> None:
    proposal = staged(home, hsi(official(HSI_MEMBERS, as_of=TODAY - timedelta(days=10))))
    assert proposal.membership["rule"] == "authority"


def test_a_share_that_only_funds_list_is_undecided_and_named(home: Home) -> None:
    write_live(home, SP500, SP500_MEMBERS)
    more = official([*SP500_MEMBERS, Company("AMTM", "Spin Off Inc.")])
    proposal, receipt = judged(
        home, answers(SP500, wikipedia=table_of(SP500_MEMBERS), spy=more, ivv=more)
    )
    check = outcome_of(receipt.checks, rules.DECIDED)
    assert (check.outcome, receipt.has_passed) == (Outcome.WARNED, True)
    assert (
        "AMTM (SPIN OFF INC.) stays out: listed by SSGA's SPY holdings, iShares' IVV holdings, "
        "not by Wikipedia" in check.message
    )
    assert proposal.membership["undecided"] == [
        {
            "symbol": "AMTM",
            "security": "SPIN OFF INC.",
            "listed_by": ["spy", "ivv"],
            "not_listed_by": ["wikipedia"],
            "kept": False,
            "reason": "",
        }
    ]
    assert not proposal.changes.added


def test_three_members_swapped_on_the_page_within_all_limits_change_nothing(home: Home) -> None:
    write_live(home, SP500, SP500_MEMBERS)
    swapped = [
        *(Company(f"FAKE{letter}"[:4] + letter, f"Fake {letter} Inc.") for letter in "ABC"),
        *SP500_MEMBERS[3:],
    ]
    funds = official(SP500_MEMBERS)
    proposal, receipt = judged(
        home, answers(SP500, wikipedia=table_of(swapped), spy=funds, ivv=funds)
    )
    assert (proposal.changes.added, proposal.changes.removed) == ((), ())
    assert receipt.has_passed


@pytest.mark.parametrize("count", [1, 80])
def test_with_the_page_alone_nothing_changes_and_nothing_is_confirmed(
    home: Home, count: int
) -> None:
    before = write_live(home, HSI, HSI_MEMBERS)
    down = SourceRefused("refused with HTTP 403")
    page = table_of(HSI_MEMBERS[count:] if count == 1 else HSI_MEMBERS[:count])
    proposal, receipt = judged(
        home, answers(HSI, hang_seng=down, tracker2800=down, ishares3115=down, wikipedia=page)
    )
    assert staged_file(home, proposal).read_bytes() == before
    assert proposal.membership["rule"] == "unconfirmed"
    check = outcome_of(receipt.checks, rules.CONFIRMED)
    assert (check.outcome, receipt.has_passed) == (Outcome.WARNED, True)
    assert "1 of 3 sources is usable, but 2 must agree" in check.message
    assert "The list stays as it is" in check.message
    missing = {one["symbol"] for one in proposal.membership["undecided"]}
    assert len(missing) == 85 - len(page.rows), "what the page would change is named"


def test_an_unconfirmed_list_of_its_own_form_keeps_its_very_bytes(home: Home) -> None:
    write_live(home, HSI, HSI_MEMBERS)
    path = home.live_file("hsi")
    path.write_bytes(path.read_bytes().replace(b"\n", b"\r\n"))
    down = SourceRefused("HTTP 403")
    proposal = staged(home, answers(HSI, hang_seng=down, wikipedia=table_of(HSI_MEMBERS)))
    assert staged_file(home, proposal).read_bytes() == path.read_bytes()


def test_without_a_live_list_one_source_needs_the_override(home: Home) -> None:
    down = SourceRefused("refused with HTTP 403")
    gathered = answers(SP500, wikipedia=table_of(SP500_MEMBERS), spy=down, ivv=down)
    _, receipt = judged(home, gathered)
    assert names(receipt.checks, Outcome.FAILED) == {rules.CONFIRMED.name}
    assert "--allow-large-change" in outcome_of(receipt.checks, rules.CONFIRMED).message
    proposal, receipt = judged(home, gathered, 1, ACCEPTED)
    assert (receipt.has_passed, proposal.after_count) == (True, 503)
    assert names(receipt.checks, Outcome.WARNED) == {rules.CONFIRMED.name}


def test_where_no_source_can_be_read_each_is_named(home: Home) -> None:
    gathered = answers(HSI, hang_seng=SourceRefused("HTTP 403"), wikipedia=PageChanged("no table"))
    with pytest.raises(SourceRefused, match=r"(?s)is unchanged.*HTTP 403.*no table"):
        staged(home, gathered)


def test_lists_that_are_all_too_old_begin_none_and_are_named(home: Home) -> None:
    old = official(HSI_MEMBERS, as_of=TODAY - timedelta(days=99))
    with pytest.raises(PageChanged, match=r"(?s)no table.*is dated 2026-08-15, too old"):
        staged(home, answers(HSI, hang_seng=old, wikipedia=PageChanged("no table")))


def test_the_sources_and_the_quorum_are_settings(home: Home) -> None:
    configure(home, '[indices.hsi]\nsources = ["wikipedia"]\nquorum = 1\n')
    proposal = staged(home, hsi(official([*HSI_MEMBERS, NEW])))
    assert (proposal.membership["rule"], proposal.after_count) == ("single", 85)
    assert proposal.membership["votes"] == {"wikipedia": 85}


def test_without_the_page_names_stay_as_the_live_file_has_them(home: Home) -> None:
    write_live(home, HSI, HSI_MEMBERS)
    down = SourceRefused("HTTP 500")
    provider = official([*HSI_MEMBERS, NEW])
    rows = rows_of(home, staged(home, answers(HSI, hang_seng=provider, wikipedia=down)))
    assert [rows[f"{one.ticker.zfill(4)}.HK"][2] for one in HSI_MEMBERS] == [
        one.name for one in HSI_MEMBERS
    ]


def test_a_fund_gives_no_sub_index_and_a_list_that_is_too_old_describes_nobody(home: Home) -> None:
    blank = table_of([replace(one, sector="") for one in HSI_MEMBERS])
    theirs = official([replace(one, sector="Communication") for one in HSI_MEMBERS])
    old = official(HSI_MEMBERS, as_of=TODAY - timedelta(days=99))
    gathered = answers(HSI, hang_seng=old, tracker2800=theirs, ishares3115=theirs, wikipedia=blank)
    proposal = staged(home, gathered)
    assert {row[3] for row in rows_of(home, proposal).values()} == {""}


def two_tables() -> SourceTable:
    """Return the first of two tables of the S&P 500's page: 460 rows, 43 in the other."""
    return replace(table_of(SP500_MEMBERS[:460]), tables=2)


def test_a_page_in_two_tables_loses_nobody(home: Home) -> None:
    write_live(home, SP500, SP500_MEMBERS)
    funds = official(SP500_MEMBERS)
    proposal, receipt = judged(home, answers(SP500, wikipedia=two_tables(), spy=funds, ivv=funds))
    assert (proposal.after_count, receipt.has_passed) == (503, True)
    assert "split into 2 tables" in reasons(proposal)["wikipedia"]
    assert usable(proposal) == ["spy", "ivv"]


def test_a_contra_line_of_the_last_source_that_is_left_blocks_nothing(home: Home) -> None:
    write_live(home, SP500, SP500_MEMBERS)
    contra = DroppedRow("row 504: CONTRA HOLOGIC INCORPO | 2602335D", "a contra line")
    spy = replace(official(SP500_MEMBERS), beside=(contra,) * 30)
    down = SourceRefused("HTTP 403")
    proposal, receipt = judged(home, answers(SP500, wikipedia=down, spy=spy, ivv=down))
    assert not names(receipt.checks, Outcome.FAILED)
    assert (proposal.after_count, proposal.rows_lost) == (503, ())
    assert {"source": "spy", "row": contra.row, "reason": contra.reason} in proposal.rows_dropped


def with_cusips(table: SourceTable) -> SourceTable:
    rows = (replace(row, identifiers=(f"{n:08d}1",)) for n, row in enumerate(table.rows))
    return replace(table, rows=tuple(rows))


def test_a_member_under_a_placeholder_is_known_by_what_was_published_with_it(home: Home) -> None:
    write_live(home, SP500, SP500_MEMBERS[:-1])
    page, funds = table_of(SP500_MEMBERS), official(SP500_MEMBERS)
    first, _ = judged(home, answers(SP500, wikipedia=page, spy=with_cusips(funds), ivv=funds))
    promote(home, SP500, first.proposal_id, load_settings(home), mark(), None)
    assert published_identifiers(home, SP500)["AAA"] == ("000000001",)

    placeholder = SourceRow(1, "2670549D", "A NEW NAME", "", "", ("000000001",), is_unknown=True)
    odd = replace(funds, rows=(placeholder, *funds.rows[1:]))
    lagging = table_of(SP500_MEMBERS[1:])
    proposal = staged(home, answers(SP500, wikipedia=lagging, spy=odd, ivv=funds), 1)
    assert proposal.after_count == 503, "SPY and IVV list it"
    assert any(
        "A NEW NAME is listed as '2670549D', read as AAA" in text for text in proposal.warnings
    )
    assert proposal.identifiers["AAA"] == ("000000001",)


def test_a_restore_keeps_what_its_members_are_known_by(home: Home) -> None:
    write_live(home, SP500, SP500_MEMBERS[:-1])
    page, funds = table_of(SP500_MEMBERS), official(SP500_MEMBERS)
    first, _ = judged(home, answers(SP500, wikipedia=page, spy=with_cusips(funds), ivv=funds))
    promote(home, SP500, first.proposal_id, load_settings(home), mark(), None)
    known = published_identifiers(home, SP500)
    restored = stage_backup(home, SP500, None, mark(1))
    assert len(restored.identifiers) == len(SP500_MEMBERS) - 1
    assert restored.identifiers.items() < known.items()


def test_a_ticker_that_changed_is_one_rename_whatever_the_names(home: Home) -> None:
    before = [replace(SP500_MEMBERS[0], ticker="OLD", name="Old Name Inc."), *SP500_MEMBERS[1:]]
    write_live(home, SP500, before[:-1])
    tables = {name: with_cusips(official(before)) for name in ("spy", "ivv")}
    first, _ = judged(home, answers(SP500, wikipedia=table_of(before), **tables))
    promote(home, SP500, first.proposal_id, load_settings(home), mark(), None)

    tables = {name: with_cusips(official(SP500_MEMBERS)) for name in ("spy", "ivv")}
    proposal = staged(home, answers(SP500, wikipedia=table_of(SP500_MEMBERS), **tables), 1)
    (renamed,) = proposal.changes.renamed
    assert (renamed.from_symbol, renamed.to_symbol) == ("OLD", "AAA")


def test_rows_that_a_voter_dropped_count_and_those_of_one_set_aside_do_not(home: Home) -> None:
    lost = tuple(DroppedRow(f"row {n}", "odd") for n in range(90))
    page = replace(two_tables(), dropped=lost, rows_read=550)
    funds = official(SP500_MEMBERS)
    proposal, receipt = judged(home, answers(SP500, wikipedia=page, spy=funds, ivv=funds))
    assert (len(proposal.rows_dropped), proposal.rows_lost) == (90, ())
    page = replace(table_of(SP500_MEMBERS), dropped=lost, rows_read=593)
    _, receipt = judged(home, answers(SP500, wikipedia=page, spy=funds, ivv=funds), 1)
    assert outcome_of(receipt.checks, rules.DROPPED).outcome == Outcome.FAILED


def publish(home: Home, members: list[Company], minutes: float) -> Proposal:
    gathered = answers(STI, es3=official(members), wikipedia=table_of(members))
    proposal, _ = judged(home, gathered, minutes)
    promote(home, STI, proposal.proposal_id, load_settings(home), mark(minutes), None)
    return proposal


def test_a_change_that_undoes_a_recent_one_is_pointed_out(home: Home) -> None:
    members = companies("sti")
    write_live(home, STI, members)
    first = publish(home, members[1:], 1)
    back = staged(home, answers(STI, es3=official(members), wikipedia=table_of(members)), 2)
    assert any(
        "A00.SI comes back: it left on 2026-11-22" in text and first.report_id in text
        for text in back.warnings
    )
    publish(home, members, 3)
    again = staged(
        home, answers(STI, es3=official(members[1:]), wikipedia=table_of(members[1:])), 4
    )
    assert any("A00.SI leaves again: it came on 2026-11-22" in text for text in again.warnings)
    # All on one day: it is the last report that is undone, not the first.
    last = publish(home, members[1:], 5)
    back = staged(home, answers(STI, es3=official(members), wikipedia=table_of(members)), 6)
    assert any("comes back" in text and last.report_id in text for text in back.warnings)


def test_a_live_file_without_names_is_compared_promoted_and_repaired(home: Home) -> None:
    members = companies("sti")
    rows = "".join(f"{one.ticker}.SI,x\n" for one in members[1:])
    home.live_file("sti").parent.mkdir(parents=True, exist_ok=True)
    home.live_file("sti").write_text(f"symbol,name\n{rows}")
    publish(home, members, 1)
    assert members[0].ticker in home.live_file("sti").read_text()


def test_others_that_undo_the_first_publication_of_the_provider_name_whom(home: Home) -> None:
    first, _ = judged(home, hsi(official([*HSI_MEMBERS, NEW])))
    promote(home, HSI, first.proposal_id, load_settings(home), mark(), None)
    back = staged(home, hsi(SourceRefused("HTTP 503")), 1)
    told = "9999.HK leaves again: it came on 2026-11-22 by " + first.report_id
    assert any(told in text for text in back.warnings)
    decided = staged(home, hsi(official(HSI_MEMBERS)), 2)
    assert not [text for text in decided.warnings if "leaves again" in text]


def test_one_of_long_ago_is_no_reversal(home: Home) -> None:
    members = companies("sti")
    write_live(home, STI, members)
    publish(home, members[1:], 1)
    late = 60 * 24 * 40
    back = staged(
        home,
        answers(
            STI,
            es3=official(members, as_of=TODAY + timedelta(days=40)),
            wikipedia=table_of(members),
        ),
        late,
    )
    assert not [text for text in back.warnings if "comes back" in text]


# --- announced changes -----------------------------------------------------------------------

APP, OLD = Company("APP", "AppLovin", "Information Technology"), SP500_MEMBERS[0]
SOON = TODAY + timedelta(days=9)


def swap(day: date) -> tuple[AnnouncedChange, ...]:
    """Return the announcement that AppLovin replaces the first member on `day`."""
    why = "Market capitalization change."
    return (
        AnnouncedChange(day, Action.ADD, APP.ticker, APP.name, OLD.ticker, why, "changes"),
        AnnouncedChange(day, Action.REMOVE, OLD.ticker, OLD.name, APP.ticker, why, "changes"),
    )


def with_announced(said: Gathered, *announced: AnnouncedChange) -> Gathered:
    """Return what the sources said, and what is announced beside."""
    spec = said.index.announcements[0]
    table = AnnouncedTable(announced, (), len(announced))
    read = Attempt(spec, f"https://{spec.name}.example/changes", announced=table, status=200)
    return replace(said, announcements=(read,))


def sp500(
    *announced: AnnouncedChange, page: list[Company], spy: list[Company], ivv: list[Company]
) -> Gathered:
    """Return what the sources of the S&P 500 said, with what is announced."""
    said = answers(SP500, wikipedia=table_of(page), spy=official(spy), ivv=official(ivv))
    return with_announced(said, *announced)


def records(proposal: Proposal) -> dict[tuple[str, str], tuple[str, str | None]]:
    """Return {(action, symbol): (status, day)} of what a proposal says of announcements."""
    return {
        (one["action"], one["symbol"]): (one["status"], one["effective_date"])
        for one in proposal.announced
    }


def test_a_quorum_that_anticipates_is_undecided_with_the_day_and_changes_nothing(
    home: Home,
) -> None:
    write_live(home, SP500, SP500_MEMBERS)
    swapped = [*SP500_MEMBERS[1:], APP]
    said = sp500(*swap(SOON), page=swapped, spy=swapped, ivv=SP500_MEMBERS)
    proposal, receipt = judged(home, said)
    assert not proposal.changes.added + proposal.changes.removed
    assert {one["symbol"]: one["reason"] for one in proposal.membership["undecided"]} == {
        APP.ticker: f"its addition is announced for {SOON}",
        OLD.ticker: f"its removal is announced for {SOON}",
    }
    assert (
        f"APP (AppLovin) stays out: its addition is announced for {SOON}, listed by Wikipedia"
        in outcome_of(receipt.checks, rules.DECIDED).message
    )
    assert records(proposal) == {
        ("add", APP.ticker): ("upcoming", SOON.isoformat()),
        ("remove", OLD.ticker): ("upcoming", SOON.isoformat()),
    }
    assert receipt.has_passed


def test_on_its_day_each_change_names_its_announcement_or_that_there_is_none(home: Home) -> None:
    write_live(home, SP500, SP500_MEMBERS)
    odd = Company("ODD", "Odd Works", "Energy")
    swapped = [*SP500_MEMBERS[1:], APP, odd]
    # AT is a Sunday's afternoon in New York.
    proposal = staged(home, sp500(*swap(TODAY), page=swapped, spy=swapped, ivv=SP500_MEMBERS))
    assert records(proposal) == {
        ("add", APP.ticker): ("explains", TODAY.isoformat()),
        ("add", odd.ticker): ("unexplained", None),
        ("remove", OLD.ticker): ("explains", TODAY.isoformat()),
    }
    again = read_proposal(home, proposal.proposal_id)
    assert again.announced == proposal.announced
    assert not [one for one in proposal.warnings if "Announced" in one]


def test_four_hundred_old_announcements_leave_no_record(home: Home) -> None:
    write_live(home, SP500, SP500_MEMBERS)
    old = [one for days in range(10, 8000, 40) for one in swap(TODAY - timedelta(days=days))]
    both = {"page": SP500_MEMBERS, "spy": SP500_MEMBERS, "ivv": SP500_MEMBERS}
    # The newest has not happened: it is named in a warning, and the others are history.
    proposal = staged(home, sp500(*old, **both))
    assert proposal.announced == ()
    (late,) = [one for one in proposal.warnings if "nnounced" in one]
    day = TODAY - timedelta(days=10)
    assert f"APP (AppLovin) should have joined on {day} but is not in the list" in late
    assert f"should have left on {day} but is still in it" in late


def test_what_funds_alone_list_joins_by_a_recent_announcement(home: Home) -> None:
    write_live(home, SP500, SP500_MEMBERS)
    more = [*SP500_MEMBERS, APP]
    said = sp500(swap(TODAY)[0], page=SP500_MEMBERS, spy=more, ivv=more)
    assert [one.symbol for one in staged(home, said).changes.added] == ["APP"]
    assert not staged(home, with_announced(said), 1).changes.added


def test_a_first_list_names_only_what_is_still_to_come(home: Home) -> None:
    rows = SP500_MEMBERS
    proposal = staged(home, sp500(*swap(SOON), *swap(TODAY)[:1], page=rows, spy=rows, ivv=rows))
    assert {status for status, _ in records(proposal).values()} == {"upcoming"}


@pytest.mark.parametrize(
    ("age", "ago", "status"), [(300, 280, "explains"), (1, 280, "unexplained")]
)
def test_a_change_is_explained_by_what_became_effective_since_the_list_was_published(
    home: Home, age: int, ago: int, status: str
) -> None:
    rows, swapped = SP500_MEMBERS, [*SP500_MEMBERS[1:], APP]
    first = staged(home, sp500(page=rows, spy=rows, ivv=rows))
    limits = load_settings(home).of(SP500)
    audit(home, SP500, first, limits, Override(), mark())
    promote(home, SP500, first.proposal_id, load_settings(home), mark())
    late = replace(mark(1), at=AT + timedelta(days=age))
    then = late.at.date() - timedelta(days=ago)
    said = sp500(*swap(then), page=swapped, spy=swapped, ivv=swapped)
    tables = [replace(one.table, as_of=late.at.date()) for one in said.attempts if one.table]
    attempts = zip(said.attempts, tables, strict=True)
    said = replace(said, attempts=tuple(replace(one, table=table) for one, table in attempts))
    found = records(stage(home, SP500, said, limits, late))
    assert {one for one, _ in found.values()} == {status}


def test_the_provider_decides_before_the_day_and_its_change_is_explained(home: Home) -> None:
    write_live(home, HSI, HSI_MEMBERS)
    day = TODAY + timedelta(days=3)
    known = AnnouncedChange(day, Action.ADD, "9999.HK", "CATL", source="hang_seng_notices")
    later = replace(known, effective_date=SOON, symbol="9998.HK", security="Later")
    said = with_announced(hsi(official([*HSI_MEMBERS, NEW])), known, later)
    assert records(staged(home, said)) == {
        ("add", "9999.HK"): ("explains", day.isoformat()),
        ("add", "9998.HK"): ("upcoming", SOON.isoformat()),
    }


def test_where_announcements_cannot_be_read_a_warning_says_so_and_no_change_is_unannounced(
    home: Home,
) -> None:
    write_live(home, SP500, SP500_MEMBERS)
    swapped = [*SP500_MEMBERS[1:], APP]
    said = sp500(page=swapped, spy=swapped, ivv=swapped)
    (read,) = said.announcements
    down = replace(read, announced=None, error=SourceRefused("refused with HTTP 403"))
    proposal = staged(home, replace(said, announcements=(down,)))
    assert {one.symbol for one in proposal.changes.added} == {"APP"}
    assert proposal.announced == ()
    (warning,) = proposal.warnings
    assert "announced changes of S&P 500 could not be read from Wikipedia" in warning
    assert "No change can be explained or held until its day" in warning
    assert "HTTP 403" in warning


def test_an_index_without_published_announcements_says_nothing_of_them(home: Home) -> None:
    rows = companies("sti")
    write_live(home, STI, rows)
    swapped = [*rows[1:], Company("ZZ9", "New Works")]
    proposal = staged(home, answers(STI, es3=official(swapped), wikipedia=table_of(swapped)))
    assert {one.symbol for one in proposal.changes.added} == {"ZZ9.SI"}
    assert (proposal.announced, proposal.warnings) == ((), ())
