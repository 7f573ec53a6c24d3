"""A report as Markdown: the verdict first, then what changed, by name.

What belongs here: the layout. What does not: the words, which are in `view`.
"""

import re
from collections.abc import Iterable, Iterator

from tws_maintenance.reports.schema import Report
from tws_maintenance.reports.view import (
    Fact,
    Group,
    ReportView,
    ResultView,
    Span,
    Table,
    view_of,
)

_SPECIAL = re.compile(r"[\\`*_\[\]|]")
# "&" is markup only where an entity begins.
_ENTITIES = ((re.compile(r"&(?=#?\w+;)"), "&amp;"), (re.compile("<"), "&lt;"))


def render(report: Report) -> str:
    """Return the report in Markdown."""
    blocks = ("\n".join(block) for block in _blocks(view_of(report)))
    return "\n\n".join(block for block in blocks if block) + "\n"


def escape(text: str) -> str:
    """Return a source's text escaped, so that neither Markdown nor its HTML reads it as markup."""
    for pattern, entity in _ENTITIES:
        text = pattern.sub(entity, text)
    text = _SPECIAL.sub(r"\\\g<0>", text.replace(">", "&gt;"))
    return re.sub(r"\s+", " ", text)


def _blocks(view: ReportView) -> Iterator[Iterable[str]]:
    report = view.report
    yield [f"# {escape(view.verdict)}"]
    at = f"{report.report_id}, {report.finished_at}, {report.duration_seconds} s"
    yield [f"{at}, {escape(view.by)}"]
    yield from ([f"{note.label}: {_spans(note)}"] for note in view.notes)
    if view.lists:
        yield _table(view.lists)
    for result in view.results:
        yield from _result(result)
    if view.own:
        yield ["## The run itself"]
        yield [line for group in view.own for line in _group(group)]
    for purpose, command in view.next_steps:
        yield from ([f"{purpose}:"], [f"    {command}"])
    if view.remark:
        yield [view.remark]
    yield [f"Run {escape(report.run_id)}."]


def _result(view: ResultView) -> Iterator[Iterable[str]]:
    yield [f"## {escape(view.name)}: {view.state}"]
    if view.table:
        yield _table(view.table)
    files = [f"- **{escape(file.label)}:** {_spans(file)}" for file in view.files]
    yield [*files, *(line for group in view.groups for line in _group(group))]
    yield [f"- {escape(fact.label)}: {_spans(fact)}" for fact in view.facts]


def _group(group: Group) -> Iterator[str]:
    texts = [group.joint.join(group.texts)] if group.joint else group.texts
    return (f"- **{escape(group.kind)}:** {escape(text)}" for text in texts)


def _table(table: Table) -> Iterator[str]:
    # The facts of each result say how long it took.
    names = (*table.texts, *table.numbers[:-1])
    yield f"| {' | '.join(names)} |"
    yield f"|{'---|' * len(table.texts)}{'--:|' * len(table.numbers[:-1])}"
    yield from (f"| {' | '.join(escape(cell) for cell in row[:-1])} |" for row in table.rows)


def _spans(fact: Fact) -> str:
    return "".join(_span(span) for span in fact.spans)


def _span(span: Span) -> str:
    if span.style == "address" and re.fullmatch(r"[^\s<>]+", span.text):
        return f"<{span.text}>"
    if span.style == "code" and "`" not in span.text:
        return f"`{span.text}`"
    return escape(span.text)
