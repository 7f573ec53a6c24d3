"""The sources of events: Yahoo, the Federal Reserve, exchange calendars, the operator.

Belongs here: asking a provider and reading its answer. Does not: comparing it with the store.
"""
