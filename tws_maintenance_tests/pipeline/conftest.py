"""The home as Dagster's processes find it: named in the environment."""

import pytest

from tws_maintenance.config.home import HOME_VARIABLE, Home
from tws_maintenance.config.settings import Settings


@pytest.fixture
def entered(home: Home, settings: Settings, monkeypatch: pytest.MonkeyPatch) -> Home:
    """A home that is named in the environment, whose pages come from `server`."""
    assert settings.http.wikipedia_url.startswith("http://127.0.0.1:")
    monkeypatch.setenv(HOME_VARIABLE, str(home.root))
    return home
