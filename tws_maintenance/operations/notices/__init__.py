"""Notices: what is wrong or waits is sent once, by mail, webhook or file."""
