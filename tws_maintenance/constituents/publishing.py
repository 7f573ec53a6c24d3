"""Publishing: putting audited bytes in place with everything that belongs to them.

The intent is noted first, in promotion.json; from it and from the bytes on disk a killed
publication can be told and finished. Called with the lock of the index held.
"""

import contextlib
import json
import secrets
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

from tws_maintenance.clock import parse_utc, utc_text
from tws_maintenance.constituents import history
from tws_maintenance.constituents.backups import back_up
from tws_maintenance.constituents.generation import Generation, read_generation
from tws_maintenance.constituents.live import Row, parse_live
from tws_maintenance.constituents.proposal import Proposal
from tws_maintenance.errors import LiveFileError, ProposalUnaudited
from tws_maintenance.home import Home
from tws_maintenance.indices import Index
from tws_maintenance.run_mark import RunMark
from tws_maintenance.storage.atomic import replace_together, to_json, write_json
from tws_maintenance.storage.digest import sha256

RECORD = "promotion.json"
INTENDED, PROMOTED, ABANDONED, UNCLEAR = "intended", "promoted", "abandoned", "unclear"


@dataclass(frozen=True)
class Intent:
    """promotion.json: what a promotion is about to do, and in `state` what came of it."""

    state: str
    report_id: str
    run_id: str
    at: str
    before_sha256: str | None
    after_sha256: str
    backup_path: str | None
    generation: dict[str, Any]


@dataclass(frozen=True)
class Settled:
    """What a killed promotion turned out to have done; paths are relative to the home."""

    changed: bool
    output_path: str | None
    backup_path: str | None
    at: str
    text: str


def publish(
    home: Home, index: Index, proposal: Proposal, staged: bytes, live: bytes | None, mark: RunMark
) -> Path | None:
    """Back up `live`, put `staged` in its place, and return the backup, None without a file.

    Raises:
        OSError, HistoryError: everything is as it was, or was put back.
    """
    intent = _intent(proposal, mark)
    path = home.live_file(index.key)
    home.history.mkdir(parents=True, exist_ok=True)
    # First, because a history that cannot be continued must stop it before anything is written.
    belongings = _belongings(home, index, intent, staged, live)
    write_intent(home, proposal.proposal_id, intent)
    backup = back_up(home, index, live, mark.report_id) if live is not None else None
    if backup is not None:
        intent = Intent(**vars(intent) | {"backup_path": home.relative(backup)})
        write_intent(home, proposal.proposal_id, intent)
    replace_together([(path, staged), *belongings])
    if path.read_bytes() != staged:
        raise OSError(f"{path.name} reads back other bytes than were written")
    # The list is published; should this note fail, the next start finds so from the bytes.
    with contextlib.suppress(OSError):
        write_intent(home, proposal.proposal_id, Intent(**vars(intent) | {"state": PROMOTED}))
    return backup


def settle(home: Home, index: Index, proposal_id: str) -> Settled:
    """Finish or give up a publication that was killed, going by the live bytes.

    Doing it twice is doing it once.
    """
    intent = read_intent(home, proposal_id)
    assert intent is not None, "there is nothing to settle"
    path = home.live_file(index.key)
    live = path.read_bytes() if path.exists() else None
    found = sha256(live) if live is not None else None
    name = home.relative(path)
    stamp = read_generation(home, index)
    by_another = (
        stamp is not None
        and stamp.sha256 == intent.after_sha256
        and stamp.generation != intent.generation["generation"]
    )
    if intent.state == PROMOTED or (found == intent.after_sha256 and not by_another):
        if intent.state != PROMOTED and live is not None:
            replace_together(_belongings(home, index, intent, live, _backed_up(home, intent)))
            write_intent(home, proposal_id, Intent(**vars(intent) | {"state": PROMOTED}))
        return Settled(True, name, intent.backup_path, intent.at, f"{name} holds the new list")
    state = ABANDONED if by_another or found == intent.before_sha256 else UNCLEAR
    write_intent(home, proposal_id, Intent(**vars(intent) | {"state": state}))
    text = (
        f"the run was killed before it replaced {name}; another run published the same list"
        if by_another
        else f"the run was killed before {name} was replaced; it is the old file, whole"
        if state == ABANDONED
        else f"{name} is neither the old nor the new list; somebody changed it since"
    )
    return Settled(False, None, intent.backup_path, intent.at, text)


def read_intent(home: Home, proposal_id: str) -> Intent | None:
    """Return promotion.json of a proposal; None where nothing was ever tried.

    Raises:
        ProposalUnaudited: it is damaged, so that nobody can tell whether it was promoted.
    """
    path = home.proposal(proposal_id) / RECORD
    try:
        return Intent(**json.loads(path.read_text(encoding="utf-8")))
    except FileNotFoundError:
        return None
    except (OSError, ValueError, TypeError) as error:
        raise ProposalUnaudited(
            f"{home.relative(path)} is damaged ({type(error).__name__}), so it cannot be told "
            "whether this proposal was promoted before. Run a dry run for a new one."
        ) from error


def write_intent(home: Home, proposal_id: str, intent: Intent) -> None:
    """Write promotion.json of a proposal, whole."""
    write_json(home.proposal(proposal_id) / RECORD, asdict(intent))


def _intent(proposal: Proposal, mark: RunMark) -> Intent:
    generation = Generation(
        generation=secrets.token_hex(8),
        report_id=mark.report_id,
        proposal_id=proposal.proposal_id,
        promoted_at=utc_text(mark.at),
        sha256=proposal.sha256,
        source=proposal.source,
        revised_at=proposal.revised_at,
        last_modified=proposal.last_modified,
    )
    return Intent(
        state=INTENDED,
        report_id=mark.report_id,
        run_id=mark.run_id,
        at=utc_text(mark.at),
        before_sha256=proposal.live_sha256,
        after_sha256=proposal.sha256,
        backup_path=None,
        generation=asdict(generation),
    )


def _belongings(
    home: Home, index: Index, intent: Intent, staged: bytes, live: bytes | None
) -> list[tuple[Path, bytes]]:
    """Return what changes together with the live file: its history and its stamp."""
    stays = history.settled(
        history.read_history(home, index),
        _rows(live),
        _rows(staged),
        intent.report_id,
        parse_utc(intent.at).date(),
    )
    return [
        (home.membership_file(index.key), history.to_csv(stays)),
        (home.generation_file(index.key), to_json(intent.generation)),
    ]


def _rows(content: bytes | None) -> tuple[Row, ...]:
    try:
        return parse_live(content, "the list").rows if content is not None else ()
    except LiveFileError:
        return ()


def _backed_up(home: Home, intent: Intent) -> bytes | None:
    if intent.backup_path is None:
        return None
    try:
        return (home.root / intent.backup_path).read_bytes()
    except OSError:
        return None
