"""Settings from maintenance.toml and the environment, and every mistake named."""

import pytest
from pydantic import ValidationError

from tws_maintenance.config.home import HOME_VARIABLE, Home
from tws_maintenance.config.indices import INDICES
from tws_maintenance.config.settings import HttpSettings, Settings, load_settings
from tws_maintenance.core.errors import SettingsError, UsageError

SP500, STI, HSI = INDICES.values()


def write(home: Home, text: str) -> None:
    """Write maintenance.toml."""
    home.settings_file.write_text(text, encoding="utf-8")


def mistake(home: Home) -> str:
    """Return the message with which the settings of `home` are refused."""
    with pytest.raises(SettingsError) as caught:
        load_settings(home)
    assert isinstance(caught.value, UsageError)
    return str(caught.value)


def test_every_setting_has_a_default_and_nothing_is_written(home: Home) -> None:
    settings = load_settings(home)

    assert settings == Settings()
    assert settings.http.wikipedia_url == "https://en.wikipedia.org"
    assert settings.http.max_megabytes == 20
    assert settings.proposals.max_age_hours == 24
    assert list(home.root.iterdir()) == []


def test_the_thresholds_without_settings_are_as_agreed(home: Home) -> None:
    settings = load_settings(home)

    assert [settings.of(index).min_rows for index in INDICES.values()] == [450, 25, 70]
    for index in INDICES.values():
        assert settings.of(index).model_dump(exclude={"min_rows"}) == {
            "sources": index.source_names,
            "quorum": index.quorum,
            "max_rows": index.max_rows,
            "warn_change": 0.10,
            "fail_change": 0.25,
            "warn_turnover": 0.10,
            "fail_turnover": 0.25,
            "warn_names": 0.10,
            "fail_names": 0.50,
            "warn_dropped": 0.0,
            "fail_dropped": 0.02,
            "max_age_days": 3.0,
            "enabled": None,
            "fail_disagreement": 0.20 if index.key == "sti" else 0.10,
            "max_source_age_days": 10.0,
            "renamed": (),
        }


def test_thresholds_of_the_file_reach_their_index_alone(home: Home) -> None:
    write(home, "[indices.sp500]\nmin_rows = 490\nfail_change = 0.2\n")

    settings = load_settings(home)

    assert (settings.of(SP500).min_rows, settings.of(SP500).fail_change) == (490, 0.2)
    assert (settings.of(STI).min_rows, settings.of(STI).fail_change) == (25, 0.25)


def test_a_threshold_without_a_minimum_keeps_the_declared_one(home: Home) -> None:
    write(home, "[indices.hsi]\nwarn_change = 0.05\n")

    assert load_settings(home).of(HSI).min_rows == 70


