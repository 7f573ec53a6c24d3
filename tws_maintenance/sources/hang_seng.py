"""Hang Seng Indexes' own list of members: JSON, with the sub-index of each.

The members are given by sub-index, in one list, or both. The list states how many there are; a
form with that many is complete.
"""

import json
import re
from collections.abc import Iterable, Iterator
from dataclasses import dataclass, replace
from datetime import date
from typing import Any

from tws_maintenance.config.indices import Index
from tws_maintenance.core.errors import PageChanged
from tws_maintenance.sources.model import DroppedRow, RawCopy, SourceRow, SourceTable
from tws_maintenance.sources.text import clean, described

_SUB_INDEX = re.compile(r"^\s*HSI\s*-\s*")
MAX_MEMBERS = 2000


@dataclass(frozen=True)
class _Entry:
    """A member as the list has it; `sub_index` is "" for none."""

    code: str
    name: str
    is_dummy: bool
    sub_index: str = ""

    @property
    def key(self) -> str:
        """The code without leading zeros, which both forms are compared by."""
        return self.code.lstrip("0")


@dataclass(frozen=True)
class _Listed:
    """The index in its two forms, with the day and the number of members as it states them."""

    day: object
    stated: object
    by_sub_index: list[_Entry]
    in_one: list[_Entry]


def url(origin: str, series: str) -> str:
    """Return the address of the members of an index series."""
    return f"{origin}/data/eng/rt/index-series/{series}/constituents.do"


def parse(raw: RawCopy, index: Index) -> SourceTable:
    """Read the members.

    Raises:
        PageChanged: the list no longer has this form, or is incomplete.
    """
    listed = _read(raw, index)
    entries = _whole(listed)
    rows: list[SourceRow] = []
    dropped: list[DroppedRow] = []
    for number, one in enumerate(entries, start=1):
        if one.is_dummy:
            row = f"entry {number}: {one.code} | {one.name}"[:120]
            dropped.append(DroppedRow(row, "a dummy entry"))
        else:
            rows.append(SourceRow(number, one.code, one.name, one.sub_index, ""))
    return SourceTable(
        rows=tuple(rows),
        dropped=tuple(dropped),
        rows_read=len(entries),
        stated_count=len(rows),
        as_of=_date(listed.day),
    )


def _read(raw: RawCopy, index: Index) -> _Listed:
    """Return what the JSON holds of the index."""
    try:
        value = json.loads(raw.content)
    except (ValueError, RecursionError) as error:
        begins = raw.content[:40].decode("utf-8", "replace")
        raise PageChanged(f"expected JSON, found {begins!r}...") from error
    wanted = index.key  # also the code of its series
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
            f"{codes or 'no series'}. Check it before you apply anything."
        )
    return _Listed(
        day=series.get("constituentsDate"),
        stated=first.get("constituentsCount"),
        by_sub_index=list(_by_sub_index(first.get("subIndexList"))),
        in_one=_content(first),
    )


def _whole(listed: _Listed) -> list[_Entry]:
    """Return the members from the form with as many as the list states, with their sub-indexes.

    Where only the one list is complete, a member without a sub-index has a blank one.
    """
    forms = (listed.by_sub_index, listed.in_one)
    if max(map(len, forms)) > MAX_MEMBERS:
        raise PageChanged(f"the list holds more than {MAX_MEMBERS} members; an index has 100")
    if not any(forms):
        raise PageChanged(
            "the list no longer holds its members in constituentContent. Check it before you "
            "apply anything."
        )
    whole = [form for form in forms if form and _is_whole(form, listed.stated)]
    if not whole:
        raise PageChanged(
            f"the list states {listed.stated!r} members, but holds {len(listed.by_sub_index)} by "
            f"sub-index and {len(listed.in_one)} in one list: a part may be missing. Nothing was "
            "read from it."
        )
    if len(whole) > 1 and (differing := _keys(listed.by_sub_index) ^ _keys(listed.in_one)):
        raise PageChanged(
            "the members by sub-index and those in one list differ "
            f"({', '.join(sorted(differing)[:8])}). Nothing was read from it. Check the list."
        )
    if whole[0] is listed.by_sub_index:
        return listed.by_sub_index
    sub_indexes = {one.key: one.sub_index for one in listed.by_sub_index}
    return [replace(one, sub_index=sub_indexes.get(one.key, "")) for one in listed.in_one]


def _by_sub_index(parts: Any) -> Iterator[_Entry]:
    """Yield the members of each sub-index; one without content yields nothing."""
    for part in parts if isinstance(parts, list) else ():
        content = _content(part) if isinstance(part, dict) else []
        name = described(_SUB_INDEX.sub("", str(part.get("indexName", "")))) if content else ""
        yield from (replace(one, sub_index=name) for one in content)


def _content(part: Any) -> list[_Entry]:
    """Return the members of the index or of a sub-index, an empty list where it has none."""
    content = part.get("constituentContent")
    if not isinstance(content, list) or not all(isinstance(one, dict) for one in content):
        return []
    return [
        _Entry(
            code=str(one.get("code", "")).strip(),
            name=clean(str(one.get("constituentName", ""))),
            is_dummy=one.get("isDummy") is True,
        )
        for one in content
    ]


def _is_whole(entries: list[_Entry], stated: object) -> bool:
    """Return whether there are as many entries, or members among them, as the list states.

    A form that holds a member twice is incomplete even where the count agrees.
    """
    if len(_keys(entries)) < len(entries):
        return False
    dummies = sum(one.is_dummy for one in entries)
    is_number = isinstance(stated, int) and not isinstance(stated, bool)
    return is_number and stated in {len(entries), len(entries) - dummies}


def _keys(entries: Iterable[_Entry]) -> set[str]:
    return {one.key for one in entries}


def _date(text: object) -> date:
    try:
        return date.fromisoformat(str(text)[:10])
    except ValueError as error:
        raise PageChanged(f"the list states no day: constituentsDate is {text!r}") from error
