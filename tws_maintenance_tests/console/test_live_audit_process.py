"""The console's audit of the live files: another process, and files that change meanwhile."""

import threading
from pathlib import Path

from tws_maintenance.config.home import Home
from tws_maintenance.console.live_audit_process import FileAudits
from tws_maintenance.reports.schema import Validation

ENOUGH = 30.0


class Slow(FileAudits):
    """Audits that are answered only when the test lets them."""

    def __init__(self, home: Home) -> None:
        super().__init__(home)
        self.asked, self.may_answer = threading.Event(), threading.Event()
        self.may_answer.set()

    def _ask(self) -> dict[str, Validation]:
        found = sorted(path.name for path in self._home.data.iterdir())
        self.asked.set()
        assert self.may_answer.wait(ENOUGH)
        return dict.fromkeys(found, Validation())


def test_an_audit_of_files_that_are_gone_does_not_replace_that_of_the_files_there_are(
    tmp_path: Path,
) -> None:
    home = Home(tmp_path)
    home.data.mkdir()
    live, other = home.live_file("sti"), home.live_file("hsi")
    live.write_text("symbol\nD05.SI\n")
    audits = Slow(home)
    assert set(audits.audits(wait_seconds=ENOUGH)) == {live.name}
    audits.asked.clear()
    audits.may_answer.clear()
    other.write_text("symbol\n0005.HK\n")
    assert audits.audits() == {}
    assert audits.asked.wait(ENOUGH)
    running = audits._thread
    assert running is not None
    other.unlink()
    assert set(audits.audits()) == {live.name}
    audits.may_answer.set()
    running.join(ENOUGH)
    assert set(audits.audits()) == {live.name}
