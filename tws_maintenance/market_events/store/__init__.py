"""The tables of stored events: opening, reading and writing them, and their faults.

Belongs here: SQL. Does not: which event is new or withdrawn (`market_events.diff`).
"""
