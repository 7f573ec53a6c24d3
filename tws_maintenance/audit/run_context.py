"""Which run stages, audits or promotes: what proposals and receipts note of it."""

from dataclasses import dataclass
from datetime import datetime
from typing import Any

from tws_maintenance.core.clock import utc_text


@dataclass(frozen=True)
class RunContext:
    """Which run stages: its report id, Dagster's run id and the instant."""

    report_id: str
    run_id: str
    at: datetime

    def proposal_id(self, name: str) -> str:
        """Return the id of what this run stages as `name` (an index key, market_events)."""
        return f"{self.report_id}_{name}"

    def identity(self, name: str) -> dict[str, Any]:
        """Return what a proposal of this run is known by."""
        return {
            "proposal_id": self.proposal_id(name),
            "report_id": self.report_id,
            "run_id": self.run_id,
            "created_at": utc_text(self.at),
        }
