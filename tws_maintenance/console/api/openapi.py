"""The description of the API, as OpenAPI 3.1: requests from the models that read them.

What belongs here: addresses, words and which answers there are. The shapes of the answers are in
`answers`. Served at `/api/openapi.json`; a test lets schemathesis look for what is not true.
"""

from functools import cache
from importlib.metadata import version
from typing import Any

from pydantic import BaseModel

from tws_maintenance.config.indices import Maintained
from tws_maintenance.console.api import answers, bodies

REFERENCE = "#/components/schemas/{model}"
_ERRORS = {
    "400": "Something in the request is wrong; `message` and `detail` name it.",
    "401": "The console demands its password.",
    "403": "The CSRF token is missing, wrong or too old.",
    "404": "There is nothing of that name.",
    "409": "A run of the same task is in progress, or this does not fit what is there (any more).",
    "413": "The request is too large.",
    "415": "The body is not application/json.",
    "429": "Too many failed attempts to log in.",
    "503": "The home, its settings or its database cannot be used; `message` says why.",
}
_READING = ("400", "401", "429", "503")
_CHANGING = ("400", "401", "403", "409", "413", "415", "429", "503")
_RUN_ID = {"name": "run_id", "pattern": bodies.RUN_ID_PATTERN}
_REPORT_ID = {"name": "report_id", "pattern": bodies.ANY_REPORT_ID_PATTERN}


@cache
def describe(home: Maintained) -> dict[str, Any]:
    """Return the OpenAPI description of every address under /api, and /metrics, for a home."""
    schemas: dict[str, Any] = dict(answers.SCHEMAS)
    value: dict[str, Any] = bodies.described(_described(schemas), home)
    return value


def _described(schemas: dict[str, Any]) -> dict[str, Any]:
    return {
        "openapi": "3.1.0",
        "info": {
            "title": "tws_maintenance console",
            "version": version("tws_maintenance"),
            "description": (
                "Keeps the index constituents and market events of a trading robot fresh. A run "
                "is a dry run unless told otherwise. State-changing calls need the token of "
                '`<meta name="csrf-token">` on any page as `X-CSRFToken`, with its cookie.'
            ),
        },
        "paths": _paths(schemas),
        "components": {
            "schemas": schemas,
            "securitySchemes": {
                "csrf": {"type": "apiKey", "in": "header", "name": "X-CSRFToken"},
                "password": {
                    "type": "http",
                    "scheme": "basic",
                    "description": "Only where the console has a password.",
                },
            },
        },
    }


def _paths(schemas: dict[str, Any]) -> dict[str, Any]:
    return {
        **{f"/api/maintenance{path}": one for path, one in _maintenance(schemas).items()},
        **{f"/api{path}": one for path, one in _events(schemas).items()},
        "/metrics": {"get": _get("Figures for Prometheus.", None, text="text/plain")},
    }


def _maintenance(schemas: dict[str, Any]) -> dict[str, Any]:
    run, refused = answers.started(), ("404",)
    return {
        "/status": {"get": _get("Is everything fresh, what waits, what runs?", "Status")},
        "/run": {"post": _post(schemas, "Start a run.", bodies.RunBody, run)},
        "/promote": {
            "post": _post(
                schemas, "Publish what a dry run staged.", bodies.PromoteBody, run, refused
            )
        },
        "/restore": {
            "post": _post(
                schemas, "Show or do a way back to a backup.", bodies.RestoreBody, run, refused
            )
        },
        "/runs/{run_id}": {"get": _get("One run, step by step.", "Run", path=_RUN_ID)},
        "/reports": {"get": _get("The reports, newest first.", "Reports", bodies.ReportsQuery)},
        "/reports/{report_id}": {
            "get": _get(
                "One report; a damaged one says so.",
                "ReportOrDamaged",
                bodies.FormatQuery,
                path=_REPORT_ID,
                text="text/markdown",
            )
        },
        "/caches": {"get": _get("What caches watch: the generation of each index.", "Caches")},
        "/badge": {"get": _get("A badge for shields.io.", "Badge")},
    }


