"""The exit codes of the command line."""

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    # Imports pydantic, which the help of a command does not need.
    from tws_maintenance.reports.schema import Report

EXIT_FAILED = 1
EXIT_PARTIAL = 3
EXIT_REFUSED = 4


def exit_code(report: "Report") -> int:
    """Return the exit code of a run from its report."""
    if report.status == "completed":
        return 0
    if report.status == "partial_failure":
        return EXIT_PARTIAL
    failed = [result for result in report.results if result.status == "failed"]
    if failed and all(result.refusal for result in failed):
        return EXIT_REFUSED
    return EXIT_FAILED
