"""The console's JSON API: requests, answers, and their description as OpenAPI."""
