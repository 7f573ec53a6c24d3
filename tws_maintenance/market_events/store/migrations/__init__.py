"""How the tables of events came to be, one revision after the other (Alembic, from schema.py)."""
