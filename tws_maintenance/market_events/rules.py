"""The rules of the audit of events, each named as the sentence that is true when it passes."""

from tws_maintenance.audit.results import Rule

ANSWERED = Rule("at_least_one_provider_answered", "an answer of at least one provider")
DATES = Rule("dates_are_parseable", "dates of the calendar, and an end no earlier than its start")
WINDOW = Rule(
    "events_are_inside_the_window", "days that were asked for, or an event that is known already"
)
TYPES = Rule("event_types_are_known", "one of the five types, from a provider that tells of it")
SYMBOLS = Rule(
    "symbols_are_of_a_known_market",
    "a symbol of a known market for earnings and dividends, and none for a whole market",
)
UNIQUE = Rule("events_are_unique", "every event once")
FOMC = Rule("fomc_meetings_are_complete", "eight scheduled FOMC meetings in this year")
WEEKDAYS = Rule("holidays_are_on_weekdays", "holidays and early closes on days of trading")

RULES = (ANSWERED, DATES, WINDOW, TYPES, SYMBOLS, UNIQUE, FOMC, WEEKDAYS)
