"""Where audits run: in this process, or in a worker process that was started early.

pandas and pandera take as long to import as half of Dagster. Started in a process beside it
they load on the second core: 0.6 s of a dry run. The auditor reads and writes the same files
either way, so the receipt on disk is the result.
"""

from pathlib import Path
from typing import TYPE_CHECKING, TypedDict

from tws_maintenance.audit.receipt import Limit, Override, OverrideJson, Receipt, read_receipt
from tws_maintenance.audit.run_context import RunContext, RunContextJson
from tws_maintenance.config.environment import child_environment
from tws_maintenance.config.home import Home
from tws_maintenance.config.indices import DECLARED, Index
from tws_maintenance.constituents.proposal import Proposal, read_proposal
from tws_maintenance.core.errors import AuditFailed, TwsMaintenanceError
from tws_maintenance.core.worker_process import WorkerDied, WorkerProcess, serve_standard_streams

if TYPE_CHECKING:
    from tws_maintenance.config.settings import (
        IndexSettings,  # pydantic: not needed to start a process
    )


class AuditRequest(TypedDict):
    """The proposal to audit, its home and the limits."""

    home: str
    proposal_id: str
    limits: dict[str, Limit]
    override: OverrideJson
    mark: RunContextJson


class AuditAnswer(TypedDict):
    """Why there is no receipt, "" where there is one."""

    problem: str


class Auditor:
    """Audits proposals; in this process until `start` is called."""

    def __init__(self) -> None:
        self._helper: WorkerProcess[AuditRequest, AuditAnswer] = WorkerProcess(
            __name__, "auditing", child_environment
        )

    def start(self) -> None:
        """Start the process that audits; it ends with this one, however this one ends.

        For a run that has not begun yet: it may be a fork, which shares what is open.
        """
        self._helper.start(may_fork=True)

    def stop(self) -> None:
        """End the process; whatever it wrote is on disk already."""
        self._helper.stop()

    def audit(
        self,
        home: Home,
        index: Index,
        proposal: Proposal,
        limits: "IndexSettings",
        override: Override,
        mark: RunContext,
    ) -> Receipt:
        """Judge the staged file of `proposal`, write its receipt and return it.

        Raises:
            TwsMaintenanceError, OSError, ValueError: there is no receipt; the audit has not
                passed.
        """
        if not self._helper.is_started:
            from tws_maintenance.constituents.audit import audit

            return audit(home, index, proposal, limits, override, mark)
        request: AuditRequest = {
            "home": str(home.root),
            "proposal_id": proposal.proposal_id,
            "limits": limits.model_dump(),
            "override": {
                "allow_large_change": override.allow_large_change,
                "reason": override.reason,
            },
            "mark": mark.to_dict(),
        }
        try:
            problem = self._helper.ask(request)["problem"]
        except WorkerDied as error:
            raise AuditFailed(str(error)) from error
        if problem:
            raise AuditFailed(problem)
        return read_receipt(home, proposal.proposal_id)


def answer(asked: AuditRequest) -> AuditAnswer:
    """Audit one proposal and return why there is no receipt, if so."""
    from tws_maintenance.config.settings import IndexSettings
    from tws_maintenance.constituents.audit import audit

    home = Home(Path(asked["home"]))
    try:
        proposal = read_proposal(home, asked["proposal_id"])
        audit(
            home,
            DECLARED[proposal.index],
            proposal,
            IndexSettings.model_validate(asked["limits"]),
            Override(**asked["override"]),
            RunContext.from_dict(asked["mark"]),
        )
    except TwsMaintenanceError as error:
        return {"problem": str(error)}
    return {"problem": ""}


def _warm_up() -> None:
    """Judge an empty list once, because the first audit of a process takes ten times as long."""
    from tws_maintenance.constituents.audit import judge, read_frame

    index = next(iter(DECLARED.values()))
    judge(read_frame(",".join(index.columns).encode()), index, (), ())


def serve() -> None:
    """Answer the process that started this one."""
    serve_standard_streams(answer, prepare=_warm_up)


if __name__ == "__main__":
    serve()
