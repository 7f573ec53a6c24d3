"""The sensors that tell: one memory for both, a home of its own for each, whatever fails."""

import json
from collections.abc import Iterator
from datetime import timedelta
from pathlib import Path
from typing import Any

import dagster as dg
import pytest

from tws_maintenance.config.home import HOME_VARIABLE, Home
from tws_maintenance.config.indices import INDICES
from tws_maintenance.core.clock import utc_now
from tws_maintenance.core.errors import LockHeld
from tws_maintenance.core.locks import hold
from tws_maintenance.demo.pages import companies, page
from tws_maintenance.demo.server import PageServer
from tws_maintenance.operations.notices.channels import FILE, NoticeFailed
from tws_maintenance.pipeline import notices
from tws_maintenance.pipeline.definitions import build_definitions
from tws_maintenance.pipeline.execution import create_run
from tws_maintenance.pipeline.instance import open_instance
from tws_maintenance.pipeline.notices import send_notices
from tws_maintenance.runs.request import RunSpec
from tws_maintenance_tests.disks import mounted
from tws_maintenance_tests.operations.notices.servers import MailServer, Webhook
from tws_maintenance_tests.pipeline.support import run_job
from tws_maintenance_tests.support import copy_home, quiet_environment, spoiled
from tws_maintenance_tests.unattended import dry_run, refreshed, synced

STI = INDICES["sti"]
DAY = timedelta(days=1)
HOOK = "TWS_MAINTENANCE_NOTICES__WEBHOOK_URL"


@pytest.fixture(scope="module")
def well(tmp_path_factory: pytest.TempPathFactory) -> Home:
    """A home in which nothing is wrong and nothing waits."""
    home = Home(tmp_path_factory.mktemp("well"))
    at = utc_now() - timedelta(hours=2)
    with quiet_environment():
        refreshed(home, at)
        synced(home, at, dry_run=False)
    return home


@pytest.fixture
def told(well: Home, entered: Home, monkeypatch: pytest.MonkeyPatch) -> Home:
    """Return a copy of the home that is well; it tells into a file."""
    monkeypatch.setenv("TWS_MAINTENANCE_NOTICES__FILE", "true")
    copy_home(well, entered)
    return entered


@pytest.fixture
def instance(told: Home) -> Iterator[dg.DagsterInstance]:
    with open_instance(told) as opened:
        yield opened


def subjects(home: Home) -> list[str]:
    path = home.logs / FILE
    text = path.read_text() if path.exists() else ""
    return [json.loads(line)["subject"] for line in text.splitlines()]


def looked(instance: dg.DagsterInstance) -> str:
    """Let notice_sensor tick, and return what it says."""
    repository = build_definitions().get_repository_def()
    context = dg.build_sensor_context(instance, repository_def=repository)
    return str(repository.get_sensor_def("notice_sensor").evaluate_tick(context).skip_message)


def followed(instance: dg.DagsterInstance, run: dg.DagsterRun) -> Any:
    """Let the run-failure sensor follow a run that failed, and return what it says."""
    (record,) = instance.get_records_for_run(
        run.run_id, of_type=dg.DagsterEventType.RUN_FAILURE
    ).records
    event = record.event_log_entry.dagster_event
    assert event is not None
    sensor = build_definitions().get_repository_def().get_sensor_def("run_failure_notice_sensor")
    context = dg.build_run_status_sensor_context(sensor.name, event, instance, run)
    return sensor(context.for_run_failure())


def failing(home: Home, server: PageServer) -> dg.DagsterRun:
    """Return a run that failed, as a name on the page is a formula."""
    server.pages["sti"] = page("sti", spoiled(companies("sti")))
    result = run_job(home, "dry_run_all", {"tasks": [STI.task]}, f"staged/{STI.task}")
    return result.dagster_run


def test_whoever_comes_first_tells_and_the_other_keeps_quiet(
    told: Home, instance: dg.DagsterInstance, server: PageServer, tmp_path: Path
) -> None:
    assert looked(instance) == "Nothing new to send."
    run = failing(told, server)
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv(HOME_VARIABLE, str(tmp_path / "other"))
        assert followed(instance, run).skip_message == "Not a run of this home."
    assert followed(instance, run).skip_message == "file: 1 sent."
    assert looked(instance) == "Nothing new to send."
    assert followed(instance, run).skip_message == "Nothing new to send."
    assert subjects(told) == ["Dry run failed. No file was replaced. Failed: STI."]


def test_the_memory_outlives_the_process_and_a_damaged_one_tells_again(
    told: Home, instance: dg.DagsterInstance
) -> None:
    later = utc_now() + 4 * DAY
    assert send_notices(told, instance, later).sent == {"file": 4}
    with open_instance(told) as another:
        assert send_notices(told, another, later).sent == {}
    instance.daemon_cursor_storage.set_cursor_values({notices._memory(told): "[1, 2"})
    assert send_notices(told, instance, later).sent == {"file": 4}


