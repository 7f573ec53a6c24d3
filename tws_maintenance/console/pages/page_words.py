"""The messages of reports in the page's words: without options, commands and names of rules.

Reports are also for readers at a terminal. Where a message names an option, the page has a form;
and the sentence of a rule says more than its name. Belongs here: recognising and replacing those
words. Does not: the messages, which other modules write.
"""

import re
from collections.abc import Iterable

from tws_maintenance.constituents import rules as list_rules
from tws_maintenance.market_events import rules as event_rules

_RULES = "|".join(one.name for one in (*list_rules.RULES, *event_rules.RULES))
_TASKS = r"(?:[a-z0-9]+_constituents|market_events|metadata_validation): "
_PROGRAM = r"(?:python -m )?tws[_-]maintenance"
# What a message offers at the command line, and what the page has instead.
_INSTEAD = tuple(
    (re.compile(found), instead)
    for found, instead in (
        (rf"^(?:{_TASKS})?(?:{_RULES}): ", ""),
        (rf"(; )(?:{_RULES}): ", r"\1"),
        (r'\.? ?If that is right(?:, add|:) --allow-large-change --reason "\.\.\."', "."),
        (r" \(accepted: --allow-large-change\)", " (accepted)"),
        (r" \(--allow-large-change\)", ""),
        (r"\. Allowed by --allow-large-change ", ". Allowed "),
        (r": give one with --reason$", ""),
        (r'run with --allow-large-change --reason "\.\.\."', "allow it below, with the reason"),
        (r"Name another one with --backup; `backups list` shows them\.", "Choose another one."),
        (r"`backups list` shows what there is\.", "The page Backups shows what there is."),
        (rf"Restore it: {_PROGRAM} restore \w+ \(or fetch it: [^)]*\)", "Restore a backup."),
        (rf"Restore it: {_PROGRAM} restore \w+\.", "Restore a backup."),
        (r"(Or move it away and fetch it again|Refresh it)(?:: | with )run --apply\.?", r"\1."),
        (rf"Fetch it: {_PROGRAM} run --task \w+ --apply", "Fetch it by a dry run, and apply that."),
        (rf"{_PROGRAM} run --task market_events --apply", "Refresh Market Events"),
        (r"Use --days (\S+) at the next sync\.", r"Refresh \1 days ahead."),
        (r"Use --symbol (\S+) at the next sync, or", r"Refresh \1 too, or"),
        (r"or use --symbol", "or name one beside the button"),
        (r"\(--symbol\)", "(named for this run)"),
        (r"Allow it once with --many-symbols, or always with", "Allow it with"),
        (rf"List it with: {_PROGRAM} watchlist list\.", ""),
        (rf": {_PROGRAM} watchlist add SYMBOL\.", " on the page Watchlist."),
        (rf"Run a dry run: {_PROGRAM} run", "Make a dry run."),
        (rf"{_PROGRAM} events list", "the page Events"),
        (rf"{_PROGRAM} events remove[^.;]*", "the page Events"),
    )
)
# A command that is left is removed to the end of its sentence: a page shows no part of one.
COMMAND = re.compile(rf"[^.;:(]*(?:{_PROGRAM} \w+|(?<!\S)`?--[a-z])[^.;)]*[.;]?")
_LETTERS = re.compile(r"[^a-z0-9]+")


def plain(text: str) -> str:
    """Return a message without names of rules and options, which have no meaning on a page."""
    said = COMMAND.sub("", in_its_place(text)).strip(" :;")
    # Without the name of its rule a sentence begins here, unless with a path or a symbol.
    begins_anew = not text.startswith(said[:1]) and said.partition(" ")[0].isalpha()
    return said[:1].upper() + said[1:] if begins_anew else said


def in_its_place(text: str) -> str:
    """Return a message with the page's words instead of those of the command line."""
    for pattern, instead in _INSTEAD:
        text = pattern.sub(instead, text)
    return text


def once(texts: Iterable[str], said: Iterable[str] = ()) -> list[str]:
    """Return the messages in plain words, without any that another or one of `said` contains."""
    found: dict[str, str] = {}
    for one in map(plain, texts):
        found.setdefault(_key(one), one)
    others = [_key(plain(one)) for one in said]
    return [
        one
        for key, one in found.items()
        if not any(key in other for other in (*others, *(found.keys() - {key})))
    ]


def _key(text: str) -> str:
    return _LETTERS.sub(" ", text.lower()).strip()
