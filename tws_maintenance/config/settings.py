"""The only reader of the environment and of maintenance.toml.

Every setting has a default that works. An unknown key or a bad value is an error that names it,
wherever it stands: a threshold with a typing error must not silently be the default.
"""

import os
import time
import tomllib
from collections.abc import Iterable
from functools import lru_cache
from pathlib import Path
from typing import Any, Self

from pydantic import BaseModel, ConfigDict, Field, ValidationError, field_validator, model_validator

from tws_maintenance.config.environment import PREFIX, SECRETS
from tws_maintenance.config.events_service import EventsService
from tws_maintenance.config.home import HOME_VARIABLE, Home
from tws_maintenance.config.indices import DECLARED, Index, Maintained, maintained
from tws_maintenance.config.sections import (
    LOOPBACK_HOSTS,
    AutomationSettings,
    ConsoleSettings,
    EventSettings,
    HttpSettings,
    IndexSettings,
    LockSettings,
    NoticeSettings,
    ProposalSettings,
    RetentionSettings,
    RobotSettings,
    StorageSettings,
)
from tws_maintenance.config.variables import merged, values_of
from tws_maintenance.core.errors import SettingsError

# The coarsest times of a file system in use (FAT's).
TICK_NS = 2_000_000_000
_read_last: tuple[tuple[Path, int, int, int, int], str] | None = None

# Other rooms import the sections from here.
__all__ = [
    "LOOPBACK_HOSTS",
    "AutomationSettings",
    "ConsoleSettings",
    "EventSettings",
    "HttpSettings",
    "IndexSettings",
    "LockSettings",
    "NoticeSettings",
    "ProposalSettings",
    "RetentionSettings",
    "RobotSettings",
    "Settings",
    "StorageSettings",
    "load_settings",
]


class Settings(BaseModel):
    """All settings of a home; `load_settings` reads them."""

    model_config = ConfigDict(extra="forbid", frozen=True)

    indices: dict[str, IndexSettings] = Field(default_factory=dict)
    proposals: ProposalSettings = ProposalSettings()
    http: HttpSettings = HttpSettings()
    events: EventSettings = EventSettings()
    storage: StorageSettings = StorageSettings()
    robot: RobotSettings = RobotSettings()
    locks: LockSettings = LockSettings()
    retention: RetentionSettings = RetentionSettings()
    console: ConsoleSettings = ConsoleSettings()
    automation: AutomationSettings = AutomationSettings()
    notices: NoticeSettings = NoticeSettings()

    @field_validator("indices")
    @classmethod
    def _names_known_indices(cls, value: dict[str, IndexSettings]) -> dict[str, IndexSettings]:
        for key, found in value.items():
            if key not in DECLARED:
                raise ValueError(f"unknown index {key!r}; known: {', '.join(DECLARED)}")
            _refuse_unknown_sources(DECLARED[key], found)
            _refuse_what_cannot_be(DECLARED[key], with_what_is_declared(DECLARED[key], found))
            _refuse_what_switches_nothing(DECLARED[key], found)
        return value

    @model_validator(mode="after")
    def _has_the_service_that_it_names(self) -> Self:
        if self.events.service == EventsService.ROBOT and not self.robot.url:
            raise ValueError('[events] service = "robot" needs [robot] url, the robot\'s address')
        return self

    @property
    def events_url(self) -> str:
        """The database of events: its own, else Dagster's; "" for the file in the home."""
        return self.events.database_url or self.storage.database_url

    @property
    def events_setting(self) -> str:
        """Return which setting says where the events lie."""
        from_storage = self.storage.database_url and not self.events.database_url
        return "[storage] database_url" if from_storage else "[events] database_url"

    @property
    def events_service(self) -> EventsService:
        """Who keeps the events: the robot where there is one, unless `[events] service` says."""
        default = EventsService.ROBOT if self.robot.url else EventsService.EMBEDDED
        return self.events.service or default

    @property
    def maintained(self) -> Maintained:
        """What the home maintains: every index but the optional ones that are not switched on."""
        return maintained(key for key, found in self.indices.items() if found.enabled)

    def of(self, index: Index) -> IndexSettings:
        """Return the settings of `index`, with what it declares where nothing is set."""
        return with_what_is_declared(index, self.indices.get(index.key, IndexSettings()))


def with_what_is_declared(index: Index, found: IndexSettings) -> IndexSettings:
    """Return the settings of an index, those of its declaration where nothing is set."""
    declared = {
        "sources": index.source_names,
        "quorum": index.quorum,
        "min_rows": index.min_rows,
        "max_rows": index.max_rows,
        "max_source_age_days": index.max_source_age_days,
        "fail_disagreement": index.fail_disagreement,
    }
    return found.model_copy(
        update={
            key: value
            for key, value in declared.items()
            if value is not None and getattr(found, key) in _unset(key, found)
        }
    )


def _unset(key: str, found: IndexSettings) -> tuple[Any, ...]:
    """Return the values of `key` that count as unset: its default too, unless it was written."""
    default = IndexSettings.model_fields[key].default
    return (None, ()) if key in found.model_fields_set else (None, (), default)


