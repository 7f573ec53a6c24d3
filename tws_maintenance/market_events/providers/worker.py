"""The process that asks the providers, and later audits the staged answers.

yfinance and the calendars import pandas: 0.8 s that this process spends on the second core while
the run itself loads. It also sets a bound: whatever hangs ends with the process.
Belongs here: starting and asking the process. Does not: the questions themselves (`fetching`).
"""

import importlib
import threading
from concurrent.futures import Future
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, NotRequired, TypedDict

from tws_maintenance.audit.receipt import Receipt, read_receipt
from tws_maintenance.audit.run_context import RunContext, RunContextJson
from tws_maintenance.config.environment import child_environment
from tws_maintenance.config.home import Home
from tws_maintenance.core.clock import utc_now
from tws_maintenance.core.errors import AuditFailed, TwsMaintenanceError
from tws_maintenance.core.worker_process import WorkerDied, WorkerProcess, serve_standard_streams
from tws_maintenance.market_events.model import Answer, Json, Window

if TYPE_CHECKING:
    # Imports pydantic: not needed to start the process.
    from tws_maintenance.market_events.providers.fetching import Question, QuestionJson

# In addition to the providers' own time: starting Python and importing.
STARTING_SECONDS = 10.0
AUDIT_SECONDS = 30.0


class AuditJson(TypedDict):
    """The proposal to audit, and its home."""

    home: str
    proposal_id: str
    mark: RunContextJson


class EventsRequest(TypedDict):
    """A question to the providers, or a proposal to audit."""

    ask: NotRequired["QuestionJson"]
    audit: NotRequired[AuditJson]


class EventsAnswer(TypedDict):
    """The providers' answers, or the problem of an audit: "" if it wrote a receipt."""

    answers: NotRequired[list[Json]]
    problem: NotRequired[str]


class EventsWorker:
    """Asks the providers and audits proposals of events, in a separate process."""

    def __init__(self) -> None:
        self._helper: WorkerProcess[EventsRequest, EventsAnswer] = WorkerProcess(
            __name__, "events", child_environment
        )
        self._answers: Future[tuple[Answer, ...]] | None = None
        self._question: Question | None = None

    def prepare(self, *, may_fork: bool = False) -> None:
        """Start the process, so that it loads while the question is prepared.

        `may_fork` is for a run that has not begun yet, as in `WorkerProcess.start`.
        """
        if not self._helper.is_started:
            self._helper.start(may_fork=may_fork)

    def start(self, question: "Question") -> None:
        """Begin to ask the providers, unless they are already being asked."""
        if self._answers is not None:
            return
        self._question = question
        self._answers = Future()
        self.prepare()
        # A thread waits for the answer, so that the caller can give up.
        threading.Thread(target=self._work, args=(question, self._answers), daemon=True).start()

    @property
    def question(self) -> "Question":
        """The question that was asked."""
        assert self._question is not None, "the worker was not started"
        return self._question

    def answers(self) -> tuple[Answer, ...]:
        """Return each provider's answer; a failure is an answer with an error."""
        from tws_maintenance.market_events.providers.fetching import GRACE_SECONDS, failed_answers

        assert self._answers is not None, "the worker was not started"
        limit = self.question.events.deadline + GRACE_SECONDS + STARTING_SECONDS
        try:
            return self._answers.result(timeout=limit)
        except TimeoutError:
            self._helper.stop()
            return failed_answers(
                self.question, f"no complete answer within {limit:g} s. Run again"
            )

    def audit(self, home: Home, proposal_id: str, mark: RunContext) -> Receipt:
        """Audit a proposal in the process, and return the receipt that it wrote.

        Raises:
            TwsMaintenanceError, OSError, ValueError: there is no receipt; the audit did not
                pass.
        """
        asked: AuditJson = {
            "home": str(home.root),
            "proposal_id": proposal_id,
            "mark": mark.to_dict(),
        }
        self.prepare()
        # The process may hang; stopping it ends the wait with WorkerDied.
        watch = threading.Timer(AUDIT_SECONDS, self._helper.stop)
        watch.start()
        try:
            problem = self._helper.ask({"audit": asked})["problem"]
        except WorkerDied as error:
            raise AuditFailed(str(error)) from error
        finally:
            watch.cancel()
        if problem:
            raise AuditFailed(problem)
        return read_receipt(home, proposal_id)

    def stop(self) -> None:
        """End the process."""
        self._helper.stop()

    def _work(self, question: "Question", answers: "Future[tuple[Answer, ...]]") -> None:
        from tws_maintenance.market_events.providers.fetching import failed_answers

        try:
            found = self._helper.ask({"ask": question.to_dict()})
            answers.set_result(tuple(Answer.from_dict(one) for one in found["answers"]))
        except Exception as error:  # noqa: BLE001 - every provider fails with it
            answers.set_result(failed_answers(question, str(error)))


def answer(request: EventsRequest) -> EventsAnswer:
    """Return the answer to one request, within the process."""
    if "ask" in request:
        from tws_maintenance.market_events.providers.fetching import Question, ask_all

        question = Question.from_dict(request["ask"])
        # pandera loads while the providers answer.
        answers = ask_all(question, meanwhile=_warm_up)
        return {"answers": [one.to_dict() for one in answers]}
    asked = request["audit"]
    try:
        importlib.import_module(AUDIT).audit(
            Home(Path(asked["home"])),
            asked["proposal_id"],
            RunContext.from_dict(asked["mark"]),
        )
    except TwsMaintenanceError as error:
        return {"problem": str(error)}
    return {"problem": ""}


def _warm_up() -> None:
    """Audit an empty proposal once, because the first audit takes long."""
    nothing = {"window": Window(utc_now(), 1).to_dict(), "relevant": [], "answers": []}
    importlib.import_module(AUDIT).judge(nothing)


AUDIT = "tws_maintenance.market_events.audit"
FETCHING = "tws_maintenance.market_events.providers.fetching"


def serve() -> None:
    """Answer the process that started this one."""
    serve_standard_streams(answer, prepare=partial(importlib.import_module, FETCHING))


if __name__ == "__main__":
    serve()
