"""What every audit does with pandera: all failures at once, as a frame of plain cells."""

import pandas as pd
import pandera.pandas as pa

COLUMNS = ["column", "check", "failure_case", "index"]


def failures(schema: pa.DataFrameSchema, frame: pd.DataFrame) -> pd.DataFrame:
    """Return every failure case of `frame`, lazily: columns column, check, failure_case, index."""
    try:
        schema.validate(frame, lazy=True)
    except pa.errors.SchemaErrors as error:
        cases: pd.DataFrame = error.failure_cases[COLUMNS]
        return cases
    return pd.DataFrame(columns=COLUMNS)
