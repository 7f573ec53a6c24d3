"""The command line: one module a command group, no logic of its own.

Heavy imports stand inside the command that needs them: `--help` loads click and `main` only, the
help of a command nothing that the command will use, `reports list` neither Dagster nor pandas.
"""
