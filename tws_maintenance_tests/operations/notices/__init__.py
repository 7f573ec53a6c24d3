"""Tests of telling somebody, once, what is wrong or waits."""
