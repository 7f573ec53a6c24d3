"""The description of the API, as OpenAPI 3.1, derived from the models that read and write it.

Belongs here: addresses, words, and the answers of each address. Does not: the shapes, which are in
`bodies` and `responses`. It is served at `/api/openapi.json`; a test checks it with schemathesis.
"""

from functools import cache
from importlib.metadata import version

from pydantic import BaseModel
from pydantic.json_schema import models_json_schema

from tws_maintenance.config.indices import Maintained
from tws_maintenance.console.api import bodies, responses
from tws_maintenance.console.api.responses import JsonObject
from tws_maintenance.reports.schema import Report

REFERENCE = "#/components/schemas/{model}"
REPORT, REPORT_OR_DAMAGED = "Report", "ReportOrDamaged"
_ANSWERS: tuple[type[BaseModel], ...] = (
    responses.Status,
    responses.Run,
    responses.DamagedReport,
    responses.Started,
    responses.Reports,
    responses.Caches,
    responses.Badge,
    responses.Upcoming,
    responses.SyncLog,
    responses.Closures,
    responses.ClosuresChanged,
    responses.Watchlist,
    responses.WatchlistChanged,
    responses.Error,
)
_BODIES: tuple[type[BaseModel], ...] = (
    bodies.RunBody,
    bodies.PromoteBody,
    bodies.RestoreBody,
    bodies.RefreshBody,
    bodies.ClosureBody,
    bodies.ClosureRemovalBody,
    bodies.WatchlistBody,
)
_ERRORS = {
    "400": "Something in the request is wrong; `message` and `detail` name it.",
    "401": "The console requires its password.",
    "403": "The CSRF token is missing, wrong or too old.",
    "404": "Nothing with that name exists.",
    "409": "A run of the same task is in progress, or the request does not fit the current state.",
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
def describe(home: Maintained) -> JsonObject:
    """Return the OpenAPI description of every address under /api, and /metrics, for a home."""
    value: JsonObject = bodies.described(_described(), home)
    return value


def _described() -> JsonObject:
    return {
        "openapi": "3.1.0",
        "info": {
            "title": "tws_maintenance console",
            "version": version("tws_maintenance"),
            "description": (
                "Keeps the index constituents and market events of a trading robot fresh. A run "
                "is a dry run unless the request says otherwise. State-changing calls need the "
                'token of `<meta name="csrf-token">` on any page as `X-CSRFToken`, with its '
                "cookie."
            ),
        },
        "paths": _paths(),
        "components": {
            "schemas": _schemas(),
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


def _schemas() -> JsonObject:
    # As validated, not as serialised, which would require the keys that may be left out.
    models = [(model, "validation") for model in (*_ANSWERS, *_BODIES)]
    models.append((Report, "validation"))
    _, found = models_json_schema(models, ref_template=REFERENCE)  # type: ignore[arg-type]
    damaged = _reference(responses.DamagedReport)
    return {
        **found["$defs"],
        # The last one stands for a report of an older form.
        REPORT_OR_DAMAGED: {"anyOf": [_reference(REPORT), damaged, {"type": "object"}]},
    }


def _reference(schema: type[BaseModel] | str) -> JsonObject:
    name = schema if isinstance(schema, str) else schema.__name__
    return {"$ref": REFERENCE.format(model=name)}


def _paths() -> JsonObject:
    return {
        **{f"/api/maintenance{path}": one for path, one in _maintenance().items()},
        **{f"/api{path}": one for path, one in _events().items()},
        "/metrics": {"get": _get("Figures for Prometheus.", None, text="text/plain")},
    }


def _maintenance() -> JsonObject:
    run, refused = _started(), ("404",)
    return {
        "/status": {"get": _get("What is fresh, what waits and what runs.", responses.Status)},
        "/run": {"post": _post("Start a run.", bodies.RunBody, run)},
        "/promote": {
            "post": _post("Publish what a dry run staged.", bodies.PromoteBody, run, refused)
        },
        "/restore": {
            "post": _post(
                "Preview or do the restore of a backup.", bodies.RestoreBody, run, refused
            )
        },
        "/runs/{run_id}": {"get": _get("One run, step by step.", responses.Run, path=_RUN_ID)},
        "/reports": {
            "get": _get("The reports, newest first.", responses.Reports, bodies.ReportsQuery)
        },
        "/reports/{report_id}": {
            "get": _get(
                "One report; a damaged one is marked.",
                REPORT_OR_DAMAGED,
                bodies.FormatQuery,
                path=_REPORT_ID,
                text="text/markdown",
            )
        },
        "/caches": {
            "get": _get("The generation of each index, which caches watch.", responses.Caches)
        },
        "/badge": {"get": _get("A badge for shields.io.", responses.Badge)},
    }


def _events() -> JsonObject:
    run, refused = _started(), ("404",)
    changed = {"200": _json("The watchlist after the change.", responses.WatchlistChanged)}
    watch = bodies.WatchlistBody
    closures = {
        "200": _json("The closures from today on, after the change.", responses.ClosuresChanged)
    }
    removal = bodies.ClosureRemovalBody
    return {
        "/market-events/refresh": {
            "post": _post("Fetch, audit and store events.", bodies.RefreshBody, run)
        },
        "/market-events/upcoming": {
            "get": _get("The coming events.", responses.Upcoming, bodies.UpcomingQuery)
        },
        "/market-events/sync-log": {
            "get": _get(
                "The log of syncs, newest first.",
                responses.SyncLog,
                bodies.SyncLogQuery,
            )
        },
        "/market-events/calendar.ics": {
            "get": _get("The events as a calendar.", None, text="text/calendar")
        },
        "/market-events/closures": {
            "get": _get("The closures that operators added.", responses.Closures),
            "post": _post("Add a closure that was announced.", bodies.ClosureBody, closures),
            "delete": _post("Remove a closure that an operator added.", removal, closures, refused),
        },
        "/watchlist": {
            "get": _get("The watched symbols.", responses.Watchlist),
            "post": _post("Watch a symbol.", watch, changed),
            "delete": _post("Stop watching a symbol.", watch, changed, refused),
        },
    }


def _started() -> JsonObject:
    """Return the successful answers of an address that starts a run."""
    return {
        "200": _json("The run has ended; its report says how.", REPORT),
        "202": _json("The run is still in progress; follow it at `status_url`.", responses.Started),
    }


def _get(
    summary: str,
    answer: type[BaseModel] | str | None,
    query: type[BaseModel] = bodies.NoQuery,
    path: dict[str, str] | None = None,
    text: str = "",
) -> JsonObject:
    content: JsonObject = {}
    if answer:
        content["application/json"] = {"schema": _reference(answer)}
    if text:
        content[text] = {"schema": {"type": "string"}}
    parameters = [*([_path_parameter(path)] if path else []), *_query_parameters(query)]
    return {
        "summary": summary,
        "parameters": parameters,
        "responses": {
            "200": {"description": "The requested content.", "content": content},
            **_errors(*_READING, *(["404"] if path else [])),
        },
    }


def _post(
    summary: str,
    body: type[BaseModel],
    good: JsonObject,
    more_errors: tuple[str, ...] = (),
) -> JsonObject:
    content = {"application/json": {"schema": _reference(body)}}
    return {
        "summary": summary,
        "security": [{"csrf": []}, {"csrf": [], "password": []}],
        "requestBody": {"required": True, "content": content},
        "responses": {**good, **_errors(*_CHANGING, *more_errors)},
    }


def _json(description: str, answer: type[BaseModel] | str) -> JsonObject:
    content = {"application/json": {"schema": _reference(answer)}}
    return {"description": description, "content": content}


def _errors(*codes: str) -> JsonObject:
    return {code: _json(_ERRORS[code], responses.Error) for code in sorted(codes)}


def _path_parameter(path: dict[str, str]) -> JsonObject:
    schema = {"type": "string", "pattern": path["pattern"]}
    return {"name": path["name"], "in": "path", "required": True, "schema": schema}


def _query_parameters(query: type[BaseModel]) -> list[JsonObject]:
    found = []
    for name, schema in query.model_json_schema().get("properties", {}).items():
        given = [one for one in schema.get("anyOf", []) if one != {"type": "null"}]
        plain = {key: value for key, value in schema.items() if key not in {"anyOf", "title"}}
        if plain.get("default", "") is None:
            del plain["default"]
        merged = {**(given[0] if given else {}), **plain}
        found.append({"name": name, "in": "query", "required": False, "schema": merged})
    return found
