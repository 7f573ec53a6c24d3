"""Notices: what is wrong or waiting is sent once, by mail, webhook or file."""
