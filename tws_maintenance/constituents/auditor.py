"""Who audits: this process, or one of its own that was started early.

pandas and pandera take as long to import as half of Dagster. Started in a process beside it
they load on the second core: 0.6 s of a dry run. The auditor reads and writes the same files
either way, so the receipt on disk is the answer.
"""

import contextlib
import json
import os
import signal
import subprocess
import sys
from pathlib import Path
from typing import IO, TYPE_CHECKING

from tws_maintenance.clock import parse_utc, utc_text
from tws_maintenance.constituents.proposal import Proposal, read_proposal
from tws_maintenance.errors import AuditFailed, TwsMaintenanceError
from tws_maintenance.home import Home
from tws_maintenance.indices import INDICES, Index
from tws_maintenance.receipt import Override, Receipt, read_receipt
from tws_maintenance.run_mark import RunMark

if TYPE_CHECKING:
    from tws_maintenance.settings import IndexSettings  # pydantic: not needed to start a process


class Auditor:
    """Audits proposals; in this process until `start` is called."""

    def __init__(self) -> None:
        self._process: subprocess.Popen[str] | None = None

    def start(self) -> None:
        """Start the process that audits; it ends with this one, however that ends."""
        self._process = subprocess.Popen(
            [sys.executable, "-m", __name__],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            text=True,
        )

    def stop(self) -> None:
        """End the process; whatever it wrote is on disk already."""
        if self._process is not None:
            self._process.kill()
            self._process.communicate()
            self._process = None

    def audit(
        self,
        home: Home,
        index: Index,
        proposal: Proposal,
        limits: "IndexSettings",
        override: Override,
        mark: RunMark,
    ) -> Receipt:
        """Judge the staged file of `proposal`, write its receipt and return it.

        Raises:
            TwsMaintenanceError, OSError, ValueError: there is no receipt; the audit has not
                passed.
        """
        if self._process is None:
            from tws_maintenance.constituents.audit import audit

            return audit(home, index, proposal, limits, override, mark)
        request: dict[str, object] = {
            "home": str(home.root),
            "proposal_id": proposal.proposal_id,
            "limits": limits.model_dump(),
            "override": vars(override),
            "mark": {**vars(mark), "at": utc_text(mark.at)},
        }
        problem = self._ask(self._process, request)
        if problem:
            raise AuditFailed(problem)
        return read_receipt(home, proposal.proposal_id)

    @staticmethod
    def _ask(process: subprocess.Popen[str], request: dict[str, object]) -> str:
        assert process.stdin is not None
        assert process.stdout is not None
        with contextlib.suppress(BrokenPipeError):
            process.stdin.write(json.dumps(request) + "\n")
            process.stdin.flush()
        answer = process.stdout.readline()
        if not answer:
            return f"the auditing process ended early (exit code {process.wait()})"
        return str(json.loads(answer)["problem"])


def serve(requests: IO[str], answers: IO[str]) -> None:
    """Audit what is asked for, a JSON line a proposal, until there are no more lines."""
    from tws_maintenance.constituents.audit import audit
    from tws_maintenance.settings import IndexSettings

    for line in requests:
        asked = json.loads(line)
        home = Home(Path(asked["home"]))
        mark = asked["mark"]
        try:
            proposal = read_proposal(home, asked["proposal_id"])
            audit(
                home,
                INDICES[proposal.index],
                proposal,
                IndexSettings(**asked["limits"]),
                Override(**asked["override"]),
                RunMark(mark["report_id"], mark["run_id"], parse_utc(mark["at"])),
            )
            problem = ""
        except TwsMaintenanceError as error:
            problem = str(error)
        except Exception as error:  # noqa: BLE001 - the process's edge: told, not lost
            problem = f"the audit could not run: {type(error).__name__}: {error}"
        try:
            answers.write(json.dumps({"problem": problem}) + "\n")
            answers.flush()
        except BrokenPipeError:  # the run was killed; the receipt is on disk all the same
            os._exit(1)


if __name__ == "__main__":
    # Ctrl-C goes to the whole group; the run itself decides what it means.
    signal.signal(signal.SIGINT, signal.SIG_IGN)
    serve(sys.stdin, sys.stdout)
