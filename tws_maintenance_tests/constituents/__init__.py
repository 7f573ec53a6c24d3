"""Tests of tws_maintenance.constituents: from a source's rows to the published file."""
