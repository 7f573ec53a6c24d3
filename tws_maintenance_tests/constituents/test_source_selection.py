"""Which source decides, which describes, who agrees, and what undoes a recent change."""

from collections.abc import Iterable
from dataclasses import replace
from datetime import date, timedelta

import pytest

from tws_maintenance.audit.receipt import Override, Receipt
from tws_maintenance.audit.results import Outcome, RuleResult
from tws_maintenance.config.home import Home
from tws_maintenance.config.indices import INDICES, Index
from tws_maintenance.config.settings import IndexSettings, Settings, load_settings
from tws_maintenance.constituents import rules
from tws_maintenance.constituents.audit import audit
from tws_maintenance.constituents.csv_file import read_live
from tws_maintenance.constituents.promotion import promote
from tws_maintenance.constituents.proposal import Proposal
from tws_maintenance.constituents.source_selection import Choice, agreements, choose
from tws_maintenance.constituents.stage import stage
from tws_maintenance.core.errors import PageChanged, SourceError, SourceRefused
from tws_maintenance.demo.pages import Company, companies
from tws_maintenance.sources.model import Attempt, Gathered, SourceTable
from tws_maintenance_tests.constituents.bench import AT, mark, raw_copy
from tws_maintenance_tests.support import table_of, write_live

HSI, STI, SP500 = (INDICES[key] for key in ("hsi", "sti", "sp500"))
TODAY = AT.date()
SETTINGS = Settings()
NEW = Company("9999", "CATL", "Commerce & Industry")


def official(members: Iterable[Company], *, as_of: date = TODAY) -> SourceTable:
    """Return an official list: names in shortened capitals, the sub-index known."""
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


def chosen(gathered: Gathered, home: Home, **limits: object) -> Choice:
    settings = SETTINGS.of(gathered.index).model_copy(update=limits)
    return choose(gathered, settings, read_live(home, gathered.index), AT)


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


def second_source(receipt: Receipt) -> RuleResult:
    return next(one for one in receipt.checks if one.name == rules.SECOND_SOURCE.name)


def test_the_official_list_decides_and_the_page_names_its_members(home: Home) -> None:
    members = companies("hsi")
    found = chosen(
        answers(HSI, official=official([*members, NEW]), wikipedia=table_of(members)), home
    )
    assert found.membership() == {
        "source": "official",
        "title": "Hang Seng Indexes",
        "url": "https://official.example/hsi",
        "as_of": TODAY.isoformat(),
    }
    assert found.enrichment == {"security": "wikipedia", "sector": "official"}
    assert [row.security for row in found.table.rows] == [*(m.name for m in members), "CATL"]
    assert found.warnings == ()


def test_of_the_sp500_the_page_decides(home: Home) -> None:
    members = companies("sp500")
    gathered = answers(SP500, wikipedia=table_of(members), official=official(members[1:]))
    assert chosen(gathered, home).membership()["source"] == "wikipedia"
    assert len(chosen(gathered, home).table.rows) == 503


@pytest.mark.parametrize(
    ("told", "why"),
    [
        (SourceRefused("refused with HTTP 403"), "HTTP 403"),
        (official(companies("hsi"), as_of=TODAY - timedelta(days=11)), "too old to decide"),
        (official(companies("hsi"), as_of=TODAY + timedelta(days=2)), "still to come"),
        (official(companies("hsi")[:20]), "only 20 rows"),
    ],
)
def test_where_it_may_not_decide_the_page_does_and_what_is_lost_is_said(
    home: Home, told: SourceTable | SourceError, why: str
) -> None:
    found = chosen(answers(HSI, official=told, wikipedia=table_of(companies("hsi"))), home)
    assert found.membership()["source"] == "wikipedia"
    (warning,) = found.warnings
    assert why in warning
    assert "who is a member is Wikipedia's word" in warning


def test_a_list_of_ten_days_still_decides(home: Home) -> None:
    old = official(companies("hsi"), as_of=TODAY - timedelta(days=10))
    found = chosen(answers(HSI, official=old, wikipedia=table_of(companies("hsi"))), home)
    assert found.membership()["source"] == "official"


def test_without_any_that_may_decide_each_is_named(home: Home) -> None:
    old = official(companies("hsi"), as_of=TODAY - timedelta(days=99))
    gathered = answers(HSI, official=old, wikipedia=PageChanged("no table"))
    with pytest.raises(PageChanged, match=r"(?s)left as it is.*too old to decide.*no table"):
        chosen(gathered, home)


