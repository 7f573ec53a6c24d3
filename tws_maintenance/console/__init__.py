"""The console: a small Flask application over the domain and Dagster's run metadata.

Belongs here: showing state and starting runs. Does not: deciding anything. The state of a list
comes from the domain folders, that of a run from Dagster through `tws_maintenance.pipeline`. Runs
are processes of their own, so nothing is lost when the console ends.
"""
