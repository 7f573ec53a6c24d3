"""The rules of the audit of a list, each named as the sentence that is true when it passes.

One declaration serves the pandera schemas, the asset checks, the receipt and the docs. A name in
braces is a setting of the index, or `max_sectors_lost`.
"""

from dataclasses import dataclass

from tws_maintenance.audit.results import Rule
from tws_maintenance.config.indices import Index

# A share of the members with a sector. More means a lost column, not a few lost cells.
MAX_SECTORS_LOST = 0.10


@dataclass(frozen=True)
class ListRule(Rule):
    """A rule about a list of members.

    `on_live` also judges live files; `on_staged` judges proposals; `gics_only` is for lists with
    GICS sectors.
    """

    on_staged: bool = True
    on_live: bool = True
    gics_only: bool = False


COLUMNS = ListRule("columns_are_present", "The file has each column of the live file once.")
PARSED = ListRule(
    "source_records_were_parsed", "At least one record was read from the source.", on_live=False
)
ROW_COUNT = ListRule("row_count_is_at_least_the_minimum", "The list has at least {min_rows} rows.")
ROW_COUNT_MAXIMUM = ListRule(
    "row_count_is_at_most_the_maximum", "The list has at most {max_rows} rows."
)
NON_EMPTY = ListRule("symbols_are_non_empty", "Every row that names a company has a symbol.")
UNIQUE = ListRule("symbols_are_unique", "Every symbol is listed once.")
FORMAT = ListRule("symbols_match_the_market_format", "Every symbol has the format of its market.")
MISSING_TEXT = ListRule(
    "no_text_stands_for_a_missing_value",
    "Every symbol and company is a real value, not a blank, nan, None or -.",
)
PLAIN = ListRule(
    "text_is_plain",
    "Every text is plain, without markup, control characters, footnote marks or leading = + - @.",
)
SECTORS = ListRule(
    "sectors_are_gics_sectors",
    "Every sector is one of the eleven GICS sectors.",
    warns_only=True,
    gics_only=True,
)
COUNT_CHANGE = ListRule(
    "count_change_is_within_limits",
    "The row count changed by at most {fail_change}; more than {warn_change} is a warning.",
    yields=True,
)
TURNOVER = ListRule(
    "turnover_is_within_limits",
    "At most {fail_turnover} of the members were added or removed; more than {warn_turnover} is a "
    "warning.",
    yields=True,
    on_live=False,
)
NAMES = ListRule(
    "companies_stay_with_their_symbols",
    "At most {fail_names} of the symbols that stayed now name another company; more than "
    "{warn_names} is a warning.",
    on_live=False,
)
DROPPED = ListRule(
    "source_rows_are_not_dropped",
    "At most {fail_dropped} of the source's rows were dropped; more than {warn_dropped} is a "
    "warning.",
    on_live=False,
)
SECTORS_LOST = ListRule(
    "sectors_are_not_lost",
    "At most {max_sectors_lost} of the members with a sector lost it; any loss is a warning.",
    on_live=False,
)
STATED_COUNT = ListRule(
    "stated_count_agrees",
    "The list has as many rows as its page states, if the page states a number.",
    warns_only=True,
    on_live=False,
)
NOT_OLDER = ListRule(
    "source_is_not_older",
    "The source is not older than the source of the last promotion.",
    warns_only=True,
    on_live=False,
)
CONFIRMED = ListRule(
    "membership_is_confirmed",
    "At least {quorum} usable sources, or the index provider's own list, decided who is a member.",
    yields=True,
    on_live=False,
)
DECIDED = ListRule(
    "no_symbol_is_undecided",
    "At least {quorum} usable sources agree about every symbol.",
    warns_only=True,
    on_live=False,
)
FRESH = ListRule(
    "file_is_fresh",
    "The list was refreshed in the last {max_age_days} days.",
    warns_only=True,
    on_staged=False,
)
NOT_EDITED = ListRule(
    "file_is_as_it_was_promoted",
    "The file has the bytes of the last promotion.",
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
