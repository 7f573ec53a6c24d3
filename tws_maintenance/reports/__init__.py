"""The record of every run: what was found, what was done, by whom, and what came of it.

Belongs here: the form of a report, its words, its chain, and what follows from many of them.
Does not: doing anything to a list or an event.
"""