def test_thresholds_of_the_environment_reach_their_index(
    home: Home, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("TWS_MAINTENANCE_INDICES__SP500__MIN_ROWS", "495")
    monkeypatch.setenv("TWS_MAINTENANCE_INDICES__HSI__FAIL_TURNOVER", "0.5")

    settings = load_settings(home)

    assert [settings.of(index).min_rows for index in INDICES.values()] == [495, 25, 70]
    assert settings.of(HSI).fail_turnover == 0.5


def test_the_environment_wins_key_by_key(home: Home, monkeypatch: pytest.MonkeyPatch) -> None:
    write(home, "[indices.sp500]\nmin_rows = 490\nwarn_change = 0.05\n[http]\nattempts = 2\n")
    monkeypatch.setenv("TWS_MAINTENANCE_INDICES__SP500__MIN_ROWS", "495")
    monkeypatch.setenv("TWS_MAINTENANCE_HTTP__BACKOFF", "0")

    settings = load_settings(home)

    assert (settings.of(SP500).min_rows, settings.of(SP500).warn_change) == (495, 0.05)
    assert (settings.http.attempts, settings.http.backoff) == (2, 0)


def test_a_section_may_be_json_in_the_environment(
    home: Home, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("TWS_MAINTENANCE_INDICES", '{"sti": {"min_rows": 28}}')

    assert load_settings(home).of(STI).min_rows == 28


def test_a_variable_of_one_key_goes_over_one_of_its_section_and_both_over_the_file(
    home: Home, monkeypatch: pytest.MonkeyPatch
) -> None:
    write(home, "[indices.sti]\nmin_rows = 26\nmax_rows = 40\nfail_change = 0.3\n")
    monkeypatch.setenv("TWS_MAINTENANCE_INDICES__STI__MIN_ROWS", "28")
    monkeypatch.setenv("TWS_MAINTENANCE_INDICES__STI", '{"min_rows": 27, "max_rows": 41}')

    sti = load_settings(home).indices["sti"]

    assert (sti.min_rows, sti.max_rows, sti.fail_change) == (28, 41, 0.3)


def test_values_of_several_parts_are_json_in_the_environment_in_any_case_of_letters(
    home: Home, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("tws_maintenance_indices__hsi__sources", '["wikipedia", "tracker2800"]')
    monkeypatch.setenv("TWS_MAINTENANCE_EVENTS__STRATEGIES__SWING", '["AAPL"]')
    monkeypatch.setenv("Tws_Maintenance_Console__Password", "12345678")

    settings = load_settings(home)

    assert settings.of(HSI).sources == ("wikipedia", "tracker2800")
    assert settings.events.strategies == {"swing": ("AAPL",)}
    assert settings.console.password is not None
    assert settings.console.password.get_secret_value() == "12345678"


@pytest.mark.parametrize(
    ("text", "named"),
    [
        ("[htpp]\nattempts = 2\n", "htpp: there is no such setting"),
        ("[http]\nattemps = 2\n", "http.attemps: there is no such setting"),
        ("[indices.sp500]\nmin_row = 2\n", "indices.sp500.min_row: there is no such setting"),
        ("[indices.ftse]\nmin_rows = 2\n", "unknown index 'ftse'; known: sp500, sti, hsi"),
        ("[http]\nattempts = 0\n", "http.attempts: "),
        ("[http]\nattempts = 'many'\n", "http.attempts: "),
        ("[http]\nmax_megabytes = 21\n", "http.max_megabytes: "),
        ("[http]\ndeadline = 91\n", "http.deadline: "),
        ("[http]\ncontact = ''\n", "http.contact: "),
        ("[http]\ncontact = '\u738b\u5c0f\u660e'\n", "http.contact: "),
        ('[http]\ncontact = "me\\r\\nX-Evil: 1"\n', "http.contact: "),
        ("[proposals]\nmax_age_hours = 0\n", "proposals.max_age_hours: "),
        ("[proposals]\nmax_age_hours = inf\n", "proposals.max_age_hours: "),
        ("[indices.sp500]\nmin_rows = 0\n", "indices.sp500.min_rows: "),
        ("[indices.sp500]\nfail_change = nan\n", "indices.sp500.fail_change: "),
        ("[indices.sp500]\nfail_change = 25\n", "indices.sp500.fail_change: "),
        ("[indices.sp500]\nfail_turnover = inf\n", "indices.sp500.fail_turnover: "),
        ("[indices.sp500]\nwarn_change = -0.1\n", "indices.sp500.warn_change: "),
        (
            "[indices.sp500]\nwarn_change = 0.3\n",
            "warn_change must not be larger than fail_change",
        ),
        ("[locks]\nwait = 61\n", "locks.wait: "),
        ("indices = 5\n", "indices: "),
    ],
)
def test_a_mistake_in_the_file_is_named(home: Home, text: str, named: str) -> None:
    write(home, text)

    message = mistake(home)

    assert message.startswith("The settings (maintenance.toml or the environment) are not valid")
    assert named in message


def test_every_mistake_is_named_at_once(home: Home) -> None:
    write(home, "[http]\nattempts = 0\nunknown = 1\n[locks]\nwait = -1\n")

    message = mistake(home)

    assert [word in message for word in ("http.attempts", "http.unknown", "locks.wait")] == [
        True
    ] * 3


@pytest.mark.parametrize("text", ["[http\n", "a = 1\na = 2\n", "just words"])
def test_a_file_that_is_no_toml_is_refused(home: Home, text: str) -> None:
    write(home, text)

    assert mistake(home).startswith("maintenance.toml cannot be read: ")


def test_a_file_that_is_no_text_is_refused(home: Home) -> None:
    home.settings_file.write_bytes(b"\xff\xfe\x00")

    assert mistake(home).startswith("maintenance.toml cannot be read: ")


def test_a_folder_in_the_place_of_the_file_is_refused(home: Home) -> None:
    home.settings_file.mkdir()

    assert mistake(home).startswith("maintenance.toml cannot be read: ")


@pytest.mark.parametrize(
    ("variable", "value", "named"),
    [
        ("TWS_MAINTENANCE_HTPP__ATTEMPTS", "2", "TWS_MAINTENANCE_HTPP__ATTEMPTS is not a setting"),
        ("TWS_MAINTENANCE_HTTP_ATTEMPTS", "2", "TWS_MAINTENANCE_HTTP_ATTEMPTS is not a setting"),
        ("TWS_MAINTENANCE_HOMES", "there", "TWS_MAINTENANCE_HOMES is not a setting"),
        ("TWS_MAINTENANCE_", "x", "TWS_MAINTENANCE_ is not a setting"),
        ("TWS_MAINTENANCE_HTTP__ATTEMPS", "2", "http.attemps: there is no such setting"),
        ("TWS_MAINTENANCE_HTTP__ATTEMPTS", "two", "http.attempts: "),
        ("TWS_MAINTENANCE_HTTP__ATTEMPTS", "", "http.attempts: "),
        ("TWS_MAINTENANCE_INDICES__FTSE__MIN_ROWS", "9", "unknown index 'ftse'"),
        ("TWS_MAINTENANCE_INDICES__SP500__MIN_ROW", "9", "indices.sp500.min_row: there is no"),
        ("TWS_MAINTENANCE_INDICES__SP500__FAIL_CHANGE", "nan", "indices.sp500.fail_change: "),
        ("TWS_MAINTENANCE_INDICES__SP500", "9", "indices.sp500: "),
        ("TWS_MAINTENANCE_INDICES", "not json", '"indices"'),
        ("TWS_MAINTENANCE_HTTP", "{", '"http"'),
        ("TWS_MAINTENANCE_HTTP", "9", "http: Input should be a valid dictionary"),
        ("TWS_MAINTENANCE_INDICES__SP500", "words", "indices.sp500: Input should be a valid"),
        ("TWS_MAINTENANCE_INDICES__SP500__SOURCES", "spy", "is not JSON: error parsing value for"),
        ("TWS_MAINTENANCE_INDICES__SP500__SOURCES", "", "indices.sp500.sources: Input should be"),
        ("TWS_MAINTENANCE_HTTP__BACKOFF__X", "1", "http.backoff: "),
        ("TWS_MAINTENANCE_HTTP__", "1", "http.: there is no such setting"),
    ],
)
def test_a_mistake_in_the_environment_is_named(
    home: Home, monkeypatch: pytest.MonkeyPatch, variable: str, value: str, named: str
) -> None:
    monkeypatch.setenv(variable, value)

    assert named in mistake(home)


def test_the_variable_of_the_home_is_no_mistake(
    home: Home, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv(HOME_VARIABLE, str(home.root))

    assert load_settings(home) == Settings()


@pytest.mark.parametrize(
    ("address", "kept"),
    [
        ("https://en.wikipedia.org", "https://en.wikipedia.org"),
        ("https://en.wikipedia.org/", "https://en.wikipedia.org"),
        ("http://127.0.0.1:8000", "http://127.0.0.1:8000"),
        ("http://localhost:8000/", "http://localhost:8000"),
        ("http://[::1]:8000", "http://[::1]:8000"),
    ],
)
def test_an_https_origin_or_this_machine_may_be_asked(address: str, kept: str) -> None:
    assert HttpSettings(wikipedia_url=address).wikipedia_url == kept


@pytest.mark.parametrize(
    "address",
    [
        "http://en.wikipedia.org",
        "http://127.0.0.1.example.invalid",
        "http://192.168.0.1",
        "ftp://127.0.0.1",
        "en.wikipedia.org",
        "",
        "https://",
        "https://en.wikipedia.org/wiki",
        "https://en.wikipedia.org?x=1",
        "https://en.wikipedia.org#x",
        "https://user:secret@en.wikipedia.org",
        "https://en.wikipedia.org:port",
        "https://en.wikipedia.org:99999",
        "https://[broken",
    ],
)
def test_any_other_address_is_refused(address: str) -> None:
    with pytest.raises(ValidationError, match="wikipedia_url"):
        HttpSettings(wikipedia_url=address)


def test_the_address_of_a_database_is_never_shown_for_it_may_hold_a_password(
    home: Home, monkeypatch: pytest.MonkeyPatch
) -> None:
    name = "TWS_MAINTENANCE_EVENTS__DATABASE_URL"
    monkeypatch.setenv(name, "postgresql://u:p@ss/w@host/name")
    with pytest.raises(SettingsError, match="more than one @") as told:
        load_settings(home)
    assert "ss/w" not in str(told.value)
    monkeypatch.setenv(name, "mysql://u:secret@host/name")
    with pytest.raises(SettingsError, match="must begin with postgresql") as told:
        load_settings(home)
    assert "secret" not in str(told.value)
    monkeypatch.setenv(name, "postgresql://u:p%40ss@host/name")
    assert load_settings(home).events.database_url.endswith("@host/name")


@pytest.mark.parametrize("key", ["membership", "corroboration"])
def test_a_key_of_before_the_vote_is_refused_and_names_the_new_ones(home: Home, key: str) -> None:
    write(home, f'[indices.hsi]\n{key} = ["wikipedia"]\n')

    with pytest.raises(
        SettingsError, match=rf"the setting {key} no longer exists: `sources`.*`quorum`"
    ):
        load_settings(home)


@pytest.mark.parametrize(
    ("toml", "told"),
    [
        ('sources = ["wikipedia"]', r"indices.sti.quorum: 2 sources must agree.*set quorum = 1"),
        ('sources = ["spy"]', r"indices.sti.sources: expected each of es3, wikipedia at most once"),
        ('sources = ["es3", "es3"]', r"at most once, found 'es3', 'es3'"),
        ("quorum = 0", "greater than or equal to 1"),
        ("min_rows = 33", "indices.sti.max_rows: 32 is less than min_rows, 33"),
    ],
)
def test_sources_that_can_never_decide_are_refused(home: Home, toml: str, told: str) -> None:
    write(home, f"[indices.sti]\n{toml}\n")

    with pytest.raises(SettingsError, match=told):
        load_settings(home)


def test_the_sources_and_the_quorum_of_the_file_hold(home: Home) -> None:
    write(home, '[indices.hsi]\nsources = ["wikipedia", "tracker2800"]\nfail_disagreement = 0.0\n')

    found = load_settings(home).of(HSI)

    assert (found.sources, found.quorum) == (("wikipedia", "tracker2800"), 2)
    assert found.fail_disagreement == 0.0


def test_settings_are_read_anew_only_where_the_file_or_the_environment_changed(
    home: Home, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The console asks before each answer."""
    home.settings_file.write_text("[console]\nport = 5081\n")
    first = load_settings(home)
    monkeypatch.setenv("SOMETHING_ELSE", "1")
    assert load_settings(home) is first
    home.settings_file.write_text("[console]\nport = 5082\n")
    assert load_settings(home).console.port == 5082
    monkeypatch.setenv("tws_maintenance_console__port", "5083")
    assert load_settings(home).console.port == 5083
    home.settings_file.write_text("[console]\nprot = 5082\n")
    for _ in range(2):
        with pytest.raises(SettingsError, match="there is no such setting"):
            load_settings(home)
