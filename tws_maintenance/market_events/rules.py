"""The rules of the audit of events, each named as the sentence that is true when it passes.

Belongs here: names and texts. Does not: how a rule is checked (`audit`).
"""

from tws_maintenance.audit.results import Rule

ANSWERED = Rule("at_least_one_provider_answered", "At least one provider answered.")
DATES = Rule(
    "dates_are_parseable",
    "Every event has real dates, starts on its date and does not end before it.",
)
WINDOW = Rule(
    "events_are_inside_the_window",
    "Every event falls inside the requested window or is already stored.",
)
TYPES = Rule(
    "event_types_are_known",
    "Every event has one of the five types, and its provider lists that type.",
)
SYMBOLS = Rule(
    "symbols_are_of_a_known_market",
    "Earnings and dividends have a symbol of a known market; market-wide events have no symbol.",
)
UNIQUE = Rule("events_are_unique", "Every event is listed once.")
FOMC = Rule("fomc_meetings_are_complete", "This year has eight scheduled FOMC meetings.")
WEEKDAYS = Rule("holidays_are_on_weekdays", "Holidays and early closes fall on Monday to Friday.")

RULES = (ANSWERED, DATES, WINDOW, TYPES, SYMBOLS, UNIQUE, FOMC, WEEKDAYS)
