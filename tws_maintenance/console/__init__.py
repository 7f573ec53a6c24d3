"""The console: a small Flask application over the domain and Dagster's run metadata.

It shows and starts; it decides nothing. What a list's state is comes from the domain folders,
what a run does from Dagster through `tws_maintenance.pipeline`. Runs are processes of their own,
so that nothing here is lost with the console.
"""
