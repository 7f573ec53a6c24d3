"""Words that answers of the API repeat from a report or from Dagster's tags.

The schema lists the words of this version; another one, from an older report or an edited one, is
passed on as it is, because one odd file must not keep every status from being answered.
"""

from typing import Annotated, Any

from pydantic import WithJsonSchema

from tws_maintenance.reports import schema

# A JSON object whose keys this program does not decide, or whose values it only passes on.
JsonObject = dict[str, Any]


RunStatus = Annotated[str, WithJsonSchema({"type": "string", "enum": [*schema.RunStatus]})]
