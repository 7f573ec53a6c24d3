"""The commands: what they print, what they leave on disk, and their exit codes."""
