"""Reading the public pages and files that say who is in an index.

What belongs here: asking politely, keeping the raw bytes, finding the one right table, and saying
exactly what is wrong when it is missing. What does not: judging whether the members
are plausible; that is the audit's job (`tws_maintenance.constituents`).
"""
