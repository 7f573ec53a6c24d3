"""Rules, how they came out, and the receipt: what the audits of lists and of events share.

Belongs here: the form of a verdict. Does not: a rule about lists (`constituents`) or about
events (`market_events`). The pipeline shows the results as Dagster's asset checks:
https://docs.dagster.io/guides/test/asset-checks
"""
