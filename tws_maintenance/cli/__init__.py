"""The command line: one module a command group, no logic of its own.

Heavy imports stand inside the command that needs them: `--help` and `reports list` know neither
Dagster nor pandas.
"""
