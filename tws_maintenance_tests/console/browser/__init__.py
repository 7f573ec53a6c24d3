"""The console as an operator meets it: a real console process and a real Chromium."""
