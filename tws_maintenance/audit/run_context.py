"""Which run stages, audits or promotes: what proposals and receipts note of it."""

from dataclasses import dataclass
from datetime import datetime
from typing import TypedDict

from tws_maintenance.core.clock import parse_utc, utc_text


class Identity(TypedDict):
    """What a proposal is known by."""

    proposal_id: str
    report_id: str
    run_id: str
    created_at: str


class RunContextJson(TypedDict):
    """A run as another process is handed it."""

    report_id: str
    run_id: str
    at: str


@dataclass(frozen=True)
class RunContext:
    """Which run stages: its report id, Dagster's run id and the instant."""

    report_id: str
    run_id: str
    at: datetime

    def proposal_id(self, name: str) -> str:
        """Return the id of what this run stages as `name` (an index key, market_events)."""
        return f"{self.report_id}_{name}"

    def identity(self, name: str) -> Identity:
        """Return what a proposal of this run is known by."""
        return {
            "proposal_id": self.proposal_id(name),
            "report_id": self.report_id,
            "run_id": self.run_id,
            "created_at": utc_text(self.at),
        }

    def to_dict(self) -> RunContextJson:
        """Return it as plain values."""
        return {"report_id": self.report_id, "run_id": self.run_id, "at": utc_text(self.at)}

    @classmethod
    def from_dict(cls, value: RunContextJson) -> "RunContext":
        """Read what `to_dict` wrote."""
        return cls(value["report_id"], value["run_id"], parse_utc(value["at"]))
