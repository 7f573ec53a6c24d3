"""The page that shows whether this machine and this home can do the job, like `doctor`."""

from flask import Blueprint

from tws_maintenance.console.api import bodies
from tws_maintenance.console.api.routes import query_as
from tws_maintenance.console.pages.filters import page
from tws_maintenance.console.service import Backend


def add_machine(blueprint: Blueprint, backend: Backend) -> None:
    """Add the page of the diagnosis; its button also asks every source."""

    @blueprint.get("/maintenance/machine")
    def machine() -> str:
        query_as(bodies.NoQuery)
        return _page(backend, offline=True)

    @blueprint.post("/maintenance/machine")
    def machine_and_sources() -> str:
        return _page(backend, offline=False)


def _page(backend: Backend, *, offline: bool) -> str:
    # Imports the providers and the database drivers, which no other page needs.
    from tws_maintenance.operations.doctor import diagnose
    from tws_maintenance.pipeline.storage_trial import look_at_storage

    findings = [*diagnose(backend.home, offline=offline), *look_at_storage(backend.home)]
    order = {"failed": 0, "note": 1}
    findings.sort(key=lambda one: order.get(one.outcome, 2))
    return page("machine", findings=findings, offline=offline)
