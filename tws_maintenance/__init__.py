"""Keeps the index constituents of a trading robot fresh, auditable and safe to apply."""
