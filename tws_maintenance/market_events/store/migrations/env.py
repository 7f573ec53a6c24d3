"""What Alembic runs for an upgrade: on the connection, and in the transaction, of its caller."""

from alembic import context

from tws_maintenance.market_events.store.schema import VERSION_TABLE

context.configure(
    connection=context.config.attributes["connection"],
    version_table=VERSION_TABLE,  # the robot may have an alembic_version of its own
)
with context.begin_transaction():
    context.run_migrations()
