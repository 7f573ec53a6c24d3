"""Everything that imports Dagster: assets, checks, jobs, schedules, sensors, and their runs.

What belongs here: keys, metadata and a place in Dagster's history for each step of a run
(https://docs.dagster.io/guides/build/assets). What does not: what a step does, which is in `runs`
and the packages below it. Only `tws_maintenance.definitions` imports Dagster as well.
"""