def test_two_homes_in_one_dagster_do_not_forget_for_each_other(
    told: Home,
    instance: dg.DagsterInstance,
    tmp_path_factory: pytest.TempPathFactory,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    other = Home(tmp_path_factory.mktemp("other"))
    at = utc_now()
    assert send_notices(told, instance, at + 4 * DAY).sent == {"file": 4}
    monkeypatch.setenv(HOME_VARIABLE, str(other.root))
    assert send_notices(other, instance, at).sent == {"file": 7}
    assert send_notices(told, instance, at + 4 * DAY).sent == {}
    assert send_notices(other, instance, at).sent == {}


def test_a_channel_that_fails_makes_the_tick_fail_and_is_tried_at_the_next_one(
    told: Home, instance: dg.DagsterInstance, server: PageServer, monkeypatch: pytest.MonkeyPatch
) -> None:
    run = failing(told, server)
    with Webhook(500) as hook:
        monkeypatch.setenv(HOOK, hook.url)
        with pytest.raises(NoticeFailed, match="The webhook answered 500"):
            followed(instance, run)
        with pytest.raises(NoticeFailed, match="The webhook answered 500"):
            looked(instance)
        hook.status = 200
        assert looked(instance) == "webhook: 1 sent."
        assert looked(instance) == "Nothing new to send."
    assert len(subjects(told)) == 1


def test_a_mail_reaches_a_server_by_the_settings_of_the_home(
    told: Home, instance: dg.DagsterInstance
) -> None:
    with MailServer() as mail:
        told.settings_file.write_text(
            f'[notices]\nsmtp_host = "127.0.0.1"\nsmtp_port = {mail.port}\nsmtp_security = "none"\n'
            'sender = "robot@example.org"\nrecipients = ["ops@example.org"]\nkinds = ["waiting"]\n'
        )
        dry_run(told, {"sti": [*companies("sti")[:-1]]}, utc_now())
        assert looked(instance) == "mail: 1 sent. file: 1 sent."
        (arrived,) = mail.mails
    assert arrived.message["Subject"] == "[tws_maintenance] Waiting to be applied: STI"


def test_a_look_while_another_is_at_it_does_not_wait_for_ever(
    told: Home, instance: dg.DagsterInstance, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(notices, "LOCK_SECONDS", 0.1)
    with hold(told.locks / "notices.lock", wait_seconds=0, holder="another look"):
        assert looked(instance) == "The other sensor is sending notices now."
        with pytest.raises(LockHeld):
            send_notices(told, instance, utc_now())


def test_a_run_of_another_project_is_not_told(told: Home, instance: dg.DagsterInstance) -> None:
    @dg.op
    def fails() -> None:
        raise dg.Failure("of somebody else")

    @dg.job
    def somebody_s() -> None:
        fails()

    theirs = somebody_s.execute_in_process(instance=instance, raise_on_error=False)
    assert followed(instance, theirs.dagster_run).skip_message == "Not a run of this home."
    send_notices(told, instance, utc_now())
    assert subjects(told) == []


def test_a_run_that_died_is_told_by_its_report_alone(
    told: Home, instance: dg.DagsterInstance
) -> None:
    run = create_run(told, instance, build_definitions(), RunSpec((STI.task,), dry_run=True))
    instance.report_run_failed(run, "its process could not be started")
    assert looked(instance) == "file: 1 sent."
    assert subjects(told) == ["Dry run interrupted. No file was replaced."]
    assert looked(instance) == "Nothing new to send."


def test_a_run_that_can_leave_no_report_is_told_all_the_same_once(
    instance: dg.DagsterInstance,
    tmp_path_factory: pytest.TempPathFactory,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """The home is on a disk that has become read-only; Dagster's storage is elsewhere."""
    with mounted(tmp_path_factory.mktemp("full") / "disk", kilobytes=512) as disk:
        disk.home.data.mkdir()
        disk.make_read_only()
        monkeypatch.setenv(HOME_VARIABLE, str(disk.home.root))
        spec = RunSpec((STI.task,), dry_run=True)
        run = create_run(disk.home, instance, build_definitions(), spec)
        instance.report_run_failed(run, "data/staging cannot be written")
        with MailServer() as mail:
            for name, value in (
                ("SMTP_HOST", "127.0.0.1"),
                ("SMTP_PORT", str(mail.port)),
                ("SMTP_SECURITY", "none"),
                ("SENDER", "robot@example.org"),
                ("RECIPIENTS", '["ops@example.org"]'),
                ("KINDS", '["failed"]'),
                ("FILE", "false"),
            ):
                monkeypatch.setenv(f"TWS_MAINTENANCE_NOTICES__{name}", value)
            assert looked(instance) == "mail: 1 sent."
            assert looked(instance) == "Nothing new to send."
            (arrived,) = mail.mails
    text = arrived.message.get_content()
    assert "dry_run_constituents failed" in text
    assert "data/staging cannot be written" in text
    assert run.run_id in text


def test_a_clean_up_that_failed_is_told_until_the_next_one_makes_up_for_it(
    told: Home, instance: dg.DagsterInstance
) -> None:
    job = build_definitions().resolve_job_def("clean_up")
    run = instance.create_run_for_job(job, tags=job.tags)
    instance.report_run_failed(run, "data/staging/x could not be removed")
    assert looked(instance) == "file: 1 sent."
    assert subjects(told) == ["clean_up failed"]
    assert job.execute_in_process(instance=instance).success
    assert looked(instance) == "Nothing new to send."
    again = instance.create_run_for_job(job, tags=job.tags)
    instance.report_run_failed(again, "data/staging/x could not be removed")
    assert looked(instance) == "file: 1 sent."
