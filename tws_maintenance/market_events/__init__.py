"""Earnings, dividends, FOMC decisions, holidays and early closes: fetched, compared, stored.

A provider that fails says so; it never becomes "no events".
"""
