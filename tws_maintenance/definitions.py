"""The Dagster code location: `dagster ... -m tws_maintenance.definitions`."""

from tws_maintenance.pipeline.definitions import build_definitions

defs = build_definitions()
