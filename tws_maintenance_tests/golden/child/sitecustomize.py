"""Stop the clock of a process that a scene starts; Python imports this before anything else."""

from tws_maintenance_tests.golden import stopped_clock

stopped_clock.follow()
