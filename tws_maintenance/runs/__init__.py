"""A run, from what is wanted to its report: the steps, their record, recovery after a kill.

Belongs here: the order of the steps and what a report notes of them. Does not: how a list is
judged or published (`constituents`), or how Dagster executes the steps (`pipeline`).
"""
