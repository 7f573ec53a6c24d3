"""Golden reports: what a run of every kind writes, kept as text and compared byte for byte."""
