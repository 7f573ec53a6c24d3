"""Tests that mirror the folders of tws_maintenance and read like the operator's story."""
