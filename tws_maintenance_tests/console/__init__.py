"""The console as programs and browsers meet it: API, runs, security, pages."""
