"""Which folder is maintained, and where everything lies in it."""

from pathlib import Path

import pytest

from tws_maintenance.config.home import HOME_VARIABLE, Home, find_home

WORKSPACE = "load_from:\n  - python_module: tws_maintenance.definitions\n"


@pytest.fixture
def elsewhere(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A folder to stand in."""
    folder = tmp_path.resolve() / "elsewhere"
    folder.mkdir()
    monkeypatch.chdir(folder)
    return folder


def test_a_named_home_comes_before_the_environment(
    elsewhere: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv(HOME_VARIABLE, str(elsewhere / "by_variable"))

    assert find_home(elsewhere / "named") == Home(elsewhere / "named")
    assert find_home("named") == Home(elsewhere / "named")
    assert find_home() == Home(elsewhere / "by_variable")


def test_an_empty_variable_is_as_none(elsewhere: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (elsewhere / "workspace.yaml").write_text(WORKSPACE)
    monkeypatch.setenv(HOME_VARIABLE, "")

    assert find_home() == Home(elsewhere)


def test_a_tilde_is_the_folder_of_the_user(
    elsewhere: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("HOME", str(elsewhere))

    assert find_home("~/robot") == Home(elsewhere / "robot")


def test_the_nearest_checkout_upwards_is_the_home(
    elsewhere: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (elsewhere / "workspace.yaml").write_text(WORKSPACE)
    (elsewhere / "data" / "deeper").mkdir(parents=True)
    monkeypatch.chdir(elsewhere / "data" / "deeper")

    assert find_home() == Home(elsewhere)


def test_the_workspace_of_another_project_is_no_home(
    elsewhere: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (elsewhere / "workspace.yaml").write_text(WORKSPACE)
    other = elsewhere / "other"
    other.mkdir()
    (other / "workspace.yaml").write_text("load_from:\n  - python_module: somebody.elses\n")
    (other / "deeper").mkdir()
    (other / "deeper" / "workspace.yaml").write_bytes(b"\xff\xfe tws_maintenance")
    monkeypatch.chdir(other / "deeper")

    assert find_home() == Home(elsewhere)


def test_looking_for_a_home_writes_nothing(elsewhere: Path) -> None:
    find_home("named")
    find_home()

    assert list(elsewhere.iterdir()) == []


def test_everything_lies_where_the_contract_says(tmp_path: Path) -> None:
    home = Home(tmp_path)
    paths = {
        "live": home.live_file("sp500"),
        "proposal": home.proposal("maintenance_20261122_181700_sp500"),
        "backups": home.backups,
        "membership": home.membership_file("hsi"),
        "generation": home.generation_file("sti"),
        "reports": home.reports,
        "dagster": home.dagster,
        "locks": home.locks,
        "settings": home.settings_file,
    }

    assert {name: home.relative(path) for name, path in paths.items()} == {
        "live": "data/sp500_constituents.csv",
        "proposal": "data/staging/maintenance_20261122_181700_sp500",
        "backups": "data/backups/constituents",
        "membership": "data/history/hsi_membership.csv",
        "generation": "data/.generation_sti",
        "reports": "reports/maintenance",
        "dagster": ".dagster",
        "locks": ".dagster/locks",
        "settings": "maintenance.toml",
    }


def test_a_path_outside_the_home_has_no_relative_form(tmp_path: Path) -> None:
    with pytest.raises(ValueError, match="is not in the subpath"):
        Home(tmp_path / "home").relative(tmp_path / "other")
