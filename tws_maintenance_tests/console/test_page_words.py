"""No option of the command line and no name of a rule stands in what the page says."""

import re
from collections.abc import Iterator

import pytest

from tws_maintenance.audit.evaluate import ACCEPTED
from tws_maintenance.config.home import Home
from tws_maintenance.config.indices import INDICES
from tws_maintenance.console.pages.page_words import COMMAND, in_its_place, once, plain
from tws_maintenance.constituents.audit_live import way_back
from tws_maintenance.constituents.measures import OVERRIDE
from tws_maintenance.market_events.model import YAHOO
from tws_maintenance.market_events.suspicious_changes import refusal_text
from tws_maintenance.reports.building import NO_REASON
from tws_maintenance_tests.support import REPOSITORY, texts_of

pytestmark = pytest.mark.unit
SYNC = "python -m tws_maintenance run --task market_events --apply"


@pytest.mark.parametrize(
    ("text", "told"),
    [
        (f"turnover_is_within_limits: 52.0%. {OVERRIDE}", "52.0%."),
        # As reports said before.
        ('52.0%. If that is right: --allow-large-change --reason "..."', "52.0%."),
        ("sti_constituents: symbols_are_unique: two rows", "Two rows"),
        ("text_is_plain: data/sti.csv is odd", "data/sti.csv is odd"),
        (f"turnover 52.0%{ACCEPTED}", "turnover 52.0% (accepted)"),
        (NO_REASON, "a large change was allowed without a reason"),
        ("AAPL (--symbol): ok", "AAPL (named for this run): ok"),
        (
            "It is old. Use --days 60 at the next sync.",
            "It is old. Refresh 60 days ahead.",
        ),
        (f"Sync again: {SYNC}", "Sync again: Refresh Market Events"),
        ("a list, the disk is slow -- see the log", "a list, the disk is slow -- see the log"),
        ("Nothing is wrong.", "Nothing is wrong."),
        ("Something new. Try it with --unheard-of 5, or not.", "Something new."),
    ],
)
def test_a_message_is_said_without_options_and_rules(text: str, told: str) -> None:
    assert plain(text) == told


def test_what_leads_back_to_a_list_and_what_refuses_events_is_said_too(home: Home) -> None:
    told = [way_back(home, INDICES["sti"]), refusal_text(YAHOO.name, "5 of 9 would go", 0.25)]
    assert plain(told[0]) == "Fetch it by a dry run, and apply that."
    assert plain(told[1]).endswith("if they are gone, allow it below, with the reason")


def test_what_another_message_says_is_not_said_again() -> None:
    why = "1 of 2 sources are usable (ES3: HTTP 404)"
    said = [f"Not confirmed: {why}. The list stays."]
    assert once(
        [f"membership_is_confirmed: {why}", "The page is old", "The page is old."], said
    ) == ["The page is old"]


# Said on the command line only.
ELSEWHERE = {"history_backfill.py", "export.py", "closures.py"}
OPTION = re.compile(r"(?<!\S)\(?--[a-z]|tws_maintenance (?:run|restore|watchlist|events) ")
# Parts of a message that is tried above.
PARTS = {"python -m tws_maintenance run --task X --apply", "--symbol"}


def texts_with_options() -> Iterator[str]:
    """Yield the texts of the rooms whose messages reach a report, with X for what is filled in."""
    for room in ("audit", "constituents", "market_events"):
        for path in sorted((REPOSITORY / "tws_maintenance" / room).rglob("*.py")):
            if path.name not in ELSEWHERE:
                found = texts_of(path)
                yield from (one for one in found if OPTION.search(one) and one not in PARTS)


def test_the_page_has_words_for_every_message_that_names_an_option() -> None:
    """Else the page would leave out what it cannot say, and a message would end in the middle."""
    texts = list(texts_with_options())
    assert len(texts) >= 10
    assert [one for one in texts if COMMAND.search(in_its_place(one))] == []
