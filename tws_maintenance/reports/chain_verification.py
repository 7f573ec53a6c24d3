"""Verifying the chain of reports: which one was altered or removed first.

Each report names the sha256 of the one written before it. Reports of an older form name none and
are not part of the chain; damaged files are distinguished from removed ones.
"""

import contextlib
import json
from dataclasses import dataclass
from pathlib import Path

from tws_maintenance.config.home import Home
from tws_maintenance.core.digest import sha256
from tws_maintenance.core.errors import LockHeld
from tws_maintenance.reports import chain
from tws_maintenance.reports.chain import KEY, noted_head
from tws_maintenance.reports.file_names import PREFIX, is_ours, stamp_key


@dataclass(frozen=True)
class Verification:
    """The verdict: `problem` is "" where the chain is intact."""

    reports: int
    problem: str
    report_id: str | None = None


@dataclass(frozen=True)
class _Link:
    report_id: str
    digest: str
    previous: str | None


def verify_chain(home: Home) -> Verification:
    """Return the first report that was altered or removed since it was written, if any."""
    # Under the chain's own lock, so that a report added meanwhile does not count as an alteration.
    # A home that cannot be written has no other writer either.
    with contextlib.suppress(OSError, LockHeld), chain.locked(home, "verification"):
        return _verify(home)
    return _verify(home)


def _verify(home: Home) -> Verification:
    paths = [path for path in home.reports.glob("*.json") if is_ours(path.stem)]
    links: list[_Link] = []
    for path in sorted(paths, key=lambda path: stamp_key(path.stem)):
        link = _read(path)
        if link is None:
            problem = f"{path.name} is damaged: it can no longer be read as a report"
            return Verification(len(paths), problem, f"{PREFIX}{path.stem}")
        links.append(link)
    return _follow(links, noted_head(home))


def _read(path: Path) -> _Link | None:
    try:
        content = path.read_bytes()
        return _Link(f"{PREFIX}{path.stem}", sha256(content), json.loads(content)[KEY])
    except (OSError, ValueError, KeyError, TypeError):
        return None


def _follow(links: list[_Link], head: str | None) -> Verification:
    """Return the verdict of a walk from the first report to the last."""
    after: dict[str | None, _Link] = {}
    for link in links:
        if link.previous in after:
            other = after[link.previous].report_id
            problem = (
                f"{link.report_id} and {other} both name the same report as the one before them"
            )
            return Verification(len(links), problem, link.report_id)
        after[link.previous] = link
    walked: list[_Link] = []
    while (following := after.get(walked[-1].digest if walked else None)) is not None:
        walked.append(following)
    if len(walked) == len(links):
        if head is not None and (not walked or walked[-1].digest != head):
            last = walked[-1].report_id if walked else None
            found = f"the last one found is {last}" if last else "no report was found"
            problem = f"the newest report was altered or removed ({found})"
            return Verification(len(links), problem, last)
        return Verification(len(links), "")
    return Verification(len(links), *_break(links, walked))


def _break(links: list[_Link], walked: list[_Link]) -> tuple[str, str]:
    """Return the problem and the first report that differs from what its successor names."""
    seen = {link.report_id for link in walked}
    orphan = next(link for link in links if link.report_id not in seen)
    if not walked:
        problem = (
            f"the first report was altered or removed: {orphan.report_id} does not begin the chain"
        )
        return problem, orphan.report_id
    last = walked[-1]
    problem = (
        f"{last.report_id} was altered, or the report after it was altered or removed: no report "
        f"names its sha256 {last.digest[:12]}, and the next report on disk is {orphan.report_id}"
    )
    return problem, last.report_id
