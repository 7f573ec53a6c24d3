"""Who is asked for events: Yahoo, the Federal Reserve, exchange calendars, the operator.

Belongs here: reading one provider's answer. Does not: what an answer means for the store.
"""
