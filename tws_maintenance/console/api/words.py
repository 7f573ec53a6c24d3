"""Words that answers of the API repeat from a report or from Dagster's tags.

The schema lists the words of this version; another one, from an older report or an edited one, is
passed on as it is, because one odd file must not keep every status from being answered.
"""

from collections.abc import Iterable
from typing import Annotated, Any

from pydantic import WithJsonSchema

from tws_maintenance.audit.results import ValidationStatus as AuditStatus
from tws_maintenance.config.indices import ALL_TASKS
from tws_maintenance.reports import schema

# A JSON object whose keys this program does not decide, or whose values it only passes on.
JsonObject = dict[str, Any]


def _word(words: Iterable[str]) -> WithJsonSchema:
    return WithJsonSchema({"type": "string", "enum": [*words]})


TaskName = Annotated[str, _word(ALL_TASKS)]
RunStatus = Annotated[str, _word(schema.RunStatus)]
ValidationStatus = Annotated[str, _word(AuditStatus)]
# One element of a result's `providers`.
ProviderJson = Annotated[
    JsonObject,
    WithJsonSchema(
        {
            "type": "object",
            "required": ["provider", "status"],
            "properties": {"provider": {"type": "string"}, "status": {"type": "string"}},
        }
    ),
]
