"""The proposal of events that a run stages: `data/staging/<report_id>_market_events`.

events.json holds every event that would be stored or is already stored; the audit judges it before
anything is stored. Where the robot keeps the events, it holds the robot's events.
Belongs here: writing and reading the folder. Does not: judging (`audit`) or storing (`sync`).
"""

import json
from collections.abc import Container
from dataclasses import asdict, dataclass, field, replace
from datetime import date
from typing import NotRequired, TypedDict, cast

from tws_maintenance.audit.receipt import NO_OVERRIDE, Override, OverrideJson, Receipt, read_receipt
from tws_maintenance.audit.run_context import RunContext
from tws_maintenance.config.events_service import FAIL_STALE, EventsService
from tws_maintenance.config.home import Home
from tws_maintenance.config.indices import MARKET_EVENTS
from tws_maintenance.core.atomic import to_json, write_json, write_whole
from tws_maintenance.core.digest import sha256
from tws_maintenance.core.errors import ProposalMissing, ProposalUnaudited
from tws_maintenance.market_events.model import Answer, Event, EventType, Json, Window, WindowJson

RECORD = "proposal.json"
STAGED = "events.json"
RAW = "raw"


@dataclass(frozen=True)
class EventsProposal:
    """The record of a proposal; `sha256` is that of events.json, times are UTC texts."""

    proposal_id: str
    report_id: str
    run_id: str
    created_at: str
    sha256: str
    before_count: int
    after_count: int
    index: str = MARKET_EVENTS
    warnings: tuple[str, ...] = field(default=())


class AnswerJson(TypedDict):
    """The parts of an answer that the audit reads; the events are unchecked."""

    provider: str
    events: list[Json]
    covers: dict[str, str]
    symbols: dict[str, tuple[str, str]]
    counts: dict[str, int]


class StagedJson(TypedDict):
    """The parts of events.json that the audit reads."""

    service: NotRequired[str]
    window: WindowJson
    relevant: list[str]
    override: NotRequired[OverrideJson]
    fail_stale: NotRequired[float]
    answers: list[AnswerJson]


@dataclass(frozen=True)
class StagedEvents:
    """The content of events.json: the window, the relevant symbols, the answers, and the limit.

    `fail_stale` is the share of a provider's future events that one answer may withdraw, unless
    `override` allows more. The robot's own events have neither, because they are never held back.
    """

    window: Window
    relevant: frozenset[str]
    answers: tuple[Answer, ...]
    override: Override = NO_OVERRIDE
    fail_stale: float = FAIL_STALE
    service: EventsService = EventsService.EMBEDDED


# What identifies an event.
Key = tuple[EventType, str, date]


def write_staged(
    home: Home,
    context: RunContext,
    staged: StagedEvents,
    known: Container[Key],
    *,
    before_count: int,
    after_count: int,
) -> EventsProposal:
    """Write events.json, the raw texts and the record; return the record.

    `known` are the keys (`key_of`) of stored events. The record is written last: a folder without
    one is no proposal.
    """
    folder = home.proposal(context.proposal_id(MARKET_EVENTS))
    (folder / RAW).mkdir(parents=True, exist_ok=True)
    for answer in staged.answers:
        for name, text in answer.raw.items():
            write_whole(folder / RAW / name, text.encode())
    content = to_json(_as_json(staged, known))
    write_whole(folder / STAGED, content)
    proposal = EventsProposal(
        **context.identity(MARKET_EVENTS),
        sha256=sha256(content),
        before_count=before_count,
        after_count=after_count,
    )
    write_json(folder / RECORD, asdict(proposal))
    return proposal


def key_of(event: Event) -> Key:
    """Return the key that identifies an event."""
    return event.event_type, event.subject, event.event_date


def read_staged(home: Home, proposal_id: str) -> tuple[StagedJson, str]:
    """Return the content of events.json, unchecked, and its sha256.

    Raises:
        ProposalMissing: events.json cannot be read.
    """
    path = home.proposal(proposal_id) / STAGED
    try:
        content = path.read_bytes()
        value: StagedJson = json.loads(content)
    except (OSError, ValueError) as error:
        raise ProposalMissing(
            f"{home.relative(path)} cannot be read: {error}. Run it again."
        ) from error
    return value, sha256(content)


def audited(home: Home, proposal_id: str, expected: str) -> tuple[StagedEvents, Receipt]:
    """Return the staged events if the audit passed exactly the bytes with sha256 `expected`.

    Raises:
        ProposalUnaudited: the audit did not pass, or the bytes have changed.
        ProposalMissing: events.json cannot be read.
    """
    receipt = read_receipt(home, proposal_id)
    value, digest = read_staged(home, proposal_id)
    if not receipt.has_passed:
        raise ProposalUnaudited(
            f"The audit of {proposal_id} did not pass, so nothing of it was stored."
        )
    if not digest == receipt.sha256 == expected:
        raise ProposalUnaudited(
            f"{STAGED} of {proposal_id} has changed since it was staged and audited: its sha256 is "
            f"{digest[:12]}, {expected[:12]} was staged, {receipt.sha256[:12]} was audited. "
            "Nothing was stored. Run it again."
        )
    return _digested(value, proposal_id), receipt


def _as_json(staged: StagedEvents, known: Container[Key]) -> Json:
    answers = []
    for answer in staged.answers:
        listed = cast("AnswerJson", replace(answer, raw={}).to_dict())
        for event, value in zip(answer.events, listed["events"], strict=True):
            value["is_known"] = key_of(event) in known
        answers.append(listed)
    is_ours = staged.service is EventsService.EMBEDDED
    limits = {"override": asdict(staged.override), "fail_stale": staged.fail_stale}
    return {
        "service": staged.service.value,
        "window": staged.window.to_dict(),
        "relevant": sorted(staged.relevant),
        "answers": answers,
        **(limits if is_ours else {}),
    }


def _digested(value: StagedJson, proposal_id: str) -> StagedEvents:
    try:
        return StagedEvents(
            Window.from_dict(value["window"]),
            frozenset(value["relevant"]),
            tuple(Answer.from_dict(one) for one in value["answers"]),
            Override(**value.get("override", {})),
            float(value.get("fail_stale", FAIL_STALE)),
            EventsService(value.get("service", EventsService.EMBEDDED)),
        )
    except (KeyError, TypeError, ValueError) as error:
        raise ProposalMissing(f"{STAGED} of {proposal_id} is damaged: {error}") from error
