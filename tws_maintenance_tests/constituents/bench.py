"""What these tests share: staging and auditing what a source is said to list, on real files."""

from collections.abc import Iterable
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from pathlib import Path

from tws_maintenance.audit.receipt import Override, Receipt
from tws_maintenance.audit.results import Outcome, Rule, RuleResult
from tws_maintenance.audit.run_context import RunContext
from tws_maintenance.config.home import Home
from tws_maintenance.config.indices import INDICES, Index
from tws_maintenance.config.settings import IndexSettings, load_settings
from tws_maintenance.constituents.audit import audit
from tws_maintenance.constituents.promotion import Promotion, promote
from tws_maintenance.constituents.proposal import STAGED, Proposal
from tws_maintenance.constituents.stage import stage
from tws_maintenance.core.atomic import TEMPORARY_SUFFIX
from tws_maintenance.core.digest import sha256
from tws_maintenance.demo.pages import Company, companies
from tws_maintenance.sources.model import Attempt, Gathered, RawCopy, SourceTable
from tws_maintenance_tests.support import table_of

SP500, STI, HSI = (INDICES[key] for key in ("sp500", "sti", "hsi"))
AT = datetime(2026, 11, 22, 18, 30, tzinfo=UTC)
PAGE = b"<html>the page as it was fetched</html>"
NO_OVERRIDE = Override()


def mark(minutes: float = 0) -> RunContext:
    """Return the mark of a run that started `minutes` after the first one."""
    at = AT + timedelta(minutes=minutes)
    return RunContext(f"maintenance_{at:%Y%m%d_%H%M%S}", f"run-{minutes:g}", at)


def raw_copy(
    url: str, content: bytes = PAGE, *, etag: str | None = None, last_modified: str | None = None
) -> RawCopy:
    """Return what was fetched from `url`."""
    return RawCopy(url, 200, content, sha256(content), AT, etag, last_modified)


def gathered(index: Index, table: SourceTable, *, last_modified: str | None = None) -> Gathered:
    """Return what the page of `index` answered: `table`."""
    url = f"http://127.0.0.1/wiki/{index.key}"
    raw = raw_copy(url, etag='"1"', last_modified=last_modified)
    return Gathered(index, (Attempt(index.addresses("wikipedia")[0], url, raw, table, status=200),))


def staged(
    home: Home,
    index: Index,
    listed: list[Company] | SourceTable,
    *,
    minutes: float = 0,
    last_modified: str | None = None,
) -> Proposal:
    """Stage what a source is said to list."""
    table = listed if isinstance(listed, SourceTable) else table_of(listed)
    answer = gathered(index, table, last_modified=last_modified)
    return stage(home, index, answer, page_alone(home, index), mark(minutes))


def page_alone(home: Home, index: Index) -> IndexSettings:
    """Return the settings of `index` where its page decides and nobody else is heard."""
    found = load_settings(home).of(index)
    return found.model_copy(update={"sources": ("wikipedia",), "quorum": 1})


def audited(
    home: Home, proposal: Proposal, *, minutes: float = 0, override: Override = NO_OVERRIDE
) -> Receipt:
    """Audit a proposal with the settings of its home."""
    index = INDICES[proposal.index]
    limits = load_settings(home).of(index)
    return audit(home, index, proposal, limits, override, mark(minutes))


def promoted(home: Home, proposal: Proposal, *, minutes: float = 0) -> Promotion:
    """Promote a proposal with the settings of its home."""
    index = INDICES[proposal.index]
    return promote(home, index, proposal.proposal_id, load_settings(home), mark(minutes))


def ready(
    home: Home, index: Index, listed: list[Company] | SourceTable, *, minutes: float = 0
) -> Proposal:
    """Return a proposal that was staged and has passed its audit."""
    proposal = staged(home, index, listed, minutes=minutes)
    assert audited(home, proposal, minutes=minutes).has_passed
    return proposal


def staged_file(home: Home, proposal: Proposal) -> Path:
    """Return the staged list of a proposal."""
    return home.proposal(proposal.proposal_id) / STAGED


def with_one(index: Index, **changed: str) -> list[Company]:
    """Return the members of `index`, the first of them altered."""
    first, *others = companies(index.key)
    return [replace(first, **changed), *others]


def with_strangers(index: Index, count: int) -> list[Company]:
    """Return the members of `index` with the first `count` replaced by other companies."""
    ticker = "{}" if index.key == "hsi" else "Z{}"
    strangers = [
        Company(ticker.format(901 + n), f"Stranger {n}", companies(index.key)[0].sector)
        for n in range(count)
    ]
    return strangers + companies(index.key)[count:]


def configure(home: Home, toml: str) -> None:
    """Write the settings of a home."""
    home.settings_file.write_text(toml)


def outcome_of(checks: Iterable[RuleResult], rule: Rule) -> RuleResult:
    """Return how `rule` came out."""
    return next(check for check in checks if check.name == rule.name)


def names(checks: Iterable[RuleResult], outcome: Outcome) -> set[str]:
    """Return the rules that came out so."""
    return {check.name for check in checks if check.outcome == outcome}


def tree(folder: Path) -> dict[str, tuple[int, bytes | None]]:
    """Return everything below `folder`, with its time of change and its bytes."""
    return {
        path.relative_to(folder).as_posix(): (
            path.stat().st_mtime_ns,
            path.read_bytes() if path.is_file() else None,
        )
        for path in sorted(folder.rglob("*"))
    }


def temporary_files(home: Home) -> list[str]:
    """Return the temporary files that lie anywhere in a home; there should be none."""
    return [home.relative(path) for path in home.root.rglob(f"*{TEMPORARY_SUFFIX}")]
