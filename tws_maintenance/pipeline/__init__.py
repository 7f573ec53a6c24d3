"""The Dagster coat: assets, checks and jobs over `tws_maintenance.runs.maintenance`.

The only folder that imports Dagster (with `tws_maintenance.definitions`). What a run does is
decided in the domain folders; here it gets keys, metadata, and a place in Dagster's history.
"""
