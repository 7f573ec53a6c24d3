"""Earnings, dividends, FOMC decisions, holidays and early closes: fetch, compare, store.

Belongs here: what an event is, what an answer means for the stored ones, whom it concerns, and
the robot's own service where that keeps them. Does not: HTTP with the robot (`robot`).
"""
