"""Hang Seng Indexes' own list of members: JSON, with the sub-index of each.

Two forms are known: the members by sub-index, or in one list. It names itself how many there are.
"""

import json
import re
from collections.abc import Iterator
from datetime import date
from typing import Any

from tws_maintenance.config.indices import Index
from tws_maintenance.core.errors import PageChanged
from tws_maintenance.sources.model import DroppedRow, RawCopy, SourceRow, SourceTable
from tws_maintenance.sources.text import clean

_SUB_INDEX = re.compile(r"^\s*HSI\s*-\s*")
MAX_MEMBERS = 2000


def url(origin: str, series: str) -> str:
    """Return the address of the members of an index series."""
    return f"{origin}/data/eng/rt/index-series/{series}/constituents.do"


def parse(raw: RawCopy, index: Index) -> SourceTable:
    """Read the members.

    Raises:
        PageChanged: it is not such a list any more, or not all of it.
    """
    series, found = _index(raw, index)
    rows: list[SourceRow] = []
    dropped: list[DroppedRow] = []
    entries = list(_entries(found))
    for number, (sub_index, entry) in enumerate(entries, start=1):
        code = str(entry.get("code", "")).strip()
        name = clean(str(entry.get("constituentName", "")))
        if entry.get("isDummy") is True:
            dropped.append(DroppedRow(f"entry {number}: {code} | {name}"[:120], "a dummy member"))
        else:
            rows.append(SourceRow(number, code, name, sub_index, ""))
    stated = found.get("constituentsCount")
    if not isinstance(stated, int) or stated not in {len(rows), len(entries)}:
        raise PageChanged(
            f"the list says that it holds {stated!r} members and holds {len(entries)} "
            f"({len(dropped)} of them dummies): a part may be missing. Nothing was read from it."
        )
    return SourceTable(
        rows=tuple(rows),
        dropped=tuple(dropped),
        rows_read=len(entries),
        stated_count=len(rows),
        as_of=_date(series.get("constituentsDate")),
    )


def _index(raw: RawCopy, index: Index) -> tuple[dict[str, Any], dict[str, Any]]:
    """Return the series and the index in it."""
    try:
        value = json.loads(raw.content)
    except (ValueError, RecursionError) as error:
        begins = raw.content[:40].decode("utf-8", "replace")
        raise PageChanged(f"expected JSON, found what begins {begins!r}") from error
    wanted = index.addresses("official")[0].locator
    all_series = value.get("indexSeriesList") if isinstance(value, dict) else None
    listed = all_series if isinstance(all_series, list) else []
    named = [one for one in listed if isinstance(one, dict)]
    series = next((one for one in named if one.get("seriesCode", wanted) == wanted), None)
    indexes = series.get("indexList") if series else None
    first = indexes[0] if isinstance(indexes, list) and indexes else None
    if not series or not isinstance(first, dict):
        codes = ", ".join(str(one.get("seriesCode")) for one in named[:5])
        raise PageChanged(
            f"the list no longer holds the series {wanted!r} in indexSeriesList; it holds "
            f"{codes or 'none'}. Look at it before anything is applied."
        )
    return series, first


def _entries(found: dict[str, Any]) -> Iterator[tuple[str, dict[str, Any]]]:
    """Yield (sub-index, member), the sub-index blank where the list names none."""
    parts = found.get("subIndexList") or [found]
    count = 0
    for part in parts if isinstance(parts, list) else []:
        content = part.get("constituentContent") if isinstance(part, dict) else None
        if not isinstance(content, list) or not all(isinstance(one, dict) for one in content):
            raise PageChanged(
                "the list no longer holds its members in constituentContent. Look at it before "
                "anything is applied."
            )
        sub_index = "" if part is found else _SUB_INDEX.sub("", str(part.get("indexName", "")))
        count += len(content)
        if count > MAX_MEMBERS:
            raise PageChanged(f"the list holds more than {MAX_MEMBERS} members; an index has 100")
        yield from ((clean(sub_index), one) for one in content)


def _date(text: Any) -> date:
    try:
        return date.fromisoformat(str(text)[:10])
    except ValueError as error:
        raise PageChanged(
            f"the list does not say of which day it is: constituentsDate is {text!r}"
        ) from error