def _events(schemas: dict[str, Any]) -> dict[str, Any]:
    run, refused = answers.started(), ("404",)
    changed = {"200": _json("The watchlist as it is now.", "WatchlistChanged")}
    watch = bodies.WatchlistBody
    closures = {"200": _json("The closures to come as they are now.", "ClosuresChanged")}
    return {
        "/market-events/refresh": {
            "post": _post(schemas, "Fetch, audit and store events.", bodies.RefreshBody, run)
        },
        "/market-events/upcoming": {
            "get": _get("The events to come.", "Upcoming", bodies.UpcomingQuery)
        },
        "/market-events/sync-log": {
            "get": _get("What each sync did.", "SyncLog", bodies.SyncLogQuery)
        },
        "/market-events/calendar.ics": {
            "get": _get("The events as a calendar.", None, text="text/calendar")
        },
        "/market-events/closures": {
            "get": _get("What the operator knows before the packages do.", "Closures"),
            "post": _post(
                schemas, "Add a closure that was announced.", bodies.ClosureBody, closures
            ),
            "delete": _post(
                schemas, "Remove such a closure.", bodies.ClosureRemovalBody, closures, refused
            ),
        },
        "/watchlist": {
            "get": _get("What is watched.", "Watchlist"),
            "post": _post(schemas, "Watch a symbol.", watch, changed),
            "delete": _post(schemas, "Watch a symbol no longer.", watch, changed, refused),
        },
    }


def _get(
    summary: str,
    schema: str | None,
    query: type[BaseModel] = bodies.NoQuery,
    path: dict[str, str] | None = None,
    text: str = "",
) -> dict[str, Any]:
    content: dict[str, Any] = {}
    if schema:
        content["application/json"] = {"schema": {"$ref": REFERENCE.format(model=schema)}}
    if text:
        content[text] = {"schema": {"type": "string"}}
    parameters = [*([_path_parameter(path)] if path else []), *_query_parameters(query)]
    return {
        "summary": summary,
        "parameters": parameters,
        "responses": {
            "200": {"description": "As asked for.", "content": content},
            **_errors(*_READING, *(["404"] if path else [])),
        },
    }


def _post(
    schemas: dict[str, Any],
    summary: str,
    body: type[BaseModel],
    good: dict[str, Any],
    more_errors: tuple[str, ...] = (),
) -> dict[str, Any]:
    schema = body.model_json_schema(ref_template=REFERENCE)
    schemas.update(schema.pop("$defs", {}))
    schemas[body.__name__] = schema
    reference = {"$ref": REFERENCE.format(model=body.__name__)}
    return {
        "summary": summary,
        "security": [{"csrf": []}, {"csrf": [], "password": []}],
        "requestBody": {"required": True, "content": {"application/json": {"schema": reference}}},
        "responses": {**good, **_errors(*_CHANGING, *more_errors)},
    }


def _json(description: str, schema: str) -> dict[str, Any]:
    reference = {"$ref": REFERENCE.format(model=schema)}
    return {"description": description, "content": {"application/json": {"schema": reference}}}


def _errors(*codes: str) -> dict[str, Any]:
    return {code: _json(_ERRORS[code], "Error") for code in sorted(codes)}


def _path_parameter(path: dict[str, str]) -> dict[str, Any]:
    schema = {"type": "string", "pattern": path["pattern"]}
    return {"name": path["name"], "in": "path", "required": True, "schema": schema}


def _query_parameters(query: type[BaseModel]) -> list[dict[str, Any]]:
    found = []
    for name, schema in query.model_json_schema().get("properties", {}).items():
        given = [one for one in schema.get("anyOf", []) if one != {"type": "null"}]
        plain = {key: value for key, value in schema.items() if key not in {"anyOf", "title"}}
        if plain.get("default", "") is None:
            del plain["default"]
        merged = {**(given[0] if given else {}), **plain}
        found.append({"name": name, "in": "query", "required": False, "schema": merged})
    return found
