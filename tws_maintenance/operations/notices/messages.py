"""What one message holds: incidents over several messages, each within what its channel takes.

What belongs here: dividing and shortening. What does not: how a message is written and sent,
which is the channels'.
"""

from bisect import bisect_left
from collections.abc import Callable
from dataclasses import replace
from typing import get_args

from tws_maintenance.config.sections import NoticeKind
from tws_maintenance.operations.notices.incidents import Incident

GRAVITY: tuple[str, ...] = get_args(NoticeKind)
MARK = " [... shortened]"
Fits = Callable[[list[Incident]], bool]


def gravest_first(incidents: list[Incident]) -> list[Incident]:
    """Return the incidents by kind, `failed` first; those of a kind keep their order."""
    return sorted(incidents, key=lambda one: GRAVITY.index(one.kind))


def messages(incidents: list[Incident], fits: Fits) -> list[list[Incident]]:
    """Return the incidents in order, divided into as few messages as fit.

    An incident that fits in no message is shortened and has one to itself; its key stays.
    """
    found: list[list[Incident]] = []
    for one in incidents:
        if found and fits([*found[-1], one]):
            found[-1].append(one)
        else:
            found.append([_shortened(one, fits)])
    return found


def cut(text: str, fits: Callable[[str], bool]) -> str:
    """Return `text` where it fits, else its longest beginning that fits with a mark behind it."""
    if fits(text):
        return text
    kept = bisect_left(range(len(text)), True, key=lambda count: not fits(text[:count] + MARK))
    return text[: max(0, kept - 1)] + MARK


def _shortened(one: Incident, fits: Fits) -> Incident:
    """Return the incident so that it fits, if it can.

    Its last line stays: it names the report, or the command to type.
    """
    if fits([one]):
        return one
    head, _, last = one.text.rpartition("\n")

    def with_head(text: str) -> Incident:
        return replace(one, text=f"{text}\n{last}")

    return with_head(cut(head, lambda text: fits([with_head(text)])))