def test_the_order_is_a_setting(home: Home) -> None:
    members = companies("hsi")
    gathered = answers(HSI, official=official(members), wikipedia=table_of(members[1:]))
    found = chosen(gathered, home, membership=("wikipedia", "official"))
    assert found.membership()["source"] == "wikipedia"


def test_without_the_page_names_stay_as_the_live_file_has_them(home: Home) -> None:
    members = companies("hsi")
    write_live(home, HSI, members)
    gathered = answers(HSI, official=official([*members, NEW]), wikipedia=SourceRefused("HTTP 500"))
    found = chosen(gathered, home)
    assert [row.security for row in found.table.rows] == [*(m.name for m in members), "CATL"]


def test_an_official_list_that_is_too_old_describes_nobody(home: Home) -> None:
    old = [replace(one, sector="Old Sector") for one in companies("hsi")]
    gathered = answers(
        HSI,
        official=official(old, as_of=TODAY - timedelta(days=99)),
        wikipedia=table_of(companies("hsi")),
    )
    assert "Old Sector" not in {row.sector for row in chosen(gathered, home).table.rows}


def test_what_agrees_passes_and_each_change_is_told(home: Home) -> None:
    members = companies("hsi")
    write_live(home, HSI, members)
    both = [*members[1:], NEW]
    proposal, receipt = judged(
        home, answers(HSI, official=official(both), wikipedia=table_of(both))
    )
    assert second_source(receipt).outcome == Outcome.PASSED
    assert "lists the same members" in second_source(receipt).message
    (second,) = proposal.corroboration
    assert (second["only_here"], second["only_there"]) == ([], [])


def test_a_difference_is_a_warning_that_names_who_has_it(home: Home) -> None:
    members = companies("hsi")
    write_live(home, HSI, members)
    gathered = answers(HSI, official=official([*members[1:], NEW]), wikipedia=table_of(members))
    proposal, receipt = judged(home, gathered)
    check = second_source(receipt)
    assert (check.outcome, receipt.has_passed) == (Outcome.WARNED, True)
    assert "only in this list: 9999.HK (CATL)" in check.message
    assert f"only in Wikipedia: 0001.HK ({members[0].name})" in check.message
    (second,) = proposal.corroboration
    assert [one["symbol"] for one in second["only_here"]] == ["9999.HK"]


def test_three_members_swapped_within_all_other_limits_are_caught(home: Home) -> None:
    members = companies("sp500")
    write_live(home, SP500, members)
    swapped = [
        *(Company(f"FAKE{n}"[:4] + "ABC"[n], f"Fake {n} Inc.", m.sector, m.sub_industry)
          for n, m in enumerate(members[:3])),
        *members[3:],
    ]  # fmt: skip
    gathered = answers(SP500, wikipedia=table_of(swapped), official=official(members))
    _, receipt = judged(home, gathered)
    others = [one.name for one in receipt.checks if one.outcome != Outcome.PASSED]
    assert others == [rules.SECOND_SOURCE.name], "no other rule has a word about it"
    assert "FAKEA" in second_source(receipt).message


def test_many_differences_fail_and_the_override_lets_them_through(home: Home) -> None:
    members = companies("hsi")
    write_live(home, HSI, members)
    gathered = answers(HSI, official=official(members), wikipedia=table_of(members[10:]))
    _, receipt = judged(home, gathered)
    assert second_source(receipt).outcome == Outcome.FAILED
    assert "--allow-large-change" in second_source(receipt).message
    accepted = Override(allow_large_change=True, reason="the page lags")
    _, receipt = judged(home, gathered, minutes=1, override=accepted)
    assert receipt.has_passed
    assert second_source(receipt).outcome == Outcome.WARNED


def test_one_that_cannot_be_asked_is_a_warning_and_no_failure(home: Home) -> None:
    members = companies("hsi")
    write_live(home, HSI, members)
    gathered = answers(HSI, official=official(members), wikipedia=SourceRefused("HTTP 403"))
    _, receipt = judged(home, gathered)
    check = second_source(receipt)
    assert (check.outcome, receipt.has_passed) == (Outcome.WARNED, True)
    assert "could not be asked" in check.message
    assert "HTTP 403" in check.message


def test_a_difference_with_one_that_is_too_old_is_a_note(home: Home) -> None:
    members = companies("sp500")
    write_live(home, SP500, members)
    old = official(members[40:], as_of=TODAY - timedelta(days=300))
    _, receipt = judged(home, answers(SP500, wikipedia=table_of(members), official=old))
    check = second_source(receipt)
    assert check.outcome == Outcome.PASSED
    assert "older than 10 days, which may be all" in check.message


