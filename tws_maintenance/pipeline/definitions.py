"""Everything Dagster is told about: assets, checks, jobs and the report resource."""

import dagster as dg

from tws_maintenance.config.home import Home, find_home
from tws_maintenance.config.indices import INDICES
from tws_maintenance.config.settings import Settings, load_settings
from tws_maintenance.core.errors import SettingsError
from tws_maintenance.pipeline.asset_checks import build_checks
from tws_maintenance.pipeline.assets import build_assets
from tws_maintenance.pipeline.automation import build_schedules, build_sensors
from tws_maintenance.pipeline.cleaning import build_cleaning_job, build_cleaning_schedule
from tws_maintenance.pipeline.event_assets import build_event_assets, build_event_checks
from tws_maintenance.pipeline.jobs import build_jobs
from tws_maintenance.pipeline.notifying import build_notice_sensors
from tws_maintenance.pipeline.resources import build_report_resource
from tws_maintenance.runs.maintenance import HeadStart

# For who reaches Dagster through the pipeline alone.
Definitions = dg.Definitions


def build_definitions(begun: HeadStart | None = None) -> dg.Definitions:
    """Return the definitions; `begun` is what a caller began before importing Dagster."""
    home = begun.home if begun else find_home()
    jobs, cleaning, limits = build_jobs(), build_cleaning_job(home), _settings(home)
    return dg.Definitions(
        assets=[
            *(
                asset
                for index in INDICES.values()
                for asset in build_assets(index, limits.of(index).max_age_days)
            ),
            *build_event_assets(limits.events.max_age_days),
        ],
        asset_checks=[
            *(check for index in INDICES.values() for check in build_checks(index)),
            build_event_checks(),
        ],
        jobs=[*jobs, cleaning],
        schedules=[*build_schedules(jobs), build_cleaning_schedule(cleaning)],
        sensors=[*build_sensors(jobs), *build_notice_sensors()],
        resources={"report": build_report_resource(begun)},
        # The steps take milliseconds: a process each would cost four times the whole run.
        executor=dg.in_process_executor,
    )


def _settings(home: Home) -> Settings:
    """Return the settings that the definitions show; a mistake in them is told by every run."""
    try:
        return load_settings(home)
    except SettingsError:
        return Settings.model_construct()
