"""Whoever is asked whether a dry run may be applied: what promoting it does is what they say."""

import json
from collections.abc import Callable
from dataclasses import dataclass, replace
from datetime import UTC, datetime, timedelta

import pytest

from tws_maintenance.audit.receipt import Override
from tws_maintenance.audit.run_context import RunContext
from tws_maintenance.config.home import Home
from tws_maintenance.config.settings import load_settings
from tws_maintenance.constituents.eligibility import STATES, Verdict, state_of
from tws_maintenance.constituents.promotion import Promotion, promote
from tws_maintenance.constituents.promotion_stamp import Generation
from tws_maintenance.constituents.proposal import RECORD, STAGED
from tws_maintenance.constituents.publishing import RECORD as PROMOTION
from tws_maintenance.constituents.publishing import Intent, write_intent
from tws_maintenance.core.clock import utc_text
from tws_maintenance.core.errors import PromotionFailed, Refusal
from tws_maintenance.demo.pages import companies
from tws_maintenance.operations.policy import Decision, Situation, decide_promotions
from tws_maintenance.reports.apply_offer import ListReadiness, readiness
from tws_maintenance.reports.catalog import ReportCatalog
from tws_maintenance.reports.list_results import reported_proposal
from tws_maintenance.reports.store import read_report
from tws_maintenance_tests.constituents.bench import STI, configure, with_strangers
from tws_maintenance_tests.support import write_live
from tws_maintenance_tests.unattended import applied, dry_run

SATURDAY = datetime(2026, 11, 21, 0, 30, tzinfo=UTC)
LATER = SATURDAY + timedelta(hours=1)
SETTINGS = "[automation]\nauto_apply = true\nauto_apply_max_turnover = 0.1\n"


@dataclass(frozen=True)
class Staged:
    """A home with one dry run of the STI."""

    home: Home
    report_id: str

    @property
    def proposal_id(self) -> str:
        return f"{self.report_id}_sti"

    def write(self, name: str, content: bytes) -> None:
        (self.home.proposal(self.proposal_id) / name).write_bytes(content)

    def remove(self, name: str) -> None:
        (self.home.proposal(self.proposal_id) / name).unlink()

    def intend(self) -> None:
        sums = "0" * 64
        told = ("maintenance_20261121_003500", "run", utc_text(SATURDAY), sums, sums, None)
        stamp = Generation("stamp", told[0], self.proposal_id, told[2], sums, "a page")
        write_intent(self.home, self.proposal_id, Intent("intended", *told, stamp))

    def report_another(self) -> None:
        path = self.home.reports / f"{self.report_id.removeprefix('maintenance_')}.json"
        value = json.loads(path.read_text())
        value["results"][0]["proposal_sha256"] = "0" * 64
        path.write_text(json.dumps(value))


def nothing(_: Staged) -> None:
    """Leave it as it was staged."""


def unreadable_live(one: Staged) -> None:
    one.home.live_file("sti").unlink()
    one.home.live_file("sti").mkdir()


DAMAGES: list[tuple[Verdict, Callable[[Staged], object]]] = [
    (Verdict.ELIGIBLE, nothing),
    (Verdict.MISSING, lambda one: one.write(RECORD, b"{")),
    (Verdict.MISSING, lambda one: one.remove(STAGED)),
    (Verdict.UNAUDITED, lambda one: one.remove("receipt.json")),
    (Verdict.ALTERED, lambda one: one.write(STAGED, b"symbol,security\nX.SI,X\n")),
    (Verdict.NOT_REPORTED, Staged.report_another),
    (Verdict.UNRECORDED, lambda one: one.write(PROMOTION, b"{")),
    (Verdict.PROMOTED, lambda one: applied(one.home, one.report_id, SATURDAY)),
    (Verdict.UNREADABLE, unreadable_live),
    (Verdict.OUTDATED, lambda one: write_live(one.home, STI, companies("sti")[1:])),
    (Verdict.IN_PROMOTION, Staged.intend),
]


@pytest.fixture
def staged(home: Home) -> Staged:
    """A dry run that exchanges one member and has passed its audit without a warning."""
    configure(home, SETTINGS)
    write_live(home, STI, companies("sti"))
    return Staged(home, dry_run(home, {"sti": with_strangers(STI, 1)}, SATURDAY))


