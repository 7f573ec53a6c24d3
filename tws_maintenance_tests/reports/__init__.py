"""Tests of tws_maintenance.reports: the record of every run."""
