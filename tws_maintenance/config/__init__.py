"""Where things lie and what an operator may set.

Belongs here: the home's paths, the settings and their bounds, the declarations of indices,
venues and markets. Does not: reading or judging what lies at those paths.
"""
