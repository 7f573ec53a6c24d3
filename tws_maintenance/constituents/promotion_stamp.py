"""The stamp of the last promotion of an index: caches watch it, and drift is found by it.

It changes with every promotion and with nothing else.
"""

import json
from dataclasses import dataclass

from tws_maintenance.config.home import Home
from tws_maintenance.config.indices import Index

_OPTIONAL = frozenset({"revised_at", "last_modified"})


@dataclass(frozen=True)
class Generation:
    """What was published last: the report, the bytes, and the source with its date."""

    generation: str
    report_id: str
    proposal_id: str
    promoted_at: str
    sha256: str
    source: str
    revised_at: str | None = None
    last_modified: str | None = None


def read_generation(home: Home, index: Index) -> Generation | None:
    """Return the stamp of `index`; None where nothing was promoted yet or it is unreadable."""
    try:
        text = home.generation_file(index.key).read_text(encoding="utf-8")
        found = Generation(**json.loads(text))
    except (OSError, ValueError, TypeError, RecursionError):
        return None
    return found if all(_fits(name, value) for name, value in vars(found).items()) else None


def _fits(name: str, value: object) -> bool:
    """Return whether a field of a stamp, which somebody may have edited, is of its type."""
    return isinstance(value, str) or (value is None and name in _OPTIONAL)
