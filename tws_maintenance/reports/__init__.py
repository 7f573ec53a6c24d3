"""The record of every run: what was found, what was done, by whom, and what came of it."""