def ready(one: Staged, at: datetime) -> ListReadiness:
    report = read_report(one.home, one.report_id)
    (found,) = readiness(one.home, load_settings(one.home), report, at).lists
    return found


def decided(one: Staged, at: datetime) -> Decision:
    now = Situation(one.home, load_settings(one.home), at, ReportCatalog(one.home))
    return next(found for found in decide_promotions(now) if found.task == STI.task)


def promoted(one: Staged, at: datetime) -> Promotion:
    proposal_id, expected = reported_proposal(one.home, one.report_id, STI)
    mark = RunContext("maintenance_20261121_013000", "the-promotion", at)
    return promote(one.home, STI, proposal_id, load_settings(one.home), mark, expected)


def assert_refused_by_all(one: Staged, verdict: Verdict, at: datetime = LATER) -> None:
    """Each of them refuses, for the same reason, and promoting it changes nothing."""
    shown = ready(one, at)
    assert (shown.found.verdict, shown.can_apply) == (verdict, False)
    decision = decided(one, at)
    assert not decision.starts
    assert decision.why.endswith(shown.why.removesuffix("."))
    if verdict is not Verdict.NOT_REPORTED:  # a list of proposals goes by no report
        state = state_of(one.home, STI, one.proposal_id, load_settings(one.home), at)
        assert (state.found.verdict, state.state) == (verdict, STATES[verdict])
    with pytest.raises((Refusal, PromotionFailed)) as refused:
        promoted(one, at)
    assert (type(refused.value), str(refused.value)) == (
        type(shown.found.error()),
        shown.found.reason,
    )


def assert_accepted_by_all(one: Staged, verdict: Verdict, *, changes: bool) -> None:
    shown = ready(one, LATER)
    assert (shown.found.verdict, shown.can_apply) == (verdict, True)
    assert decided(one, LATER).starts
    state = state_of(one.home, STI, one.proposal_id, load_settings(one.home), LATER)
    assert (state.found.verdict, state.state.word) == (verdict, "waiting")
    assert promoted(one, LATER).changed is changes


@pytest.mark.parametrize(
    ("verdict", "damage"), DAMAGES, ids=[f"{n}-{verdict}" for n, (verdict, _) in enumerate(DAMAGES)]
)
def test_pages_policies_and_promotion_never_disagree(
    staged: Staged, verdict: Verdict, damage: Callable[[Staged], object]
) -> None:
    damage(staged)
    if verdict is Verdict.ELIGIBLE:
        assert_accepted_by_all(staged, verdict, changes=True)
    elif verdict is Verdict.IN_PROMOTION:
        # Nobody offers it; a promotion that gets the lock settles the run that was killed first.
        assert not ready(staged, LATER).can_apply
        assert not decided(staged, LATER).starts
        assert promoted(staged, LATER).changed
    else:
        assert_refused_by_all(staged, verdict)


@pytest.mark.parametrize("hours", [25, -1])
def test_they_agree_on_what_is_too_old(staged: Staged, hours: int) -> None:
    at = SATURDAY + timedelta(hours=hours)
    shown = ready(staged, at)
    assert (shown.found.verdict, shown.can_apply) == (Verdict.TOO_OLD, False)
    with pytest.raises(Refusal) as refused:
        promoted(staged, at)
    assert str(refused.value) == shown.found.reason


def test_they_agree_on_what_failed_its_audit(home: Home) -> None:
    configure(home, SETTINGS)
    write_live(home, STI, companies("sti"))
    odd = [replace(companies("sti")[0], name="<b>"), *companies("sti")[1:]]
    one = Staged(home, dry_run(home, {"sti": odd}, SATURDAY, override=Override()))
    assert_refused_by_all(one, Verdict.REJECTED)


def test_they_agree_on_what_the_live_file_is_already(home: Home) -> None:
    configure(home, SETTINGS)
    write_live(home, STI, companies("sti"))
    one = Staged(home, dry_run(home, {"sti": companies("sti")}, SATURDAY))
    assert_accepted_by_all(one, Verdict.UNCHANGED, changes=False)
