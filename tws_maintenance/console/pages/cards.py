"""The five cards of the overview, and the verdict above them.

Belongs here: the word of each card, what waits, and the next step. Does not: where a value comes
from (the status), and how it looks (the templates).
"""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from datetime import datetime
from enum import StrEnum
from typing import Literal

from tws_maintenance.config.indices import MARKET_EVENTS
from tws_maintenance.config.settings import Settings
from tws_maintenance.console.api.responses import (
    EventsStatus,
    LatestReport,
    ListStatus,
    Status,
)
from tws_maintenance.console.apply_preview import Elsewhere, ListToApply, Outcome, ToApply
from tws_maintenance.console.pages.page_words import once
from tws_maintenance.core.clock import is_older
from tws_maintenance.core.text import counted, words
from tws_maintenance.market_events.model import provider_title

LATEST = "latest"
# How the problem of a missing file ends.
MISSING = " is missing."
# "decide" links to the list's line below the cards, "apply" opens the dialog, the others start a
# run or open a page.
StepKind = Literal["dry_run", "refresh", "apply", "decide", "page"]


class Word(StrEnum):
    """The state of a card in one word: the worst that is true."""

    BROKEN = "broken"
    FAILED = "failed"
    WAITING = "waiting"
    STALE = "stale"
    FRESH = "fresh"


_SENTENCES = {
    Word.BROKEN: "Broken: {}.",
    Word.FAILED: "The last run failed: {}.",
    Word.WAITING: "Waiting for you: {}.",
    Word.STALE: "Stale: {}.",
}


@dataclass(frozen=True)
class Step:
    """What to do next; `target` is a task, the id of a report or run, or the name of a page."""

    label: str
    kind: StepKind
    target: str = ""


@dataclass(frozen=True)
class Card:
    """One card. `waits` are (sign, count) of what a dry run would change, `note` a few words.

    `alarms` are sentences that the page shows nowhere else.
    """

    task: str
    name: str
    word: Word
    figure: str
    unit: str
    at: str | None
    step: Step | None
    waits: tuple[tuple[str, int], ...] = ()
    note: str = ""
    alarms: tuple[str, ...] = ()

    @property
    def alarm_kind(self) -> str:
        """The severity of its alarms: "error" or "warning"."""
        return "error" if self.word in {Word.BROKEN, Word.FAILED} else "warning"


def cards_of(
    status: Status,
    apply: ToApply | None,
    elsewhere: Sequence[Elsewhere],
    settings: Settings,
    at: datetime,
) -> list[Card]:
    """Return the cards: the lists, the market events, the latest report.

    `apply` is the newest dry run, as the page shows it; `elsewhere` are lists that wait in another.
    """
    shown = {one.result.task: one for one in apply.lists} if apply else {}
    waits_in = {one.name: one.report_id for one in elsewhere}
    if apply:
        replaced = (one for one in apply.lists if one.outcome is Outcome.REPLACE)
        waits_in |= {one.name: apply.report.report_id for one in replaced}
    lists = (
        _list_card(
            _Look(
                one,
                shown.get(one.task),
                waits_in.get(one.name, ""),
                apply,
                is_new=not status.latest_report and (one.file_problem or "").endswith(MISSING),
            )
        )
        for one in status.constituents
    )
    latest = _latest_card(status.latest_report, settings.events.max_age_days, at)
    return [*lists, _events_card(status.market_events), latest]


def verdict_of(cards: Sequence[Card]) -> tuple[Word, str]:
    """Return the worst word, and one line about what needs attention.

    The latest report counts only if no other card has a problem: otherwise its run is theirs.
    """
    if all(one.at is None for one in cards):
        return Word.STALE, "Nothing was run here yet. The first steps are below."
    words_of = {word: [one for one in cards if one.word is word] for word in _SENTENCES}
    parts: list[tuple[Word, str]] = []
    for word, sentence in _SENTENCES.items():
        found = [one.name for one in words_of[word] if one.task != LATEST]
        if word in {Word.BROKEN, Word.FAILED} and not parts and not found:
            found = [one.name for one in words_of[word]]
        if found:
            parts.append((word, sentence.format(", ".join(found))))
    if not parts:
        return Word.FRESH, "Nothing needs attention."
    return parts[0][0], " ".join(text for _, text in parts)


@dataclass(frozen=True)
class _Look:
    """A list with its line in the newest dry run, and the report in which its change waits.

    `is_new` if there is no file because nothing was ever run.
    """

    one: ListStatus
    shown: ListToApply | None
    waits_in: str
    apply: ToApply | None
    is_new: bool

    @property
    def is_too_large(self) -> bool:
        """Whether only the size of its change failed."""
        return bool(self.shown and self.shown.ready and self.shown.ready.yields_to_override)

    @property
    def is_last_run_shown(self) -> bool:
        """Whether the findings of its last run are shown below the cards."""
        last = self.one.last_run
        return bool(last and self.apply and last.report_id == self.apply.report.report_id)


