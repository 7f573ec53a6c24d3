"""Dagster as an operator meets it: definitions, jobs, checks, and every way to start a run."""
