"""Hang Seng Indexes' own list of members: JSON, with the sub-index of each.

The members stand by sub-index, in one list, or in both. The list states how many there are; the
form that has as many is the one that is whole.
"""

import json
import re
from collections.abc import Iterable
from datetime import date
from typing import Any

from tws_maintenance.config.indices import Index
from tws_maintenance.core.errors import PageChanged
from tws_maintenance.sources.model import DroppedRow, RawCopy, SourceRow, SourceTable
from tws_maintenance.sources.text import clean, described

_SUB_INDEX = re.compile(r"^\s*HSI\s*-\s*")
MAX_MEMBERS = 2000
# A sub-index, "" for none, and the member as the list has it.
ReportSummary = tuple[str, dict[str, Any]]


def url(origin: str, series: str) -> str:
    """Return the address of the members of an index series."""
    return f"{origin}/data/eng/rt/index-series/{series}/constituents.do"


def parse(raw: RawCopy, index: Index) -> SourceTable:
    """Read the members.

    Raises:
        PageChanged: it is not such a list any more, or not all of it.
    """
    series, found = _index(raw, index)
    entries = _whole(found)
    rows: list[SourceRow] = []
    dropped: list[DroppedRow] = []
    for number, (sub_index, entry) in enumerate(entries, start=1):
        code = str(entry.get("code", "")).strip()
        name = clean(str(entry.get("constituentName", "")))
        if entry.get("isDummy") is True:
            dropped.append(DroppedRow(f"entry {number}: {code} | {name}"[:120], "a dummy member"))
        else:
            rows.append(SourceRow(number, code, name, sub_index, ""))
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
    wanted = index.key  # which is the code of its series, too
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


def _whole(found: dict[str, Any]) -> list[ReportSummary]:
    """Return the members in the form that has as many as the list states, with their sub-indexes.

    Where only the one list is whole, a member that no sub-index holds has none.
    """
    by_sub_index = list(_by_sub_index(found.get("subIndexList")))
    in_one = [("", entry) for entry in _content(found) or ()]
    if max(len(by_sub_index), len(in_one)) > MAX_MEMBERS:
        raise PageChanged(f"the list holds more than {MAX_MEMBERS} members; an index has 100")
    stated = found.get("constituentsCount")
    whole = [form for form in (by_sub_index, in_one) if form and _is_whole(form, stated)]
    if not by_sub_index and not in_one:
        raise PageChanged(
            "the list no longer holds its members in constituentContent. Look at it before "
            "anything is applied."
        )
    if not whole:
        raise PageChanged(
            f"the list states {stated!r} members; it holds {len(by_sub_index)} by sub-index and "
            f"{len(in_one)} in one list: a part may be missing. Nothing was read from it."
        )
    if len(whole) > 1 and (differing := _codes(by_sub_index) ^ _codes(in_one)):
        raise PageChanged(
            "the list holds other members by sub-index than in one list "
            f"({', '.join(sorted(differing)[:8])}). Look at it; nothing was guessed."
        )
    if whole[0] is by_sub_index:
        return by_sub_index
    sub_indexes = {_code(entry): name for name, entry in by_sub_index}
    return [(sub_indexes.get(_code(entry), ""), entry) for _, entry in in_one]


def _by_sub_index(parts: Any) -> Iterable[ReportSummary]:
    """Yield the members of each sub-index; one without content yields nothing."""
    for part in parts if isinstance(parts, list) else ():
        content = _content(part) if isinstance(part, dict) else None
        name = described(_SUB_INDEX.sub("", str(part.get("indexName", "")))) if content else ""
        yield from ((name, entry) for entry in content or ())


def _content(part: dict[str, Any]) -> list[dict[str, Any]] | None:
    """Return the members of the index or of a sub-index, None where it does not hold them."""
    content = part.get("constituentContent")
    if not isinstance(content, list) or not all(isinstance(one, dict) for one in content):
        return None
    return content


def _is_whole(entries: list[ReportSummary], stated: Any) -> bool:
    """Return whether there are as many entries, or members among them, as the list states.

    A form that holds a member twice lacks another one where the count agrees.
    """
    if len(_codes(entries)) < len(entries):
        return False
    dummies = sum(entry.get("isDummy") is True for _, entry in entries)
    is_number = isinstance(stated, int) and not isinstance(stated, bool)
    return is_number and stated in {len(entries), len(entries) - dummies}


def _codes(entries: Iterable[ReportSummary]) -> set[str]:
    return {_code(entry) for _, entry in entries}


def _code(entry: dict[str, Any]) -> str:
    return str(entry.get("code", "")).strip().lstrip("0")


def _date(text: Any) -> date:
    try:
        return date.fromisoformat(str(text)[:10])
    except ValueError as error:
        raise PageChanged(
            f"the list does not say of which day it is: constituentsDate is {text!r}"
        ) from error