def _list_card(look: _Look) -> Card:
    one, word = look.one, _word(look)
    shown = look.shown
    said = [*shown.problems, *shown.result.every_warning] if shown else []
    found = () if look.is_new else _alarms(one, is_shown=look.is_last_run_shown)
    alarms = once(found, said)
    return Card(
        task=one.task,
        name=one.name,
        word=word,
        figure="" if one.row_count is None else str(one.row_count),
        unit="members",
        at=one.last_refreshed_at,
        step=_step(look, word),
        waits=_waits(look),
        note=_note(look, word),
        alarms=tuple(f"{one.name}: {text}" for text in alarms),
    )


def _word(look: _Look) -> Word:
    one = look.one
    if look.is_new:
        return Word.STALE
    if one.row_count is None or one.file_problem or one.file_audit.status == "failed":
        return Word.BROKEN
    if one.unconfirmed or (one.last_run and one.last_run.status == "failed"):
        return Word.FAILED
    if look.waits_in:
        return Word.WAITING
    return Word.STALE if one.stale else Word.FRESH


def _waits(look: _Look) -> tuple[tuple[str, int], ...]:
    """Return what a waiting or a too large change would change."""
    found = look.one.proposal
    if found is None or not (look.waits_in or look.is_too_large):
        return ()
    counts = (("+", found.added), ("-", found.removed), ("~", found.renamed + found.updated))
    return tuple((sign, count) for sign, count in counts if count)


def _step(look: _Look, word: Word) -> Step:
    one, shown = look.one, look.shown
    if look.waits_in and word in {Word.WAITING, Word.BROKEN}:
        return Step("Review", "apply", look.waits_in)
    if word is Word.BROKEN and (one.last_refreshed_at or one.restored_at):
        return Step("Backups", "page", "backups")
    if word is Word.FAILED and look.is_too_large:
        return Step("Decide", "decide", one.task)
    is_same = shown is not None and shown.outcome is Outcome.CONFIRM
    if word is Word.STALE and is_same and look.apply:
        return Step("Confirm", "apply", look.apply.report.report_id)
    return Step(f"Dry run {one.name}", "dry_run", one.task)


def _note(look: _Look, word: Word) -> str:
    one = look.one
    if look.is_new:
        return "no file yet"
    if word is Word.BROKEN:
        return "missing or unreadable" if one.row_count is None else "fails its audit"
    if word is Word.FAILED:
        return "not confirmed" if one.unconfirmed else "too large" if look.is_too_large else ""
    if word is Word.WAITING:
        return "waits"
    if one.restored_at:
        return "an older list, restored"
    return "edited since its promotion" if one.drift else ""


def _alarms(one: ListStatus, *, is_shown: bool) -> Iterator[str]:
    """Yield what is wrong with the file, and with a last run that is not shown below."""
    yield from [one.file_problem] if one.file_problem else one.file_audit.errors
    if one.drift:
        yield one.drift
    if not is_shown:
        yield from one.validation.errors


def _events_card(events: EventsStatus) -> Card:
    is_bad = events.status in {"failed", "partial_failure"}
    failed = (
        f"{provider_title(one.provider)}: {one.error_message}"
        for one in events.providers
        if one.error_message
    )
    doubts = events.doubts if events.last_refreshed_at or events.status else []
    is_stale = events.needs_refresh or bool(doubts)
    word = Word.FAILED if is_bad else Word.STALE if is_stale else Word.FRESH
    alarms = once([*events.moved, *doubts, *failed])
    return Card(
        task=MARKET_EVENTS,
        name="Market events",
        word=word,
        figure=str(events.fetched),
        unit="fetched",
        at=events.last_refreshed_at,
        step=Step("Refresh", "refresh", MARKET_EVENTS)
        if word is not Word.FRESH
        else Step("Dry run events", "dry_run", MARKET_EVENTS),
        alarms=tuple(f"Market events: {text}" for text in alarms),
    )


def _latest_card(latest: LatestReport | None, max_age_days: float, at: datetime) -> Card:
    if latest is None:
        return Card(LATEST, "Latest report", Word.STALE, "", "", None, None)
    is_old = is_older(latest.finished_at, max_age_days, at)
    word = Word.STALE if is_old else Word.FRESH
    if latest.status != "completed":
        word = Word.FAILED if latest.status else Word.BROKEN
    findings = [
        counted(len(texts), noun)
        for texts, noun in ((latest.errors, "error"), (latest.warnings, "warning"))
        if texts
    ]
    return Card(
        task=LATEST,
        name="Latest report",
        word=word,
        figure=words(latest.status) or "damaged",
        unit="",
        at=latest.finished_at,
        step=Step("Open report", "page", latest.report_id),
        note=", ".join(findings) or "no warnings",
    )
