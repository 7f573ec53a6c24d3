"""Publishing: put audited bytes in place with everything that belongs to them.

The intent is noted first, in promotion.json, with the name of the file that will become the live
one. The rename removes that name in the same step as it replaces the list: as long as a file of
that name exists, this run replaced nothing, whatever the live file holds. So a killed publication
is recognised and finished even where other runs, or people, wrote the same list before or after
it. The caller holds the lock of the index.
"""

import contextlib
import json
import os
import secrets
from dataclasses import asdict, dataclass, replace
from pathlib import Path

from tws_maintenance.audit.run_context import RunContext
from tws_maintenance.config.home import Home
from tws_maintenance.config.indices import Index
from tws_maintenance.constituents import history
from tws_maintenance.constituents.backups import back_up
from tws_maintenance.constituents.csv_file import Row, parse_live
from tws_maintenance.constituents.promotion_stamp import Generation, read_generation
from tws_maintenance.constituents.proposal import STAGED, Proposal
from tws_maintenance.core.atomic import (
    Replacement,
    replace_together,
    sync_folder,
    to_json,
    write_json,
)
from tws_maintenance.core.clock import parse_utc, utc_text
from tws_maintenance.core.digest import sha256
from tws_maintenance.core.errors import LiveFileError, ProposalUnaudited

RECORD = "promotion.json"
INTENDED, PROMOTED, ABANDONED = "intended", "promoted", "abandoned"
STATES = (INTENDED, PROMOTED, ABANDONED)


@dataclass(frozen=True)
class Intent:
    """promotion.json: what a promotion is about to do, and in `state` what came of it.

    `prepared` is the file beside the live one that the rename puts in its place, None until it is
    written. `former_file` identifies the replaced file, also among later ones with equal bytes.
    `outcome` is a sentence, blank where the promotion simply succeeded.
    """

    state: str
    report_id: str
    run_id: str
    at: str
    before_sha256: str | None
    after_sha256: str
    backup_path: str | None
    generation: Generation
    former_file: str | None = None
    prepared: str | None = None
    outcome: str = ""


@dataclass(frozen=True)
class Settled:
    """What a killed promotion turned out to have done; paths are relative to the home.

    `text` says what did not go as intended, "" where the new list is in place.
    """

    changed: bool
    output_path: str | None
    backup_path: str | None
    at: str
    text: str


def publish(
    home: Home,
    index: Index,
    proposal: Proposal,
    staged: bytes,
    live: bytes | None,
    mark: RunContext,
) -> Path | None:
    """Back up `live`, put `staged` in its place, and return the backup, None without a file.

    Raises:
        OSError, HistoryError: everything is as it was, or was put back.
    """
    intent = _intent(home, index, proposal, mark)
    home.history.mkdir(parents=True, exist_ok=True)
    # First, because a history that cannot be continued must stop it before anything is written.
    belongings = _belongings(home, index, intent, staged, live)
    write_intent(home, proposal.proposal_id, intent)
    try:
        files = [(home.live_file(index.key), staged), *belongings]
        intent = _replace(home, index, intent, live, files)
    except BaseException:
        _note_put_back(home, index, proposal.proposal_id, live)
        raise
    # The list is published; if this note fails, the next start finds out from the files.
    with contextlib.suppress(OSError):
        write_intent(home, proposal.proposal_id, replace(intent, state=PROMOTED))
    return home.root / intent.backup_path if intent.backup_path else None


def _replace(
    home: Home,
    index: Index,
    intent: Intent,
    live: bytes | None,
    files: list[tuple[Path, bytes]],
) -> Intent:
    """Back up `live`, replace all `files`, the list first, and return the intent as noted."""
    replacement = Replacement(files)
    try:
        if live is not None:
            backup = back_up(home, index, live, intent.report_id)
            intent = replace(intent, backup_path=home.relative(backup))
        # Durable before it is noted: a power cut must not take away what only the rename may.
        sync_folder(replacement.first_temporary.parent)
        intent = replace(intent, prepared=replacement.first_temporary.name)
        write_intent(home, intent.generation.proposal_id, intent)
        replacement.commit()
    finally:
        replacement.discard()
    path, staged = files[0]
    if path.read_bytes() != staged:
        raise OSError(f"{path.name} does not hold the bytes that were written")
    return intent


def _note_put_back(home: Home, index: Index, proposal_id: str, live: bytes | None) -> None:
    """Mark a failed publication as abandoned, unless its bytes stayed; needs the lock."""
    with contextlib.suppress(OSError, ProposalUnaudited):
        intent = read_intent(home, proposal_id)
        if intent is not None and _content_of(home.live_file(index.key)) == live:
            name = home.relative(home.live_file(index.key))
            text = f"the run did not replace {name}; the old file is intact"
            write_intent(home, proposal_id, replace(intent, state=ABANDONED, outcome=text))


