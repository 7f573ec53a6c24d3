"""The sections on what runs by itself, who is told, what is kept and where: bounds and secrets."""

import pytest

from tws_maintenance.config.home import Home
from tws_maintenance.config.settings import (
    AutomationSettings,
    NoticeSettings,
    RetentionSettings,
    Settings,
    StorageSettings,
    load_settings,
)
from tws_maintenance.core.errors import SettingsError
from tws_maintenance_tests.constituents.bench import configure

MAIL = 'smtp_host = "mail.example.org"\nsender = "r@example.org"\nrecipients = ["o@example.org"]\n'


def mistake(home: Home, toml: str) -> str:
    configure(home, toml)
    with pytest.raises(SettingsError) as caught:
        load_settings(home)
    return str(caught.value)


def test_nothing_is_applied_or_told_and_nobody_is_asked_unless_it_is_set() -> None:
    settings = Settings()
    assert settings.automation == AutomationSettings(
        retry_hours=6, auto_apply=False, auto_apply_max_turnover=0.02
    )
    assert settings.notices == NoticeSettings(file=False, smtp_host="", webhook_url=None)
    assert settings.notices.kinds == (
        *("failed", "broken", "stale", "event_moved", "index_change"),
        *("drifted", "waiting"),
    )
    assert settings.storage == StorageSettings(database_url="")
    assert settings.retention == RetentionSettings(
        backups_keep=30,
        backups_max_age_days=90,
        raw_days=30,
        proposals_days=90,
        runs_days=90,
        logs_days=30,
    )


@pytest.mark.parametrize(
    ("toml", "named"),
    [
        ("[automation]\nretry_hours = 0\n", "automation.retry_hours: "),
        ("[automation]\nretry_hours = 169\n", "automation.retry_hours: "),
        ("[automation]\nauto_apply = 'perhaps'\n", "automation.auto_apply: "),
        ("[automation]\nauto_apply_max_turnover = 2\n", "automation.auto_apply_max_turnover: "),
        ("[automation]\nauto_apply_max_turnover = nan\n", "automation.auto_apply_max_turnover: "),
        ("[retention]\nruns_days = 0\n", "retention.runs_days: "),
        ("[retention]\nproposals_days = inf\n", "retention.proposals_days: "),
        # Reckoned back from today it would lie before the first of all dates.
        ("[retention]\nruns_days = 1000000\n", "retention.runs_days: "),
        ("[retention]\nbackups_max_age_days = 1e9\n", "retention.backups_max_age_days: "),
        ("[indices.sti]\nmax_age_days = 1e9\n", "indices.sti.max_age_days: "),
        ("[events]\nmax_age_days = 1e9\n", "events.max_age_days: "),
        ("[retention]\nreports_days = 9\n", "retention.reports_days: there is no such setting"),
        ("[notices]\nkinds = ['applied']\n", "notices.kinds.0: "),
        ("[notices]\nsmtp_port = 0\n", "notices.smtp_port: "),
        ("[notices]\nsmtp_security = 'ssl'\n", "notices.smtp_security: "),
        ("[notices]\nsmtp_host = 'mail'\n", "smtp_host needs sender and recipients as well"),
        ("[notices]\nrecipients = ['nobody']\n", "'nobody' is not a mail address"),
        ('[notices]\nrecipients = ["a@b\\r\\nBcc: c@d"]\n', "is not a mail address"),
        ('[notices]\nrecipients = ["a@b,c@d"]\n', "is not a mail address"),
        ('[notices]\nsender = "a@b\\r\\nBcc: c@d"\n', "must be one line of plain text"),
        ('[notices]\nsmtp_user = "a\\u0000"\n', "must be one line of plain text"),
        (
            f"[notices]\n{MAIL}smtp_user = 'robot'\nsmtp_security = 'none'\n",
            "smtp_security none with smtp_user is allowed for this machine only",
        ),
        ("[storage]\ndatabase_url = 'mysql://h/d'\n", "storage.database_url: "),
        ("[storage]\ndatabase_url = 'sqlite:///x.db'\n", "must begin with postgresql://"),
    ],
)
def test_a_mistake_is_named(home: Home, toml: str, named: str) -> None:
    assert named in mistake(home, toml)


def test_a_mail_server_of_this_machine_may_take_a_password_in_plain_text(home: Home) -> None:
    local = MAIL.replace("mail.example.org", "127.0.0.1")
    configure(home, f"[notices]\n{local}smtp_user = 'robot'\nsmtp_security = 'none'\n")
    assert load_settings(home).notices.smtp_user == "robot"


def test_a_user_without_a_password_is_no_mistake_for_only_the_daemon_has_it(home: Home) -> None:
    configure(home, f"[notices]\n{MAIL}smtp_user = 'robot'\n")
    assert load_settings(home).notices.smtp_password is None


@pytest.mark.parametrize(
    ("section", "key"),
    [("notices", "smtp_password"), ("notices", "webhook_url"), ("console", "password")],
)
def test_a_secret_in_the_file_is_refused_and_not_repeated(
    home: Home, monkeypatch: pytest.MonkeyPatch, section: str, key: str
) -> None:
    told = mistake(home, f"[{section}]\n{key} = 'https://hooks.example.org/the-secret'\n")
    variable = f"TWS_MAINTENANCE_{section.upper()}__{key.upper()}"
    assert f"remove it from the file and set {variable}" in told
    assert "the-secret" not in told
    configure(home, "")
    monkeypatch.setenv(variable, "https://hooks.example.org/the-secret")
    value = getattr(getattr(load_settings(home), section), key)
    assert value.get_secret_value() == "https://hooks.example.org/the-secret"


@pytest.mark.parametrize(
    "url",
    [
        "http://hooks.example.org/the-secret",
        "ftp://hooks.example.org/the-secret",
        "hooks.example.org/the-secret",
        "https://[broken/the-secret",
    ],
)
def test_a_webhook_that_is_not_encrypted_is_refused_and_not_repeated(
    home: Home, monkeypatch: pytest.MonkeyPatch, url: str
) -> None:
    monkeypatch.setenv("TWS_MAINTENANCE_NOTICES__WEBHOOK_URL", url)
    told = mistake(home, "")
    assert "notices.webhook_url: " in told
    assert "the-secret" not in told


def test_no_secret_is_shown_by_printing_the_settings(
    home: Home, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("TWS_MAINTENANCE_NOTICES__WEBHOOK_URL", "https://h.example/the-secret")
    monkeypatch.setenv("TWS_MAINTENANCE_NOTICES__SMTP_PASSWORD", "the-secret")
    settings = load_settings(home)
    assert "the-secret" not in repr(settings) + str(settings.model_dump())


def test_a_webhook_that_is_empty_is_none(home: Home, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("TWS_MAINTENANCE_NOTICES__WEBHOOK_URL", "")
    assert not load_settings(home).notices.webhook_url
