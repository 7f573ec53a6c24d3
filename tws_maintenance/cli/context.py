"""What commands share: the home, its settings, and common options and choices.

Belongs here: what is known before a command runs. Does not: printing its result (`output`).
"""

import contextlib
import os
from collections.abc import Callable, Iterable
from pathlib import Path
from typing import TYPE_CHECKING

import click

from tws_maintenance.config.environment import switches_nothing_on
from tws_maintenance.config.home import HOME_VARIABLE, Home, find_home, is_checkout
from tws_maintenance.config.indices import DECLARED, Maintained, maintained
from tws_maintenance.core.errors import SettingsError, TwsMaintenanceError, UsageError

if TYPE_CHECKING:
    # Imports pydantic, which showing a report does not need.
    from tws_maintenance.config.settings import Settings

json_option = click.option(
    "--json", "as_json", is_flag=True, help="Print only the value on stdout, as JSON."
)
override_option = click.option(
    "--allow-large-change",
    is_flag=True,
    help="Accept a change of count, turnover or loss of events above the limit. Give a --reason.",
)
reason_option = click.option(
    "--reason", default="", metavar="TEXT", help="The reason; kept in the report."
)
verbose_option = click.option("--verbose", "-v", is_flag=True, help="Show Dagster's log on stderr.")


pass_home = click.make_pass_decorator(Home)


def settings_of(home: Home) -> "Settings":
    """Return the settings of the command's home; they are read once.

    Raises:
        SettingsError: a setting is wrong.
    """
    from tws_maintenance.config.settings import load_settings

    known: dict[Home, Settings] = click.get_current_context().meta.setdefault(__name__, {})
    if home not in known:
        known[home] = load_settings(home)
    return known[home]


class HomeChoice(click.Choice[str]):
    """A choice of words that depends on the home's settings, which are read only when needed.

    `words` returns the words for what a home maintains. A word that is valid in every home is
    accepted without the settings.
    """

    def __init__(
        self, words: Callable[[Maintained], Iterable[str]], *, case_sensitive: bool = True
    ) -> None:
        super().__init__((), case_sensitive)
        self._words = words

    @property
    def choices(self) -> tuple[str, ...]:
        """The words, for help and messages; those of any home if the settings are wrong."""
        try:
            return tuple(self._words(_maintained()))
        except SettingsError:
            return tuple(self._words(maintained()))

    @choices.setter
    def choices(self, _: Iterable[str]) -> None:
        """Ignore what click sets: the words come from the settings when they are needed."""

    def convert(self, value: str, param: click.Parameter | None, ctx: click.Context | None) -> str:
        """Return the word. Raises click.BadParameter for another one, SettingsError."""
        if value in self._words(maintained()):
            return value
        home = _maintained()
        for index in DECLARED.values():
            if value == index.task and index not in home:
                self.fail(index.how_to_switch_on, param, ctx)
        return super().convert(value, param, ctx)


def _maintained() -> Maintained:
    """Return what the running command's home maintains; without a home, what every home does."""
    context = click.get_current_context(silent=True)
    home = context.find_object(Home) if context else None
    if home is None or switches_nothing_on(home):
        return maintained()
    return settings_of(home).maintained


def list_choice() -> HomeChoice:
    """Return the choice of one list's task."""
    return HomeChoice(lambda home: home.constituent_tasks)


def entering_home(named: Path | None) -> Home:
    """Return the home and set it in the environment, where Dagster's processes look for it.

    Raises:
        UsageError: the named home does not exist; a typing error must not create one.
    """
    try:
        home = find_home(named)
    except RuntimeError as error:  # ~nobody
        raise UsageError(f"The home {named or os.environ.get(HOME_VARIABLE)}: {error}") from None
    if not home.root.is_dir():
        raise UsageError(
            f"The home {home.root} is not a folder. Create it, or name another with --home or "
            f"{HOME_VARIABLE}."
        )
    if named is None and HOME_VARIABLE not in os.environ and not is_checkout(home.root):
        click.echo(f"No home was named. Using the current folder, {home.root}.", err=True)
    os.environ[HOME_VARIABLE] = str(home.root)
    if any(home.reports.glob(".*.reserved")):
        from tws_maintenance.runs.recovery import recover

        # A command that writes reports a home that cannot be written.
        with contextlib.suppress(OSError, TwsMaintenanceError):
            for one in recover(home):
                click.echo(f"Closed a former run: {one.report_id}: {one.text}.", err=True)
    return home
