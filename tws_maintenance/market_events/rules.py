"""The rules of the audit of events, each named as the sentence that is true when it passes."""

from tws_maintenance.audit.results import Rule

ANSWERED = Rule("at_least_one_provider_answered", "At least one provider answered.")
DATES = Rule(
    "dates_are_parseable",
    "Every event has real dates, starts on its day and does not end before it.",
)
WINDOW = Rule(
    "events_are_inside_the_window",
    "Every event is on a day that was asked for, or was stored before.",
)
TYPES = Rule(
    "event_types_are_known",
    "Every event is of one of the five types, from a provider of that type.",
)
SYMBOLS = Rule(
    "symbols_are_of_a_known_market",
    "Earnings and dividends have a symbol of a known market, events of a whole market have none.",
)
UNIQUE = Rule("events_are_unique", "Every event is listed once.")
FOMC = Rule("fomc_meetings_are_complete", "This year has eight scheduled FOMC meetings.")
WEEKDAYS = Rule("holidays_are_on_weekdays", "Holidays and early closes are from Monday to Friday.")

RULES = (ANSWERED, DATES, WINDOW, TYPES, SYMBOLS, UNIQUE, FOMC, WEEKDAYS)
