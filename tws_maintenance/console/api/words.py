"""Words that answers of the API repeat from a report or from Dagster's tags.

The schema lists the words of this version. Another word, from an older or edited report, is passed
on unchanged, because one odd file must not prevent every status.
"""

from typing import Annotated, Any

from pydantic import WithJsonSchema

from tws_maintenance.reports import schema

# A JSON object whose keys this program does not decide, or whose values it only passes on.
JsonObject = dict[str, Any]


RunStatus = Annotated[str, WithJsonSchema({"type": "string", "enum": [*schema.RunStatus]})]
