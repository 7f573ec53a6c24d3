"""The journey of an operator on pages of the project's own making, without a network.

The companies are invented; the layout is that of the real pages. The tests use them too.
"""