def settle(home: Home, index: Index, proposal_id: str) -> Settled:
    """Finish or abandon a killed publication, by the files on disk.

    A second call changes nothing: the first result stays, whatever happens to the list later.
    """
    intent = read_intent(home, proposal_id)
    assert intent is not None, "there is nothing to settle"
    name = home.relative(home.live_file(index.key))
    if intent.state == INTENDED:
        prepared = _prepared_file(home, index, intent)
        intent = _found_out(home, index, proposal_id, intent)
        write_intent(home, proposal_id, intent)
        # Only now, when it is no longer needed as evidence.
        if prepared is not None:
            with contextlib.suppress(OSError):
                prepared.unlink(missing_ok=True)
    changed = intent.state == PROMOTED
    output_path = name if changed else None
    return Settled(changed, output_path, intent.backup_path, intent.at, intent.outcome)


def _found_out(home: Home, index: Index, proposal_id: str, intent: Intent) -> Intent:
    """Return the intent with its outcome, after completing what belongs to a published list."""
    path = home.live_file(index.key)
    name, live = home.relative(path), _content_of(path)
    found = sha256(live) if live is not None else None
    if not _was_published(home, index, intent, found):
        return replace(intent, state=ABANDONED, outcome=_why_abandoned(home, index, intent, found))
    content = live if found == intent.after_sha256 else _staged(home, proposal_id, intent)
    if content is not None:
        replace_together(_belongings(home, index, intent, content, _backed_up(home, intent)))
    is_there = found == intent.after_sha256
    text = "" if is_there else f"the run replaced {name}, and somebody changed it since"
    return replace(intent, state=PROMOTED, outcome=text)


def _was_published(home: Home, index: Index, intent: Intent, found: str | None) -> bool:
    """Return whether this run replaced the list for good; `found` is the live file's sha256 now."""
    stamp = read_generation(home, index)
    if stamp is not None and stamp.generation == intent.generation.generation:
        return True
    if not _was_renamed(home, index, intent):
        return False
    if found != intent.before_sha256:
        return True
    # The old list again: a run that failed and put it back removed its records first.
    stays = history.read_history(home, index)
    return any(intent.report_id in (stay.report_id, stay.end_report_id) for stay in stays)


def _was_renamed(home: Home, index: Index, intent: Intent) -> bool:
    """Return whether the new bytes have been in place, whatever is there now."""
    prepared = _prepared_file(home, index, intent)
    if prepared is None or prepared.exists():
        return False
    # A failed rename removes the name too, but leaves the former file.
    return _file_id(home.live_file(index.key)) != intent.former_file


def _why_abandoned(home: Home, index: Index, intent: Intent, found: str | None) -> str:
    """Return the sentence for a list that this run did not replace for good."""
    name = home.relative(home.live_file(index.key))
    if _was_renamed(home, index, intent):
        return f"the run replaced {name}, and somebody put the old list back since"
    if found == intent.before_sha256:
        return f"the run was killed before it replaced {name}; the old file is intact"
    if found == intent.after_sha256:
        return f"the run was killed before it replaced {name}, and somebody put the same list there"
    return f"the run was killed before it replaced {name}, and somebody changed it since"


def read_intent(home: Home, proposal_id: str) -> Intent | None:
    """Return promotion.json of a proposal; None where nothing was ever tried.

    Raises:
        ProposalUnaudited: it is damaged, so that nobody knows whether it was promoted.
    """
    path = home.proposal(proposal_id) / RECORD
    try:
        value = json.loads(path.read_text(encoding="utf-8"))
        # Settling needs the generation.
        intent = Intent(**value | {"generation": Generation(**value["generation"])})
        if intent.state not in STATES:
            raise ValueError(f"unknown state {intent.state!r}")
        return intent
    except FileNotFoundError:
        return None
    except (OSError, ValueError, KeyError, TypeError, RecursionError) as error:
        raise ProposalUnaudited(
            f"{home.relative(path)} is damaged ({type(error).__name__}), so it is unknown "
            "whether this proposal was promoted before. Run a dry run for a new one."
        ) from error


def write_intent(home: Home, proposal_id: str, intent: Intent) -> None:
    """Write promotion.json of a proposal, whole."""
    write_json(home.proposal(proposal_id) / RECORD, asdict(intent))


def _intent(home: Home, index: Index, proposal: Proposal, mark: RunContext) -> Intent:
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
        generation=generation,
        former_file=_file_id(home.live_file(index.key)),
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
        (home.generation_file(index.key), to_json(asdict(intent.generation))),
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


def _staged(home: Home, proposal_id: str, intent: Intent) -> bytes | None:
    """Return the published bytes from the proposal; None where they are gone or altered."""
    try:
        content = (home.proposal(proposal_id) / STAGED).read_bytes()
    except OSError:
        return None
    return content if sha256(content) == intent.after_sha256 else None


def _prepared_file(home: Home, index: Index, intent: Intent) -> Path | None:
    """Return the path of the file that was to become the live one, even if it is gone."""
    if intent.prepared is None:
        return None
    # Beside the file that is replaced, where the live file is a symbolic link.
    return Path(os.path.realpath(home.live_file(index.key))).with_name(intent.prepared)


def _file_id(path: Path) -> str | None:
    """Return what identifies a file among others with equal bytes, None without a file."""
    try:
        found = path.stat()
    except FileNotFoundError:
        return None
    return f"{found.st_ino}-{found.st_mtime_ns}"


def _content_of(path: Path) -> bytes | None:
    try:
        return path.read_bytes()
    except FileNotFoundError:
        return None
