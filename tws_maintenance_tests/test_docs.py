"""The docs name every command and every setting, and nothing that is not there."""

import fnmatch
import re
from collections.abc import Iterator
from functools import cache

import click
import pytest
from pydantic import BaseModel

from tws_maintenance.cli.main import cli
from tws_maintenance.config.settings import IndexSettings, Settings
from tws_maintenance_tests.support import REPOSITORY, texts_of

DOCS = {
    path.name: path.read_text(encoding="utf-8")
    for path in [REPOSITORY / "README.md", *sorted((REPOSITORY / "docs").glob("*.md"))]
}
COMMANDS_PAGE = DOCS["commands.md"]
CONTEXT = click.Context(cli)
CALL = re.compile(r"python -m tws_maintenance(?P<words>(?: [^\s`|#&;)]+)+)")
PLACEHOLDERS = {"...", "\\", "COMMAND"}
LINK = re.compile(r"\]\((?P<path>[^)#:]+)?(?:#(?P<anchor>[^)]+))?\)")
CODE = re.compile(r"`([^`]+)`")


def _commands(
    command: click.Command = cli, path: tuple[str, ...] = ()
) -> Iterator[tuple[tuple[str, ...], click.Command]]:
    if path:
        yield path, command
    if isinstance(command, click.Group):
        for name in command.list_commands(CONTEXT):
            found = command.get_command(CONTEXT, name)
            assert found is not None
            yield from _commands(found, (*path, name))


EVERY = dict(_commands())
LEAVES = {path: one for path, one in EVERY.items() if not isinstance(one, click.Group)}


def _options(command: click.Command) -> set[str]:
    found = (one for one in command.params if isinstance(one, click.Option) and not one.hidden)
    return {max(one.opts, key=len) for one in found}


def _rows(path: tuple[str, ...]) -> list[str]:
    name = re.compile(rf"`{' '.join(path)}(?: [^`]*)?`")
    return [
        line for line in COMMANDS_PAGE.splitlines() if line.startswith("|") and name.search(line)
    ]


@pytest.mark.parametrize("path", LEAVES, ids=" ".join)
def test_the_page_of_the_commands_has_each_with_its_options(path: tuple[str, ...]) -> None:
    rows = _rows(path)
    assert rows
    missing = {option for option in _options(LEAVES[path]) if not any(option in r for r in rows)}
    assert missing == set()


def test_the_page_of_the_commands_has_no_option_that_is_not_there() -> None:
    own = set[str]().union(*(_options(one) for one in EVERY.values()), _options(cli), {"--help"})
    assert set(re.findall(r"--[a-z][a-z-]+", COMMANDS_PAGE)) <= own


@pytest.mark.parametrize("name", DOCS)
def test_every_call_of_the_program_in_a_doc_is_one_that_it_takes(name: str) -> None:
    for call in CALL.finditer(DOCS[name]):
        _demand_known([word for word in call["words"].split() if word not in PLACEHOLDERS])


def _demand_known(words: list[str]) -> None:
    while words[:1] == ["--home"]:
        words = words[2:]
    command: click.Command | None = cli
    known = _options(cli) | {"--help", "-h"}
    for number, word in enumerate(words):
        if word == "dagster" and number == 0:
            return  # what follows is Dagster's
        if isinstance(command, click.Group) and not word.startswith("-"):
            command = command.get_command(CONTEXT, word)
            assert command is not None, words
            known = _options(command) | {"--help", "-h"}
        elif word.startswith("--"):
            assert word.partition("=")[0] in known, (word, words)


def _settings(model: type[BaseModel], path: str = "") -> Iterator[tuple[str, str]]:
    """Yield (section, key) of every setting; an index's once, for all of them."""
    for name, field in model.model_fields.items():
        kind = field.annotation
        if isinstance(kind, type) and issubclass(kind, BaseModel):
            yield from _settings(kind, name)
        elif name == "indices":
            yield from _settings(IndexSettings, "indices")
        else:
            yield path, name


def _documented(section: str, page: str) -> str:
    """Return the rows of the table of settings that belong to a section."""
    rows, found = [], ""
    for line in page.splitlines():
        if begin := re.match(r"\| `\[([a-z]+)", line):
            found = begin[1]
        elif not line.startswith("|"):
            found = ""
        if found == section:
            rows.append(line)
    return "\n".join(rows)


SETTINGS = sorted(set(_settings(Settings)))


@pytest.mark.parametrize(("section", "key"), SETTINGS)
def test_every_setting_is_documented(section: str, key: str) -> None:
    rows = "\n".join(_documented(section, page) for page in DOCS.values())
    names = [_key(one) for one in CODE.findall(rows)]
    assert any(fnmatch.fnmatchcase(key, name) for name in names)


def test_every_documented_setting_exists() -> None:
    for section in {section for section, _ in SETTINGS}:
        keys = {key for of, key in SETTINGS if of == section}
        for page in DOCS.values():
            for row in _documented(section, page).splitlines():
                for name in CODE.findall(row.split("|")[1]):
                    key = _key(name)
                    assert not key or fnmatch.filter(keys, key) or key in {"sti", "hsi"}, row


def _key(name: str) -> str:
    """Return the key that a piece of a table names, "" for the mere name of a section."""
    key = re.sub(r"^\[[a-z0-9.]+\] ?", "", name)
    return re.sub(r"^TWS_MAINTENANCE_[A-Z]+__|^__", "", key).lower()


@pytest.mark.parametrize("name", DOCS)
def test_every_link_leads_somewhere(name: str) -> None:
    folder = REPOSITORY if name == "README.md" else REPOSITORY / "docs"
    for link in LINK.finditer(DOCS[name]):
        target = (folder / link["path"]).resolve() if link["path"] else None
        assert target is None or target.exists(), link[0]
        if link["anchor"] and (target is None or target.suffix == ".md"):
            text = DOCS[name] if target is None else target.read_text(encoding="utf-8")
            assert link["anchor"] in {_anchor(line) for line in text.splitlines()}, link[0]


def _anchor(line: str) -> str:
    """Return the address that a heading has where Markdown is shown, "" for another line."""
    if not line.startswith("#"):
        return ""
    words = line.lstrip("#").strip().lower()
    return re.sub(r"[^\w\- ]", "", words).replace(" ", "-")


@cache
def _texts() -> str:
    """Return every text of the program."""
    files = sorted((REPOSITORY / "tws_maintenance").rglob("*.py"))
    return "\n".join(text for path in files for text in texts_of(path))


# What a table of messages leaves open: a number, a name, what stands in brackets.
FILLED = re.compile(r"\.\.\.|\d+|[()]")


def _quoted() -> Iterator[str]:
    """Yield each message that a doc explains in a table that begins with "you see"."""
    for page in DOCS.values():
        for table in re.findall(r"^\| you see \|.*\n\|[-|]+\n((?:\|.*\n)+)", page, re.MULTILINE):
            for row in table.splitlines():
                yield from CODE.findall(row.split("|")[1])


@pytest.mark.xdist_group("shape")  # which reads the whole package as well
@pytest.mark.parametrize("quoted", sorted(_quoted()))
def test_every_message_that_the_docs_explain_exists(quoted: str) -> None:
    for part in (found.strip(" :,'") for found in FILLED.split(quoted)):
        # A code such as lock_held is shown with blanks.
        assert part in _texts() or part.replace(" ", "_") in _texts()