def _refuse_what_cannot_be(index: Index, value: IndexSettings) -> None:
    """Refuse a quorum that cannot be reached, and a maximum below the minimum."""
    where = f"indices.{index.key}"
    if (value.quorum or 1) > len(value.sources) and index.authority not in value.sources:
        raise ValueError(
            f"{where}.quorum: {value.quorum} sources must agree, but `sources` lists only "
            f"{len(value.sources)}; set quorum = {len(value.sources)} or list more sources"
        )
    if (value.min_rows or 1) > (value.max_rows or 1):
        raise ValueError(
            f"{where}.max_rows: {value.max_rows} is less than min_rows, {value.min_rows}"
        )


def _refuse_what_switches_nothing(index: Index, value: IndexSettings) -> None:
    if value.enabled is False and not index.is_optional:
        raise ValueError(
            f"indices.{index.key}.enabled: this index is always maintained; to skip it, leave its "
            "task out of the run"
        )


def _refuse_unknown_sources(index: Index, value: IndexSettings) -> None:
    names = value.sources
    unknown = [name for name in names if name not in index.source_names]
    if unknown or len(set(names)) < len(names):
        raise ValueError(
            f"indices.{index.key}.sources: expected each of {', '.join(index.source_names)} at "
            f"most once, found {', '.join(map(repr, names))}"
        )


def load_settings(home: Home) -> Settings:
    """Read the settings of `home`: from the environment first, then maintenance.toml.

    Raises:
        SettingsError: for an unreadable file, an unknown key or a bad value, naming each.
    """
    path = home.settings_file
    ours = (one for one in os.environ.items() if one[0].upper().startswith(PREFIX))
    return _read(path, _text_of(path), tuple(sorted(ours)))


@lru_cache(maxsize=1)
def _read(path: Path, text: str, environment: tuple[tuple[str, str], ...]) -> Settings:
    """Return the settings from `text`, the content of the file at `path`, and the environment.

    Cached, because the console asks before each answer and they seldom change.
    """
    values = _read_toml(path, text)
    _refuse_written_secrets(values, path)
    _refuse_unknown_variables(name for name, _ in environment)
    variables = values_of((one for one in environment if one[0] != HOME_VARIABLE), Settings)
    try:
        return Settings(**merged(values, variables))
    except ValidationError as error:
        raise SettingsError(_explain(error, path)) from None


def _text_of(path: Path) -> str:
    """Return what the file holds, "" without one; read again only where it may have changed."""
    global _read_last  # noqa: PLW0603 - one file a process
    try:
        found = path.stat()
        mark = (path, found.st_mtime_ns, found.st_ctime_ns, found.st_size, found.st_ino)
        if _read_last is not None and _read_last[0] == mark:
            return _read_last[1]
        begun = time.time_ns()
        text = path.read_text(encoding="utf-8")
    except FileNotFoundError:
        return ""
    except (OSError, UnicodeDecodeError) as error:
        raise _unreadable(path, error) from error
    # Two changes within one tick of a file system's clock look like one.
    is_settled = max(found.st_mtime_ns, found.st_ctime_ns) < begun - TICK_NS
    _read_last = (mark, text) if is_settled else None
    return text


def _read_toml(path: Path, text: str) -> dict[str, Any]:
    try:
        return tomllib.loads(text)
    except tomllib.TOMLDecodeError as error:
        raise _unreadable(path, error) from error


def _unreadable(path: Path, error: Exception) -> SettingsError:
    return SettingsError(
        f"{path.name} cannot be read: {error}. Correct it, or move it away to use the defaults."
    )


def _refuse_unknown_variables(variables: Iterable[str]) -> None:
    known = {f"{PREFIX}{name.upper()}" for name in Settings.model_fields}
    for variable in variables:
        name = variable.upper()  # they are read in any case
        if variable != HOME_VARIABLE and name.split("__")[0] not in known:
            raise SettingsError(
                f"The environment variable {variable} is not a setting of tws_maintenance. "
                f"Expected {', '.join(sorted(known))} followed by __KEY, or {HOME_VARIABLE}. "
                "Unset it or correct its name."
            )


def _refuse_written_secrets(values: dict[str, Any], path: Path) -> None:
    """Refuse a secret in a file that is copied, shown and put under version control."""
    for section, content in values.items():
        for key in SECRETS & set(content if isinstance(content, dict) else ()):
            raise SettingsError(
                f"{path.name} holds [{section}] {key}. Secrets are read from the environment "
                f"only: remove it from the file and set {PREFIX}{section.upper()}__{key.upper()}."
            )


def _explain(error: ValidationError, path: Path) -> str:
    lines = [f"The settings ({path.name} or the environment) are not valid; nothing was started:"]
    for problem in error.errors():
        where = ".".join(str(part) for part in problem["loc"]) or "settings"
        if problem["type"] == "extra_forbidden":
            lines.append(f"  {where}: there is no such setting (see docs/operations.md)")
        else:
            # An address of a database may hold a password.
            # So may a section that is wrong as a whole.
            is_secret = where.endswith(("database_url", *SECRETS))
            is_shown = not is_secret and not isinstance(problem["input"], dict)
            found = "" if not is_shown else f" (found {problem['input']!r})"
            message = problem["msg"].removeprefix("Value error, ")
            lines.append(f"  {where}: {message}{found}")
    return "\n".join(lines)
