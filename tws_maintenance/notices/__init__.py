"""Telling somebody: what is wrong or waits, once, by mail, webhook or file."""
