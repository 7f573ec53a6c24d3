"""What the results of lists say: warnings that are read back, and errors with one full stop."""

import pytest

from tws_maintenance.config.home import Home
from tws_maintenance.config.indices import INDICES
from tws_maintenance.core.errors import ProposalUnaudited
from tws_maintenance.reports.list_results import reported_proposal, traded_of
from tws_maintenance.reports.schema import ListResult


@pytest.mark.parametrize(
    ("warning", "expected"),
    [
        (
            "ZZZ leaves the list; it is traded (strategy momentum)",
            {"ZZZ": "traded by momentum"},
        ),
        (
            "OLD becomes NEW; it is held (positions) and traded (strategies)",
            {"OLD": "traded"},
        ),
        # As reports of older versions say it.
        (
            "Z3Z.SI, which leaves the list, is held (positions) and traded (strategy a, b)",
            {"Z3Z.SI": "traded by a, b"},
        ),
        ("ZZZ leaves the list; it is held (positions)", {}),
    ],
)
def test_who_trades_a_member_is_read_from_warnings_of_every_version(
    warning: str, expected: dict[str, str]
) -> None:
    result = ListResult(task="sti_constituents", dry_run=True, warnings=[warning])
    assert traded_of(result) == expected


def test_a_missing_report_is_named_in_sentences_with_one_full_stop_each(home: Home) -> None:
    missing = "maintenance_20261122_183000"
    with pytest.raises(ProposalUnaudited) as refused:
        reported_proposal(home, missing, INDICES["sti"])
    text = str(refused.value)
    assert text.startswith(f"The report {missing} cannot be read: There is no report {missing} in")
    assert text.endswith("`reports list` shows them. Run a dry run again.")
