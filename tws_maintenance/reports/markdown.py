"""A report as Markdown: the verdict first, then what changed, by name.

What belongs here: the layout. The words are `view`'s.
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
    Style,
    Table,
    view_of,
)

_SPECIAL = re.compile(r"[\\`*_\[\]|]")
# "&" is markup only where an entity begins.
_ENTITIES = ((re.compile(r"&(?=#?\w+;)"), "&amp;"), (re.compile("<"), "&lt;"))
_PLAIN = re.compile(r"[^\s<>`]+")


def render(report: Report) -> str:
    """Return the report in Markdown."""
    blocks = ("\n".join(block) for block in _blocks(view_of(report)))
    return "\n\n".join(block for block in blocks if block) + "\n"


def escape(text: str) -> str:
    """Keep a source's text from being markup, in Markdown and in the HTML made from it."""
    for pattern, entity in _ENTITIES:
        text = pattern.sub(entity, text)
    text = _SPECIAL.sub(r"\\\g<0>", text.replace(">", "&gt;"))
    return re.sub(r"\s+", " ", text)


def _blocks(view: ReportView) -> Iterator[Iterable[str]]:
    yield [f"# {escape(view.verdict)}"]
    yield [f"{view.report_id}, {view.finished_at}, {view.duration_seconds} s, {escape(view.by)}"]
    yield from ([f"{note.label}: {_spans(note)}"] for note in view.notes)
    if view.lists:
        yield _table(view.lists)
    for result in view.results:
        yield from _result(result)
    if view.errors or view.warnings:
        yield ["## The run itself"]
        yield [*_notes("error", view.errors), *_notes("warning", view.warnings)]
    for step in view.next_steps:
        yield [f"{step.purpose}:"]
        yield [f"    {step.command}"]
    if view.remark:
        yield [view.remark]
    yield [f"Run {escape(view.run_id)}."]


def _result(view: ResultView) -> Iterator[Iterable[str]]:
    yield [f"## {escape(view.name)}: {view.state}"]
    if view.table:
        yield _table(view.table)
    yield [
        *(line for group in view.groups if not group.is_bulk for line in _group(group)),
        *(f"- **{escape(file.label)}:** {_spans(file)}" for file in view.files),
        *_notes("error", view.errors),
        *_notes("warning", view.warnings),
    ]
    yield [f"- {escape(fact.label)}: {_spans(fact)}" for fact in view.facts]


def _group(group: Group) -> Iterator[str]:
    texts = [group.joint.join(group.texts)] if group.joint else group.texts
    yield from _notes(group.kind, texts)
    yield from (f"    - {escape(text)}" for text in group.details)


def _notes(kind: str, texts: Iterable[str]) -> Iterator[str]:
    return (f"- **{escape(kind)}:** {escape(text)}" for text in texts)


def _table(table: Table) -> Iterator[str]:
    # The facts of each result say how long it took.
    table = table.without("seconds")
    yield f"| {' | '.join(name for name, _ in table.columns)} |"
    yield f"|{'|'.join('--:' if is_number else '---' for _, is_number in table.columns)}|"
    yield from (f"| {' | '.join(escape(cell) for cell in row.cells)} |" for row in table.rows)


def _spans(fact: Fact) -> str:
    return "".join(_span(span) for span in fact.spans)


def _span(span: Span) -> str:
    if _PLAIN.fullmatch(span.text) or span.style == Style.CODE:
        if span.style == Style.ADDRESS:
            return f"<{span.text}>"
        if span.style == Style.CODE and "`" not in span.text:
            return f"`{span.text}`"
    return escape(span.text)
