"""What a run staged of the providers' answers: `data/staging/<report_id>_market_events`.

events.json holds every event that would be stored or is stored already; nothing is believed of it
that the audit has not judged.
"""

import json
from dataclasses import asdict, dataclass, field
from typing import Any

from tws_maintenance.audit.receipt import NO_OVERRIDE, Override, Receipt, read_receipt
from tws_maintenance.config.events_service import FAIL_STALE
from tws_maintenance.config.home import Home
from tws_maintenance.config.indices import MARKET_EVENTS
from tws_maintenance.core.atomic import to_json, write_json, write_whole
from tws_maintenance.core.digest import sha256
from tws_maintenance.core.errors import ProposalMissing, ProposalUnaudited
from tws_maintenance.market_events.model import Answer, Window

RECORD = "proposal.json"
STAGED = "events.json"
RAW = "raw"


@dataclass(frozen=True)
class EventsProposal:
    """The record of what was staged; `sha256` is that of events.json, times are UTC texts."""

    proposal_id: str
    report_id: str
    run_id: str
    created_at: str
    sha256: str
    before_count: int
    after_count: int
    index: str = MARKET_EVENTS
    warnings: tuple[str, ...] = field(default=())


@dataclass(frozen=True)
class StagedEvents:
    """What events.json says: the window, which symbols are relevant, the answers, and the limit.

    `fail_stale` is the share of a provider's future events that one answer may withdraw, unless
    `override` allows more.
    """

    window: Window
    relevant: frozenset[str]
    answers: tuple[Answer, ...]
    override: Override = NO_OVERRIDE
    fail_stale: float = FAIL_STALE


def write_staged(
    home: Home, proposal_id: str, staged: StagedEvents, known: set[tuple[str, ...]]
) -> str:
    """Write events.json and the raw texts; return the sha256 of events.json.

    `known` are the keys (`key_of`) of events that the store has already.
    """
    folder = home.proposal(proposal_id)
    (folder / RAW).mkdir(parents=True, exist_ok=True)
    answers = []
    for answer in staged.answers:
        value = answer.to_dict()
        for name, text in value.pop("raw").items():
            write_whole(folder / RAW / name, text.encode())
        for event in value["events"]:
            event["is_known"] = key_of(event) in known
        answers.append(value)
    content = to_json(
        {
            "window": staged.window.to_dict(),
            "relevant": sorted(staged.relevant),
            "override": asdict(staged.override),
            "fail_stale": staged.fail_stale,
            "answers": answers,
        }
    )
    write_whole(folder / STAGED, content)
    return sha256(content)


def key_of(event: dict[str, Any]) -> tuple[str, ...]:
    """Return what tells an event from others: type, subject, day."""
    return (event["event_type"], event["subject"], event["event_date"])


def write_proposal(home: Home, proposal: EventsProposal) -> None:
    """Write the record: a folder without one is no proposal."""
    write_json(home.proposal(proposal.proposal_id) / RECORD, asdict(proposal))


def read_staged(home: Home, proposal_id: str) -> tuple[dict[str, Any], str]:
    """Return what events.json holds, undigested, with its sha256.

    Raises:
        ProposalMissing: it cannot be read.
    """
    path = home.proposal(proposal_id) / STAGED
    try:
        content = path.read_bytes()
        value: dict[str, Any] = json.loads(content)
    except (OSError, ValueError) as error:
        raise ProposalMissing(
            f"{home.relative(path)} cannot be read: {error}. Run it again."
        ) from error
    return value, sha256(content)


def audited(home: Home, proposal_id: str, expected: str) -> tuple[StagedEvents, Receipt]:
    """Return what was staged, when its audit has passed exactly the bytes with sha256 `expected`.

    Raises:
        ProposalUnaudited: it has not, or the bytes are others now.
        ProposalMissing: they cannot be read.
    """
    receipt = read_receipt(home, proposal_id)
    value, digest = read_staged(home, proposal_id)
    if not receipt.has_passed:
        raise ProposalUnaudited(
            f"The audit of {proposal_id} has not passed, so nothing is stored of it."
        )
    if not digest == receipt.sha256 == expected:
        raise ProposalUnaudited(
            f"{STAGED} of {proposal_id} is not what was staged and audited: its sha256 is "
            f"{digest[:12]}, {expected[:12]} was staged, the receipt is for "
            f"{receipt.sha256[:12]}. Nothing was stored. Run it again."
        )
    try:
        answers = tuple(_answer(one) for one in value["answers"])
        staged = StagedEvents(
            Window.from_dict(value["window"]),
            frozenset(value["relevant"]),
            answers,
            Override(**value["override"]),
            float(value["fail_stale"]),
        )
    except (KeyError, TypeError, ValueError) as error:
        raise ProposalMissing(f"{STAGED} of {proposal_id} is damaged: {error}") from error
    return staged, receipt


def _answer(value: dict[str, Any]) -> Answer:
    events = [{k: v for k, v in one.items() if k != "is_known"} for one in value["events"]]
    return Answer.from_dict({**value, "raw": {}, "events": events})
