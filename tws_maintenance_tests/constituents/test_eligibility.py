"""May a proposal be applied: one answer for everything that can lie on disk, in one order."""

import json
from collections import Counter
from collections.abc import Callable, Iterator
from dataclasses import asdict, dataclass, replace
from datetime import UTC, datetime, timedelta
from itertools import product

import pytest

from tws_maintenance.audit.receipt import Receipt
from tws_maintenance.audit.results import Outcome, RuleResult, ValidationStatus
from tws_maintenance.config.home import Home
from tws_maintenance.config.settings import load_settings
from tws_maintenance.constituents.diff import Changes
from tws_maintenance.constituents.eligibility import (
    MAY_BE_APPLIED,
    STATES,
    Eligibility,
    Evidence,
    Verdict,
    eligibility,
    look,
    read_evidence,
    why,
)
from tws_maintenance.constituents.promotion_stamp import Generation
from tws_maintenance.constituents.proposal import RECORD, Proposal
from tws_maintenance.constituents.publishing import RECORD as PROMOTION
from tws_maintenance.constituents.publishing import Intent
from tws_maintenance.core.clock import utc_text
from tws_maintenance.core.digest import sha256
from tws_maintenance.core.errors import (
    PromotionFailed,
    ProposalMissing,
    ProposalUnaudited,
    Refusal,
)
from tws_maintenance.demo.pages import companies
from tws_maintenance_tests.constituents.bench import AT as STAGED_AT
from tws_maintenance_tests.constituents.bench import STI, ready, with_strangers
from tws_maintenance_tests.support import write_live

AT = datetime(2026, 11, 22, 18, 30, tzinfo=UTC)
DAY = timedelta(hours=24)
STAGED, FORMER, OTHER = b"the new list", b"the former list", b"another list"
ID = "maintenance_20261122_100000_sti"
REPORT = "maintenance_20261122_100000"

PROPOSALS = ("gone", "undated", "readable")
STAGED_FILES = ("gone", "as staged", "edited")
RECEIPTS = ("gone", "of other bytes", "of another", "failed", "passed")
REPORTED = ("no report", "this", "another")
INTENTS = ("never tried", "damaged", "intended", "promoted", "abandoned")
AGES = ("fresh", "a day", "older", "within tolerance", "future")
LIVE = ("unreadable", "none", "former", "as staged", "another")
HOURS = {"fresh": 1.0, "a day": 24.0, "older": 24.1, "within tolerance": -0.05, "future": -0.1}


@dataclass(frozen=True)
class Case:
    """One combination, by words."""

    proposal: str
    staged: str
    receipt: str
    reported: str
    intent: str
    age: str
    live: str


# The contract's order of promotion (re-read and compare, used, too old, equal, another file).
ORDER: list[tuple[Verdict, Callable[[Case], bool]]] = [
    (Verdict.MISSING, lambda c: c.proposal != "readable" or c.staged == "gone"),
    (Verdict.UNAUDITED, lambda c: c.receipt == "gone"),
    (Verdict.ALTERED, lambda c: c.staged == "edited" or c.receipt.startswith("of ")),
    (Verdict.NOT_REPORTED, lambda c: c.reported == "another"),
    (Verdict.REJECTED, lambda c: c.receipt == "failed"),
    (Verdict.UNRECORDED, lambda c: c.intent == "damaged"),
    (Verdict.PROMOTED, lambda c: c.intent == "promoted"),
    (Verdict.TOO_OLD, lambda c: c.age in {"older", "future"}),
    (Verdict.UNREADABLE, lambda c: c.live == "unreadable"),
    (Verdict.UNCHANGED, lambda c: c.live == "as staged"),
    (Verdict.IN_PROMOTION, lambda c: c.intent == "intended"),
    (Verdict.OUTDATED, lambda c: c.live != "former"),
    (Verdict.ELIGIBLE, lambda _: True),
]