def test_one_that_agrees_in_nothing_fails(home: Home) -> None:
    members = companies("hsi")
    others = [replace(one, ticker=str(7000 + n)) for n, one in enumerate(members)]
    _, receipt = judged(home, answers(HSI, official=official(members), wikipedia=table_of(others)))
    assert second_source(receipt).outcome == Outcome.FAILED


def test_a_page_that_contradicts_its_own_count_still_warns(home: Home) -> None:
    table = replace(table_of(companies("sti")), stated_count=33)
    gathered = answers(STI, wikipedia=table, official=SourceRefused("HTTP 500"))
    _, receipt = judged(home, gathered)
    stated = next(one for one in receipt.checks if one.name == rules.STATED_COUNT.name)
    assert stated.outcome == Outcome.WARNED


def publish(home: Home, members: list[Company], minutes: float) -> Proposal:
    gathered = answers(STI, official=official(members), wikipedia=table_of(members))
    proposal, _ = judged(home, gathered, minutes)
    promote(home, STI, proposal.proposal_id, load_settings(home), mark(minutes), None)
    return proposal


def test_a_change_that_undoes_a_recent_one_is_pointed_out(home: Home) -> None:
    members = companies("sti")
    write_live(home, STI, members)
    first = publish(home, members[1:], 1)
    back = staged(home, answers(STI, official=official(members), wikipedia=table_of(members)), 2)
    assert any(
        "A00.SI comes back: it left on 2026-11-22" in text and first.report_id in text
        for text in back.warnings
    )
    publish(home, members, 3)
    again = staged(
        home, answers(STI, official=official(members[1:]), wikipedia=table_of(members[1:])), 4
    )
    assert any("A00.SI leaves again: it came on 2026-11-22" in text for text in again.warnings)
    # All on one day: it is the last report that is undone, not the first.
    last = publish(home, members[1:], 5)
    back = staged(home, answers(STI, official=official(members), wikipedia=table_of(members)), 6)
    assert any("comes back" in text and last.report_id in text for text in back.warnings)


def test_a_source_that_is_too_old_confirms_nothing(home: Home) -> None:
    members = companies("sp500")
    write_live(home, SP500, members[1:])
    old = official([*members[2:], Company("OLD", "Old plc")], as_of=TODAY - timedelta(days=400))
    of = f"SSGA's SPY holdings of {old.as_of}, which is too old to confirm it"
    proposal = staged(home, answers(SP500, wikipedia=table_of(members), official=old))
    assert dict(agreements(proposal)) == {members[0].ticker: f"not in {of}"}
    same = replace(old, rows=table_of(members).rows)
    proposal = staged(home, answers(SP500, wikipedia=table_of(members), official=same))
    assert dict(agreements(proposal)) == {members[0].ticker: f"the same in {of}"}


def test_what_is_no_symbol_is_confirmed_by_nobody(home: Home) -> None:
    members = companies("sp500")
    write_live(home, SP500, members)
    odd = Company("FAKE99", "Fake plc")
    proposal = staged(
        home, answers(SP500, wikipedia=table_of([*members, odd]), official=official(members))
    )
    assert dict(agreements(proposal)) == {}


def test_a_live_file_without_names_is_compared_promoted_and_repaired(home: Home) -> None:
    members = companies("sti")
    rows = "".join(f"{one.ticker}.SI,x\n" for one in members[1:])
    home.live_file("sti").parent.mkdir(parents=True, exist_ok=True)
    home.live_file("sti").write_text(f"symbol,name\n{rows}")
    publish(home, members, 1)
    assert members[0].ticker in home.live_file("sti").read_text()


def test_a_fallback_that_undoes_the_first_publication_names_whom(home: Home) -> None:
    members = companies("sti")
    first = publish(home, members, 1)
    lagging = table_of(members[1:])
    down = SourceRefused("HTTP 503")
    back = staged(home, answers(STI, official=down, wikipedia=lagging), 2)
    told = "A00.SI leaves again: it came on 2026-11-22 by " + first.report_id
    assert any(told in text for text in back.warnings)
    decided = answers(STI, official=official(members[1:]), wikipedia=lagging)
    assert not [text for text in staged(home, decided, 3).warnings if "leaves again" in text]


def test_one_of_long_ago_is_no_reversal(home: Home) -> None:
    members = companies("sti")
    write_live(home, STI, members)
    publish(home, members[1:], 1)
    late = 60 * 24 * 40
    back = staged(
        home,
        answers(
            STI,
            official=official(members, as_of=TODAY + timedelta(days=40)),
            wikipedia=table_of(members),
        ),
        late,
    )
    assert not [text for text in back.warnings if "comes back" in text]
