"""The rules of the audit of a list, each named as the sentence that is true when it passes.

One declaration serves the pandera schemas, the asset checks, the receipt and the docs.
"""

from dataclasses import dataclass

from tws_maintenance.audit.results import Rule
from tws_maintenance.config.indices import Index


@dataclass(frozen=True)
class ListRule(Rule):
    """A rule about a list of members.

    `on_live` also judges live files; `on_staged` judges proposals; `gics_only` is for lists with
    GICS sectors.
    """

    on_staged: bool = True
    on_live: bool = True
    gics_only: bool = False


COLUMNS = ListRule("columns_are_present", "the columns of the live file, each once")
PARSED = ListRule(
    "source_records_were_parsed", "at least one record read from the source", on_live=False
)
ROW_COUNT = ListRule("row_count_is_at_least_the_minimum", "no fewer rows than the index can have")
ROW_COUNT_MAXIMUM = ListRule(
    "row_count_is_at_most_the_maximum", "no more rows than the index can have"
)
NON_EMPTY = ListRule("symbols_are_non_empty", "a symbol in every row that names a company")
UNIQUE = ListRule("symbols_are_unique", "every symbol once")
FORMAT = ListRule("symbols_match_the_market_format", "symbols as the market writes them")
MISSING_TEXT = ListRule(
    "no_text_stands_for_a_missing_value",
    "a real value in symbol and security, not a blank or nan, None, -",
)
PLAIN = ListRule(
    "text_is_plain",
    "plain text: no markup, control characters, footnote marks or leading = + - @",
)
SECTORS = ListRule(
    "sectors_are_gics_sectors", "one of the eleven GICS sectors", warns_only=True, gics_only=True
)
COUNT_CHANGE = ListRule("count_change_is_within_limits", "a count close to the former", yields=True)
TURNOVER = ListRule(
    "turnover_is_within_limits", "few members added or removed", yields=True, on_live=False
)
NAMES = ListRule(
    "companies_stay_with_their_symbols",
    "the same company behind nearly every symbol that stayed",
    on_live=False,
)
DROPPED = ListRule("source_rows_are_not_dropped", "every source row used", on_live=False)
SECTORS_LOST = ListRule("sectors_are_not_lost", "a sector wherever there was one", on_live=False)
STATED_COUNT = ListRule(
    "stated_count_agrees",
    "as many rows as the page itself says",
    warns_only=True,
    on_live=False,
)
NOT_OLDER = ListRule(
    "source_is_not_older", "a source no older than the last one", warns_only=True, on_live=False
)
CONFIRMED = ListRule(
    "membership_is_confirmed",
    "as many usable sources as the quorum, or the index provider's own list",
    yields=True,
    on_live=False,
)
DECIDED = ListRule(
    "no_symbol_is_undecided",
    "a quorum of sources for or against every symbol",
    warns_only=True,
    on_live=False,
)
FRESH = ListRule("file_is_fresh", "a refresh within the limit", warns_only=True, on_staged=False)
NOT_EDITED = ListRule(
    "file_is_as_it_was_promoted",
    "the bytes of the last promotion",
    warns_only=True,
    on_staged=False,
)


RULES = (
    COLUMNS, PARSED, ROW_COUNT, ROW_COUNT_MAXIMUM, NON_EMPTY, UNIQUE, FORMAT, MISSING_TEXT, PLAIN,
    SECTORS, COUNT_CHANGE, TURNOVER, NAMES, DROPPED, SECTORS_LOST, STATED_COUNT, NOT_OLDER,
    CONFIRMED, DECIDED, FRESH, NOT_EDITED,
)  # fmt: skip


def staged_rules(index: Index) -> tuple[ListRule, ...]:
    """Return the rules that judge a proposal of `index`, in the order they are shown."""
    return tuple(r for r in RULES if r.on_staged and (index.sectors or not r.gics_only))


def live_rules(index: Index) -> tuple[ListRule, ...]:
    """Return the rules that judge the live file of `index`."""
    return tuple(r for r in RULES if r.on_live and (index.sectors or not r.gics_only))
