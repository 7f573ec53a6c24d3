"""Everything Dagster is told about: assets, checks, jobs and the report resource."""

import dagster as dg

from tws_maintenance.indices import INDICES
from tws_maintenance.maintenance import HeadStart
from tws_maintenance.pipeline.assets import build_assets
from tws_maintenance.pipeline.checks import build_checks
from tws_maintenance.pipeline.events import build_event_assets, build_event_checks
from tws_maintenance.pipeline.jobs import build_jobs
from tws_maintenance.pipeline.report_resource import build_report_resource

# For who reaches Dagster through the pipeline alone.
Definitions = dg.Definitions


def build_definitions(begun: HeadStart | None = None) -> dg.Definitions:
    """Return the definitions; `begun` is what a caller began before importing Dagster."""
    return dg.Definitions(
        assets=[
            *(asset for index in INDICES.values() for asset in build_assets(index)),
            *build_event_assets(),
        ],
        asset_checks=[
            *(check for index in INDICES.values() for check in build_checks(index)),
            build_event_checks(),
        ],
        jobs=build_jobs(),
        resources={"report": build_report_resource(begun)},
        # The steps take milliseconds: a process each would cost four times the whole run.
        executor=dg.in_process_executor,
    )
