"""Tests of asking, finding and reading the pages of the indices."""
