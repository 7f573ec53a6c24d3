"""Every error in one shape: JSON for programs, a page for people, never a stack trace."""

import logging
from typing import Any

from flask import Blueprint, Flask, Response, jsonify, render_template, request
from flask_wtf.csrf import CSRFError
from werkzeug.exceptions import HTTPException, InternalServerError

from tws_maintenance.console.api_error import ApiError, problem_of, storage_problem
from tws_maintenance.core.errors import StorageFault, TwsMaintenanceError

logger = logging.getLogger(__name__)
# Decides where no endpoint was found, only in the standalone console: a host answers its own.
PAGES = ("/maintenance", "/login")
CODES = {
    400: "bad_request",
    401: "login_required",
    403: "forbidden",
    404: "not_found",
    405: "method_not_allowed",
    413: "too_large",
    415: "unsupported_media_type",
    429: "too_many_requests",
    431: "headers_too_large",
    501: "not_implemented",
}

MESSAGES = {429: "Too many failed attempts to log in from this address. Wait, then try again."}


def add_errors(target: Flask | Blueprint) -> None:
    """Handle the errors of `target`: the whole application, or one blueprint in a host's."""

    @target.errorhandler(ApiError)
    def problem(error: ApiError) -> Response:
        return _answer(error)

    @target.errorhandler(TwsMaintenanceError)
    def domain(error: TwsMaintenanceError) -> Response:
        return _answer(problem_of(error))

    @target.errorhandler(OSError)
    @target.errorhandler(StorageFault)
    def storage(error: OSError | StorageFault) -> Response:
        logger.error("the home or its database failed", exc_info=error)
        return _answer(storage_problem(error))

    @target.errorhandler(CSRFError)
    def expired(error: CSRFError) -> Response:
        return _answer(_csrf(error))

    @target.errorhandler(HTTPException)
    def http(error: HTTPException) -> Any:
        return _answer_http(error)


def _answer_http(error: HTTPException) -> Any:
    code = error.code or 500
    if code < 400:  # noqa: PLR2004 - a redirect is no error
        return error
    if isinstance(error, InternalServerError):
        # Flask has logged it with its stack trace; the client needs only the fact.
        message = "The console failed unexpectedly; its log shows why."
        return _answer(ApiError(500, "internal_error", message))
    message = MESSAGES.get(code) or error.description or error.name
    answer = _answer(ApiError(code, CODES.get(code, "error"), message))
    # Such as Allow for 405, Retry-After for 429.
    for name, value in error.get_headers():
        if name not in {"Content-Type", "Content-Length"}:
            answer.headers[name] = value
    return answer


def _csrf(error: CSRFError) -> ApiError:
    """Return the answer to a token that is missing, old, or from before a restart."""
    return ApiError(
        403,
        "csrf_failed",
        f"{error.description} Nothing was started. The page was open for too long, or the console "
        "was restarted. Load the page again, then try again.",
    )


def _is_for_people() -> bool:
    """Return whether a page was requested, by endpoint: a host may mount it at any path."""
    endpoint = request.endpoint or ""
    if endpoint.startswith(("maintenance.", "login.")):
        return not endpoint.startswith("maintenance.api_")
    return request.path.startswith(PAGES)


def _answer(problem: ApiError) -> Response:
    if _is_for_people():
        # Its base needs no home and no login, so that it can be shown whatever went wrong.
        page = render_template("tws_maintenance/problem.html", problem=problem)
        response = Response(page, problem.status)
    else:
        response = jsonify(problem.answer().to_dict())
        response.status_code = problem.status
    if problem.status == 401:  # noqa: PLR2004
        response.headers["WWW-Authenticate"] = 'Basic realm="tws_maintenance"'
    return response
