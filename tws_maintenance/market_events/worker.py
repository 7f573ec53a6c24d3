"""The process that asks the providers, and later audits what was staged of their answers.

yfinance and the calendars bring pandas: 0.8 s of imports that happen here, on the second core,
while the run itself loads. It also bounds them: whatever hangs in there ends with the process.
"""

import importlib
import threading
from concurrent.futures import Future
from pathlib import Path
from typing import Any

from tws_maintenance.clock import parse_utc, utc_text
from tws_maintenance.errors import AuditFailed, TwsMaintenanceError
from tws_maintenance.helper_process import HelperDied, HelperProcess, serve_standard_streams
from tws_maintenance.home import Home
from tws_maintenance.market_events.model import Answer
from tws_maintenance.market_events.providers import (
    GRACE_SECONDS,
    Question,
    ask_all,
    failed_answers,
)
from tws_maintenance.receipt import Receipt, read_receipt
from tws_maintenance.run_mark import RunMark

# Beyond the providers' own: starting Python and importing.
STARTING_SECONDS = 10.0


class EventsWorker:
    """Asks the providers and audits proposals of events, in a process of its own."""

    def __init__(self) -> None:
        self._helper = HelperProcess(__name__, "events")
        self._answers: Future[tuple[Answer, ...]] | None = None
        self._question: Question | None = None

    def start(self, question: Question) -> None:
        """Begin to ask the providers; nothing happens where they are being asked already."""
        if self._answers is not None:
            return
        self._question = question
        self._answers = Future()
        self._helper.start()
        # The answer is waited for in a thread, so that whoever waits can give up.
        threading.Thread(target=self._work, args=(question, self._answers), daemon=True).start()

    @property
    def question(self) -> Question:
        """What was asked."""
        assert self._question is not None, "the worker was not started"
        return self._question

    def answers(self) -> tuple[Answer, ...]:
        """Return what each provider answered; a failure is an answer that says so."""
        assert self._answers is not None, "the worker was not started"
        limit = self.question.events.deadline + GRACE_SECONDS + STARTING_SECONDS
        try:
            return self._answers.result(timeout=limit)
        except TimeoutError:
            self._helper.stop()
            return failed_answers(self.question, f"no whole answer within {limit:g} s. Run again")

    def audit(self, home: Home, proposal_id: str, mark: RunMark) -> Receipt:
        """Judge what was staged, write its receipt and return it.

        Raises:
            TwsMaintenanceError, OSError, ValueError: there is no receipt; the audit has not
                passed.
        """
        asked = {
            "home": str(home.root),
            "proposal_id": proposal_id,
            "mark": {**vars(mark), "at": utc_text(mark.at)},
        }
        if not self._helper.is_started:
            self._helper.start()
        try:
            problem = self._helper.ask({"audit": asked})["problem"]
        except HelperDied as error:
            raise AuditFailed(str(error)) from error
        if problem:
            raise AuditFailed(problem)
        return read_receipt(home, proposal_id)

    def stop(self) -> None:
        """End the process."""
        self._helper.stop()

    def _work(self, question: Question, answers: "Future[tuple[Answer, ...]]") -> None:
        try:
            told = self._helper.ask({"ask": question.to_dict()})
            answers.set_result(tuple(Answer.from_dict(one) for one in told["answers"]))
        except Exception as error:  # noqa: BLE001 - it is every provider's failure
            answers.set_result(failed_answers(question, str(error)))


def answer(request: dict[str, Any]) -> dict[str, Any]:
    """Answer one request: {ask: a question} or {audit: a proposal}."""
    if "ask" in request:
        question = Question.from_dict(request["ask"])
        # pandera loads while the answers are on their way.
        loading = threading.Thread(target=importlib.import_module, args=(AUDIT,), daemon=True)
        loading.start()
        return {"answers": [one.to_dict() for one in ask_all(question)]}
    asked = request["audit"]
    mark = asked["mark"]
    try:
        importlib.import_module(AUDIT).audit(
            Home(Path(asked["home"])),
            asked["proposal_id"],
            RunMark(mark["report_id"], mark["run_id"], parse_utc(mark["at"])),
        )
    except TwsMaintenanceError as error:
        return {"problem": str(error)}
    except Exception as error:  # noqa: BLE001 - the process's edge: told, not lost
        return {"problem": f"the audit could not run: {type(error).__name__}: {error}"}
    return {"problem": ""}


AUDIT = "tws_maintenance.market_events.audit"

if __name__ == "__main__":
    serve_standard_streams(answer)
