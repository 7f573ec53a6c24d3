"""On PYTHONPATH while a scene is played: the processes that it starts have its clock, too."""
