"""Looking after a home: `doctor`, retention, what may start by itself, and notices.

Belongs here: decisions about the home as a whole. Does not: the sensors and schedules that act
on them, which are Dagster's (`pipeline`).
"""