def every_case() -> Iterator[Case]:
    axes = (PROPOSALS, STAGED_FILES, RECEIPTS, REPORTED, INTENTS, AGES, LIVE)
    return (Case(*one) for one in product(*axes))


def expected(case: Case) -> Verdict:
    return next(verdict for verdict, holds in ORDER if holds(case))


READABLE = Proposal(
    proposal_id=ID,
    report_id=REPORT,
    run_id="run",
    index="sti",
    created_at=utc_text(AT),
    sha256=sha256(STAGED),
    live_sha256=sha256(FORMER),
    before_count=30,
    after_count=30,
    changes=Changes(),
    source="http://127.0.0.1/",
    copies=(),
    rows_read=30,
    rows_dropped=(),
    carried_forward=0,
)
PASSED = Receipt(
    ID, REPORT, sha256(STAGED), ValidationStatus.PASSED, utc_text(AT), False, "", {}, ()
)
STAMP = Generation("stamp", "maintenance_9", ID, utc_text(AT), sha256(STAGED), "a page")
INTENT = Intent("intended", "maintenance_9", "run", utc_text(AT), None, "", None, STAMP)


PROPOSAL: dict[str, Proposal | ProposalMissing] = {
    "gone": ProposalMissing("there is no record"),
    "undated": replace(READABLE, created_at="yesterday"),
    "readable": READABLE,
}
FILE: dict[str, bytes | ProposalMissing] = {
    "gone": ProposalMissing("there is no file"),
    "as staged": STAGED,
    "edited": OTHER,
}
RECEIPT: dict[str, Receipt | ProposalUnaudited] = {
    "gone": ProposalUnaudited("there is no receipt"),
    "of other bytes": replace(PASSED, sha256=sha256(OTHER)),
    "of another": replace(PASSED, proposal_id="maintenance_20261122_110000_sti"),
    "failed": replace(
        PASSED,
        status=ValidationStatus.FAILED,
        checks=(RuleResult("symbols_are_unique", Outcome.FAILED, "two rows"),),
    ),
    "passed": PASSED,
}
PROMOTED: dict[str, Intent | ProposalUnaudited | None] = {
    "never tried": None,
    "damaged": ProposalUnaudited("promotion.json is damaged"),
    **{state: replace(INTENT, state=state) for state in ("intended", "promoted", "abandoned")},
}
LIVE_FILE: dict[str, bytes | PromotionFailed | None] = {
    "unreadable": PromotionFailed("the live file cannot be read"),
    "none": None,
    "former": FORMER,
    "as staged": STAGED,
    "another": OTHER,
}
REPORTED_SHA256 = {"no report": None, "this": sha256(STAGED), "another": sha256(OTHER)}


def answered(case: Case) -> Eligibility:
    evidence = Evidence(
        proposal_id=ID,
        proposal=PROPOSAL[case.proposal],
        staged=FILE[case.staged],
        receipt=RECEIPT[case.receipt],
        intent=PROMOTED[case.intent],
        live=LIVE_FILE[case.live],
        live_name="data/sti_constituents.csv",
    )
    at = AT + timedelta(hours=HOURS[case.age])
    return eligibility(evidence, at, DAY, REPORTED_SHA256[case.reported])


def test_every_combination_has_one_answer_in_the_order_of_the_contract() -> None:
    found: Counter[Verdict] = Counter()
    for case in every_case():
        verdict = answered(case).verdict
        assert verdict is expected(case), case
        found[verdict] += 1
    assert set(found) == set(Verdict)


def test_the_order_of_the_verdicts_is_the_order_of_the_checks() -> None:
    assert [verdict for verdict, _ in ORDER] == list(Verdict)


def test_every_answer_has_a_reason_a_state_and_an_error_exactly_where_it_refuses() -> None:
    for case in every_case():
        found = answered(case)
        assert found.reason, case
        assert why(found), case
        assert STATES[found.verdict].word, case
        assert found.may_be_applied is (found.verdict in MAY_BE_APPLIED)
        if not found.may_be_applied:
            error = found.error()
            assert str(error) == found.reason
            assert isinstance(error, Refusal) is (found.verdict is not Verdict.UNREADABLE)


