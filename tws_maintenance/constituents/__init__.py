"""Lists of index members: stage, audit and promote one.

Belongs here: everything about one list, from the sources' rows to the published file with its
backup and history. Does not: reading pages (`sources`), a run of several lists (`runs`).
"""
