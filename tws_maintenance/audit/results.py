"""Rules and how they came out: what the audits of lists and of events share."""

from collections.abc import Container, Iterable
from dataclasses import dataclass
from enum import StrEnum

NO_COLUMN = "could not run: no column "


class Outcome(StrEnum):
    """How a rule came out. A rule that could not run has failed."""

    PASSED = "passed"
    WARNED = "warned"
    FAILED = "failed"


class ValidationStatus(StrEnum):
    """The verdict of an audit as a whole, or that there was no audit."""

    PASSED = "passed"
    FAILED = "failed"
    NOT_RUN = "not_run"


@dataclass(frozen=True)
class Rule:
    """One rule: `says` is what it demands, a sentence, with limits in braces by their names.

    `warns_only` never stops what it judges; `yields` gives way to an operator's explicit override.
    """

    name: str
    says: str
    warns_only: bool = False
    yields: bool = False

    @property
    def quoted(self) -> str:
        """What it demands, as a message quotes it; for a rule without limits."""
        return f'"{self.says.removesuffix(".")}"'


@dataclass(frozen=True)
class Cell:
    """One offender: its row and column, its value as text, and the company of the row."""

    row: int
    column: str
    value: str
    of: str


@dataclass(frozen=True)
class RuleResult:
    """How one rule came out.

    `cells` are at most 20 offenders; `measured` is the number that was compared with the limits,
    where the rule has one.
    """

    name: str
    outcome: Outcome
    message: str
    cells: tuple[Cell, ...] = ()
    measured: float | None = None


@dataclass(frozen=True)
class Measure:
    """One number with the limits it is held against, and the sentence that tells it.

    `value` is None where it does not apply; `found` is the sentence in that case too. `advice` is
    added where it fails.
    """

    rule: Rule
    value: float | None
    found: str
    warn_above: float | None = None
    fail_above: float | None = None
    advice: str = ""


def status_of(checks: Iterable[RuleResult]) -> ValidationStatus:
    """Return the verdict over all rules: passed unless one failed."""
    failed = any(check.outcome is Outcome.FAILED for check in checks)
    return ValidationStatus.FAILED if failed else ValidationStatus.PASSED


def messages_of(
    checks: Iterable[RuleResult], outcome: Outcome, but: Container[str] = ()
) -> list[str]:
    """Return what the rules with that outcome say, each with its name.

    Rules that could not run because a column is missing are left out: the rule about columns
    reports it.
    """
    return [
        f"{check.name}: {check.message}"
        for check in checks
        if check.outcome == outcome
        and check.name not in but
        and not check.message.startswith(NO_COLUMN)
    ]
