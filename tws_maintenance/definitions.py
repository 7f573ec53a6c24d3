"""The Dagster code location: `dagster ... -m tws_maintenance.definitions`."""

from tws_maintenance.pipeline.definitions import build_definitions
from tws_maintenance.pipeline.instance import reconcile_at_start

# The one thing that happens at import: each start finishes what a killed run left behind.
defs = build_definitions(is_reconciled=reconcile_at_start())
