"""A clean-up where Dagster's storage is not the home's: an operator's own, and a full disk."""

import sqlite3
from pathlib import Path

import pytest

from tws_maintenance.config.home import Home
from tws_maintenance.core.clock import utc_now
from tws_maintenance.demo.pages import companies
from tws_maintenance.pipeline.clean_up import clean_runs
from tws_maintenance.pipeline.instance import open_instance
from tws_maintenance_tests.disks import mounted
from tws_maintenance_tests.pipeline.test_clean_up import LONG_AGO, OLD, clean_up
from tws_maintenance_tests.unattended import dry_run


def test_in_dagster_s_own_storage_the_file_of_each_run_goes_too(
    entered: Home,
    tmp_path_factory: pytest.TempPathFactory,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    own = tmp_path_factory.mktemp("own")
    monkeypatch.setenv("DAGSTER_HOME", str(own))
    with open_instance(entered) as instance:
        runs = [clean_up(instance).run_id for _ in range(2)]
        files = [Path(own, "history", "runs", f"{run_id}.db") for run_id in runs]
        assert [one.exists() for one in files] == [True, True]
        with sqlite3.connect(own / "history" / "runs.db") as database:
            database.execute("UPDATE runs SET create_timestamp = '2020-01-01 12:00:00'")
        assert clean_runs(entered, instance, OLD) == 2
        assert list(Path(own, "history", "runs").glob("????????-*")) == []


def test_a_full_disk_is_cleaned_as_far_as_it_goes(tmp_path: Path, settings: object) -> None:
    """Dagster's own storage is elsewhere; on the same disk nothing could even begin."""
    assert settings
    with (
        mounted(tmp_path / "disk", kilobytes=4096) as disk,
        pytest.MonkeyPatch.context() as patch,
    ):
        own = tmp_path / "own"
        own.mkdir()
        patch.setenv("TWS_MAINTENANCE_HOME", str(disk.home.root))
        patch.setenv("DAGSTER_HOME", str(own))
        dry_run(disk.home, {"sti": companies("sti")}, LONG_AGO)
        dry_run(disk.home, {"sti": companies("sti")}, utc_now())
        disk.fill(free_pages=0)
        with open_instance(disk.home) as instance:
            result = clean_up(instance)
        assert result.success
        assert len(list(disk.home.staging.iterdir())) == 1