def test_without_a_former_file_a_file_that_came_since_makes_it_outdated() -> None:
    evidence = Evidence(
        ID, replace(READABLE, live_sha256=None), STAGED, PASSED, None, None, "data/x.csv"
    )
    assert eligibility(evidence, AT, DAY).verdict is Verdict.ELIGIBLE
    found = eligibility(replace(evidence, live=OTHER), AT, DAY)
    assert found.verdict is Verdict.OUTDATED
    assert "expected no file, found " in found.reason


@pytest.mark.parametrize(
    ("created_at", "verdict"),
    [
        (5, Verdict.MISSING),
        ("2026-11-22T18:30:00", Verdict.MISSING),
        ("0001-01-01T00:00:00+23:00", Verdict.MISSING),
        ("9999-12-31T23:59:59Z", Verdict.TOO_OLD),
    ],
)
def test_a_date_that_somebody_edited_has_an_answer_too(created_at: str, verdict: Verdict) -> None:
    edited = replace(READABLE, created_at=created_at)
    found = eligibility(Evidence(ID, edited, STAGED, PASSED, None, FORMER, "data/x.csv"), AT, DAY)
    assert (found.verdict, found.expires_at) == (verdict, None)


@pytest.mark.parametrize("named", ["../../../etc", "", "maintenance_20261122_183000_hsi", "x" * 99])
def test_only_the_id_of_a_proposal_of_the_list_is_looked_for(home: Home, named: str) -> None:
    found = look(home, STI, named, load_settings(home), AT)
    assert found.verdict is Verdict.MISSING
    assert "is not the id of a proposal of STI" in found.reason


@pytest.mark.parametrize(
    ("name", "content", "verdict"),
    [
        (RECORD, b"[" * 100_000, Verdict.MISSING),
        (RECORD, b"[]", Verdict.MISSING),
        ("receipt.json", b"[" * 100_000, Verdict.UNAUDITED),
        ("receipt.json", b'"passed"', Verdict.UNAUDITED),
        (PROMOTION, b"[" * 100_000, Verdict.UNRECORDED),
        (PROMOTION, b"[]", Verdict.UNRECORDED),
        (PROMOTION, b"{}", Verdict.UNRECORDED),
    ],
)
def test_what_is_damaged_in_any_way_is_an_answer_and_no_crash(
    home: Home, name: str, content: bytes, verdict: Verdict
) -> None:
    write_live(home, STI, companies("sti"))
    proposal = ready(home, STI, with_strangers(STI, 1))
    (home.proposal(proposal.proposal_id) / name).write_bytes(content)
    found = look(home, STI, proposal.proposal_id, load_settings(home), STAGED_AT)
    assert found.verdict is verdict


@pytest.mark.parametrize("edited", [{"state": "perhaps"}, {"generation": {}}, {"generation": 1}])
def test_a_record_that_no_promotion_writes_leaves_open_whether_it_was_promoted(
    home: Home, edited: dict[str, object]
) -> None:
    write_live(home, STI, companies("sti"))
    proposal = ready(home, STI, with_strangers(STI, 1))
    path = home.proposal(proposal.proposal_id) / PROMOTION
    path.write_text(json.dumps(asdict(INTENT) | edited))
    found = look(home, STI, proposal.proposal_id, load_settings(home), STAGED_AT)
    assert found.verdict is Verdict.UNRECORDED


def test_a_live_file_that_cannot_be_read_is_no_absent_one(home: Home) -> None:
    proposal = ready(home, STI, companies("sti"))  # staged without a live file
    home.live_file("sti").mkdir(parents=True)
    found = look(home, STI, proposal.proposal_id, load_settings(home), STAGED_AT)
    assert found.verdict is Verdict.UNREADABLE
    assert isinstance(read_evidence(home, STI, proposal.proposal_id).live, PromotionFailed)
