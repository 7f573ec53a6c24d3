"""What the variables of the environment set, in the form of maintenance.toml.

`TWS_MAINTENANCE_HTTP__CONTACT` is `[http] contact`, in any case of letters. A value of several
parts, a whole section too, is written as JSON. Without pydantic-settings, whose import takes 20 ms
of every process of ours.
"""

import json
from collections.abc import Iterable
from typing import Any, get_args, get_origin

from pydantic import BaseModel

from tws_maintenance.config.environment import PREFIX
from tws_maintenance.core.errors import SettingsError

DELIMITER = "__"


def values_of(variables: Iterable[tuple[str, str]], model: type[BaseModel]) -> dict[str, Any]:
    """Return the values that `variables`, (name, text) each, give to the keys of `model`.

    A variable of one key goes over one of the whole section.

    Raises:
        SettingsError: a value of several parts is not JSON; names its section.
    """
    values: dict[str, Any] = {}
    for name, text in sorted(variables, key=lambda one: one[0].count(DELIMITER)):
        *path, key = name[len(PREFIX) :].lower().split(DELIMITER)
        kind: Any = model
        inner: Any = values
        for part in path:
            kind = _within(kind, part)
            inner = inner.setdefault(part, {}) if isinstance(inner, dict) else None
        if isinstance(inner, dict):  # else what holds it is wrong, and is reported
            try:
                inner[key] = _read(text, _within(kind, key))
            except ValueError as error:
                # What a dict holds is judged with its key.
                if get_origin(kind) is not dict:
                    raise _not_json((*path, key)[0]) from error
                inner[key] = text
    return values


def merged(below: dict[str, Any], above: dict[str, Any]) -> dict[str, Any]:
    """Return `below` with the values of `above` over it, key by key at every depth."""
    values = dict(below)
    for key, one in above.items():
        both = isinstance(one, dict) and isinstance(below.get(key), dict)
        values[key] = merged(below[key], one) if both else one
    return values


def _within(kind: Any, key: str) -> Any:
    """Return the type of the value at `key` of a `kind`, None where there is no such key."""
    if get_origin(kind) is dict:
        return get_args(kind)[1]
    field = kind.model_fields.get(key) if _is_model(kind) else None
    return field.annotation if field else None


def _read(text: str, kind: Any) -> Any:
    has_parts = _is_model(kind) or get_origin(kind) in (dict, tuple)
    return json.loads(text) if has_parts and text else text


def _is_model(kind: Any) -> bool:
    return isinstance(kind, type) and issubclass(kind, BaseModel)


def _not_json(section: str) -> SettingsError:
    return SettingsError(
        f'The environment holds a section that is not JSON: error parsing value for "{section}". '
        f"Set its keys one by one, as in {PREFIX}HTTP__CONTACT, or write the section as a JSON "
        "object."
    )
