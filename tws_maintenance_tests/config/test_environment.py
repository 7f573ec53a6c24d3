"""What the processes get that we start: what they need, no secret that is not theirs."""

import json
import os
from pathlib import Path

import pytest

from tws_maintenance.config.environment import PREFIX, child_environment, switches_nothing_on
from tws_maintenance.config.home import Home
from tws_maintenance.config.settings import load_settings

SECRET = "nobody else's"
CONSOLE = [
    ("TWS_MAINTENANCE_CONSOLE__PASSWORD", SECRET),
    ("tws_maintenance_console__password", SECRET),
    ("Tws_Maintenance_Console__Password", SECRET),
    ("TWS_MAINTENANCE_CONSOLE", json.dumps({"password": SECRET})),
    ("tws_maintenance_console", json.dumps({"port": 5080, "password": SECRET})),
]
NOTICES = [
    ("TWS_MAINTENANCE_NOTICES__SMTP_PASSWORD", SECRET),
    ("tws_maintenance_notices__smtp_password", SECRET),
    ("TWS_MAINTENANCE_NOTICES__webhook_url", f"https://hooks.example/{SECRET[:6]}"),
    ("TWS_MAINTENANCE_NOTICES", json.dumps({"file": True, "smtp_password": SECRET})),
]


def passed_on(*, notifies: bool = False) -> dict[str, str]:
    """Return what is passed on but the name of the test, which pytest puts there."""
    found = child_environment(notifies=notifies)
    return {name: value for name, value in found.items() if not name.startswith("PYTEST")}


@pytest.mark.parametrize(("variable", "value"), CONSOLE)
def test_the_consoles_password_is_passed_on_to_nobody(
    home: Home, monkeypatch: pytest.MonkeyPatch, variable: str, value: str
) -> None:
    monkeypatch.setenv(variable, value)
    assert load_settings(home).console.password is not None, "a spelling that is understood"
    for notifies in (True, False):
        assert SECRET not in str(passed_on(notifies=notifies))


@pytest.mark.parametrize(("variable", "value"), NOTICES)
def test_the_secrets_of_notices_are_passed_on_to_who_sends_them_alone(
    home: Home, monkeypatch: pytest.MonkeyPatch, variable: str, value: str
) -> None:
    monkeypatch.setenv(variable, value)
    notices = load_settings(home).notices
    assert notices.smtp_password or notices.webhook_url, "a spelling that is understood"
    assert SECRET[:6] not in str(passed_on())
    assert child_environment(notifies=True)[variable] == value


def test_what_a_run_needs_is_passed_on_and_its_settings_stay_right(
    home: Home, monkeypatch: pytest.MonkeyPatch
) -> None:
    needed = {
        "TWS_MAINTENANCE_ROBOT__PASSWORD": "the robot's",
        "TWS_MAINTENANCE_STORAGE__DATABASE_URL": "postgresql://tws:secret@db.example/tws",
        "TWS_MAINTENANCE_EVENTS__DATABASE_URL": "postgresql://tws:secret@db.example/events",
        "PGPASSWORD": "libpq's own",
        "TWS_MAINTENANCE_HOME": str(home.root),
        "TWS_MAINTENANCE_NOTICES__SMTP_HOST": "mail.example",
        "TWS_MAINTENANCE_NOTICES__SENDER": "tws@example.org",
        "TWS_MAINTENANCE_NOTICES__RECIPIENTS": '["ops@example.org"]',
    }
    for name, value in needed.items():
        monkeypatch.setenv(name, value)
    monkeypatch.setenv("TWS_MAINTENANCE_NOTICES", '{"file": true, "smtp_password": "x"}')
    found = child_environment()
    assert {name: found.get(name) for name in needed} == needed
    assert found["TWS_MAINTENANCE_NOTICES"] == '{"file": true}'
    monkeypatch.setenv("TWS_MAINTENANCE_NOTICES", "no JSON")
    assert child_environment()["TWS_MAINTENANCE_NOTICES"] == "{}"


def test_an_optional_index_is_switched_on_by_the_file_or_a_variable_in_any_spelling(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    for name in [name for name in os.environ if name.upper().startswith(PREFIX)]:
        monkeypatch.delenv(name)
    monkeypatch.setenv("TWS_MAINTENANCE_HTTP__CONTACT", "me@example.com")
    home = Home(tmp_path)
    assert switches_nothing_on(home)
    with monkeypatch.context() as inside:
        inside.setenv("tws_maintenance_indices__nikkei225__enabled", "true")
        assert not switches_nothing_on(home)
    home.settings_file.write_text("[http]\ncontact = 'me@example.com'\n")
    assert switches_nothing_on(home)
    home.settings_file.write_text("[indices.nikkei225]\nenabled = true\n")
    assert not switches_nothing_on(home)
    home.settings_file.write_bytes(b"\xff")
    assert not switches_nothing_on(home)
