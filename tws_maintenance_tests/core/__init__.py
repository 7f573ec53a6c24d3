"""Tests of whole writes, locks between processes and fingerprints."""
