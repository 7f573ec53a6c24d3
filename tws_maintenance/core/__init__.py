"""Errors, time, writing files whole, locks and processes: what every room uses.

Belongs here: what knows nothing of this project's subject. Does not: a path of the home, a
setting, a rule. Imports no other room.
"""
