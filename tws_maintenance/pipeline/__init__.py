"""Everything that imports Dagster: assets, checks, jobs, schedules, sensors, and their runs.

Belongs here: keys, metadata and a place in Dagster's history for each step of a run
(https://docs.dagster.io/guides/build/assets). Does not: what a step does, which is `runs`' and the
rooms' below it. Nothing else imports Dagster but `tws_maintenance.definitions`.
"""
