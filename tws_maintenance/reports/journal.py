"""The journal of a run: what its report needs and no other record holds.

What belongs here: who asked for what, and the times, errors and impact of each task. What does not:
the contents of a proposal; `reports.building` reads that beside the journal. The journal is the
reservation of the run's report, and is removed when the report is written.
"""

from typing import Any

from pydantic import Field, ValidationInfo, ValidatorFunctionWrapHandler, field_validator

from tws_maintenance.reports.schema import (
    AnyResult,
    EntryPoint,
    Instant,
    Part,
    Report,
    new_result,
)


class Journal(Part):
    """Who asked for a run, what it does, and the results of its tasks so far.

    The result of a list lacks what its proposal holds. `report` is the whole report of a run that
    ended but could not write it.
    """

    run_id: str
    entry_point: EntryPoint
    actor: str
    reason: str
    dry_run: bool
    overrides: dict[str, bool]
    tasks: list[str]
    reserved_at: Instant
    pid: int | None = None
    results: dict[str, AnyResult] = Field(default_factory=dict)
    report: Report | None = None

    @field_validator("results", "report", mode="wrap")
    @classmethod
    def _or_nothing(
        cls, value: Any, read: ValidatorFunctionWrapHandler, info: ValidationInfo
    ) -> Any:
        """Leave out what another version wrote in another form: the rest still makes a report."""
        try:
            return read(value)
        except ValueError:
            return cls.model_fields[str(info.field_name)].get_default(call_default_factory=True)

    def model_post_init(self, _context: Any, /) -> None:
        """Give a result to each task that has none yet."""
        for task in self.tasks:
            self.results.setdefault(task, new_result(task, dry_run=self.dry_run))

    def to_json(self) -> bytes:
        """Return it as the reservation holds it."""
        return self.model_dump_json(indent=2, by_alias=True, exclude_defaults=True).encode() + b"\n"
