"""The models of the API's answers: what is left out, what is passed on, what is refused."""

import pytest
from pydantic import ValidationError

from tws_maintenance.console.api import responses
from tws_maintenance.console.api.openapi import describe
from tws_maintenance.console.api_error import ApiError
from tws_maintenance_tests.console.shapes import faults_of
from tws_maintenance_tests.defaults import MAINTAINED


def test_a_key_that_is_not_given_is_neither_written_nor_described_as_null() -> None:
    changed = responses.WatchlistChanged(added=["AAPL"], watchlist=[], count=0, unreadable=[])
    written = changed.to_dict()
    # The order is that of the fields, whatever the order of the arguments.
    assert list(written) == ["added", "watchlist", "count", "unreadable"]
    assert faults_of("WatchlistChanged", written) == []
    assert faults_of("WatchlistChanged", written | {"removed": None}) != []
    described = describe(MAINTAINED)["components"]["schemas"]["Status"]
    assert "robot" not in described["required"]
    assert described["properties"]["robot"] == {"$ref": "#/components/schemas/Robot"}


def test_a_null_that_is_given_is_written() -> None:
    symbol = responses.WatchedSymbol(symbol="AAPL", added_at=None)
    assert symbol.to_dict() == {"symbol": "AAPL", "added_at": None}


def test_an_answer_of_the_programs_own_making_is_strict() -> None:
    for wrong in ({"run_id": 1}, {"more": "x"}, {"status_url": None}):
        with pytest.raises(ValidationError):
            responses.Started(**{"run_id": "a", "status_url": "b"} | wrong)
    started = responses.Started(run_id="a", status_url="b")
    with pytest.raises(ValidationError):
        started.run_id = "c"


def test_a_refusal_describes_its_detail() -> None:
    faults = responses.FieldFaults(fields=[responses.FieldFault(field="tasks", message="is empty")])
    written = ApiError(400, "invalid_body", "tasks: is empty.", faults).answer().to_dict()
    detail = {"fields": [{"field": "tasks", "message": "is empty"}]}
    expected = {"code": "invalid_body", "message": "tasks: is empty.", "detail": detail}
    assert written == {"error": expected}
    assert faults_of("Error", written) == []
    written["error"]["detail"] = {"anything": "else"}
    assert faults_of("Error", written) != []
