"""What a home maintains that has switched nothing on: what most tests are about."""

from tws_maintenance.config.indices import maintained

MAINTAINED = maintained()
CONSTITUENT_TASKS = MAINTAINED.constituent_tasks
TASKS = MAINTAINED.tasks
TASK_GROUPS = MAINTAINED.groups
VENUES = MAINTAINED.venues
