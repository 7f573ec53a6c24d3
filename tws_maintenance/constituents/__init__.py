"""Staging, auditing and promoting the lists of index members.

The three verbs of this project, as plain functions over rows and files: `stage` writes a proposal,
`audit` judges the staged bytes and writes the receipt, `promote` publishes exactly those bytes.
Nothing here knows Dagster, Flask or the command line.
"""
