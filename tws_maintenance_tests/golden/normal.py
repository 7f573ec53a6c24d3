"""Reports without what differs from run to run and from machine to machine.

Each thing keeps its identity: the first run's id is RUN-1 wherever it stands, a checksum is named
after the file that has it, and every address, process and duration has a name of its own kind. So
a wrong link between two reports stays a difference.
"""

import difflib
import re
from collections.abc import Iterable
from pathlib import Path

from tws_maintenance.config.home import Home
from tws_maintenance.core.digest import sha256

UUID = re.compile(r"\b[0-9a-f]{8}(?:-[0-9a-f]{4}){3}-[0-9a-f]{12}\b")
PROCESS = re.compile(r"(?<=\bprocess )\d+")
GENERATION = re.compile(r"(?<=\bgeneration )[0-9a-f]{16}\b")
USER_ID = re.compile(r"(?<=\(uid )\d+")
DIGEST = re.compile(r"\b[0-9a-f]{64}\b")
# Checksums are cut to so many digits in texts.
CUT = re.compile(r"\b(?:[0-9a-f]{16}(?=…)|[0-9a-f]{12}\b)")
MARKUP = re.compile(r"[\\`*_\[\]|]")
# What the process that asks the providers measured.
MEASURED = re.compile(r'("error_message": .*,\n\s*"duration_seconds": )[\d.]+')


class Names:
    """The names that stand in a golden report for what differs."""

    def __init__(self, home: Home) -> None:
        self._home = home
        self._plain: dict[str, str] = {}
        self._digests: dict[str, str] = {}
        self._numbered: dict[str, dict[str, str]] = {}
        self._sizes: set[int] = set()

    def call(self, text: str, name: str) -> None:
        """Let `name` stand for `text`, such as an address, also where Markdown escapes it."""
        self._plain[text] = self._plain[MARKUP.sub(r"\\\g<0>", text)] = name

    def blur(self, content: bytes) -> None:
        """Leave out the size of `content`, which is packed and never twice the same."""
        self._sizes.add(len(content))

    def look(self) -> None:
        """Name the checksums of the files that lie in the home now; the first name stays."""
        for folder in (self._home.data, self._home.reports):
            for path in sorted(folder.rglob("*")):
                if path.is_file() and path.suffix != ".db" and not path.name.startswith("."):
                    name = self._home.relative(path)
                    self._digests.setdefault(sha256(path.read_bytes()), f"sha256 of {name}")

    def normal(self, text: str) -> str:
        """Return `text` with a name for everything that differs."""
        for found, name in sorted(self._plain.items(), key=lambda one: -len(one[0])):
            text = text.replace(found, name)
        text = UUID.sub(lambda found: self._number("RUN", found[0]), text)
        text = PROCESS.sub(lambda found: self._number("PROCESS", found[0]), text)
        text = GENERATION.sub(lambda found: self._number("GENERATION", found[0]), text)
        text = USER_ID.sub("UID", text)
        text = MEASURED.sub(r"\1SECONDS", text)
        for size in self._sizes:
            text = re.sub(rf'(?<="bytes": ){size}\b|\b{size}(?= bytes)', "SIZE", text)
        text = DIGEST.sub(lambda found: self._digest(found[0]), text)
        return CUT.sub(lambda found: self._digest(found[0]), text)

    def _number(self, kind: str, value: str) -> str:
        known = self._numbered.setdefault(kind, {})
        return known.setdefault(value, f"{kind}-{len(known) + 1}")

    def _digest(self, found: str) -> str:
        named = {n for digest, n in self._digests.items() if digest.startswith(found)}
        return named.pop() if len(named) == 1 else self._number("SHA256", found)


def reports(home: Home, names: Names) -> dict[str, str]:
    """Return every report of `home` in both forms, normalised, oldest first: 1.json, 1.md ..."""
    names.look()
    names.call(str(home.root), "HOME")
    found = {}
    for number, path in enumerate(sorted(home.reports.glob("*.json"), key=_in_order), start=1):
        for form in (path, path.with_suffix(".md")):
            if form.exists():
                text = form.read_text(encoding="utf-8")
                found[f"{number}{form.suffix}"] = names.normal(text)
    return found


def _in_order(path: Path) -> tuple[str, int]:
    day, time, *number = path.stem.split("_")
    return f"{day}_{time}", int(number[0]) if number else 1


def differences(kept: dict[str, str], found: dict[str, str]) -> Iterable[str]:
    """Yield the lines of a unified diff between the golden reports and those that were written."""
    for name in sorted(kept.keys() | found.keys()):
        before, after = (one.get(name, "").splitlines() for one in (kept, found))
        yield from difflib.unified_diff(before, after, f"golden/{name}", name, lineterm="")
