"""Comparing an answer with what the OpenAPI description promises of it."""

from typing import Any

from jsonschema_rs import Draft202012Validator

from tws_maintenance.console.api.openapi import describe
from tws_maintenance_tests.defaults import MAINTAINED


def faults_of(name: str, value: Any) -> list[str]:
    """Return where `value` is not what the schema of that name says."""
    components = {"components": describe(MAINTAINED)["components"]}
    schema = {"$ref": f"#/components/schemas/{name}", **components}
    checked = Draft202012Validator(schema, validate_formats=True)
    return [f"{one.instance_path}: {one.message}" for one in checked.iter_errors(value)]
