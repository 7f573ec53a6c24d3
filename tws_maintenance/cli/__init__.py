"""The command line: one module for each command or group of commands.

Belongs here: arguments, options and printing. Does not: any decision about data. A command imports
heavy modules when it runs: `--help` loads only click and `main`, the help of a command does not
load what running it needs, and `reports list` loads neither Dagster nor pandas.
"""
