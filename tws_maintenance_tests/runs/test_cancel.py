"""Ctrl-C in the middle of a promotion: the report tells what the bytes on disk say."""

import pytest

from tws_maintenance.config.home import Home
from tws_maintenance.config.indices import INDICES
from tws_maintenance.constituents.promotion_stamp import read_generation
from tws_maintenance.demo.pages import companies
from tws_maintenance.demo.server import PageServer
from tws_maintenance_tests.constituents.bench import temporary_files
from tws_maintenance_tests.killing import STI_TASK, Job, Moment, carry_out
from tws_maintenance_tests.pipeline.support import web_environment
from tws_maintenance_tests.support import reports_of, result_of, write_live

STI = INDICES["sti"]


@pytest.mark.parametrize(
    ("event", "pattern", "nth", "is_published"),
    [
        ("os.rename", r"/SHA256SUMS", 1, False),
        ("os.rename", r"/data/sti_constituents\.csv", 1, False),
        ("os.rename", r"/sti_membership\.csv", 1, False),
        ("os.rename", r"/\.generation_sti", 1, False),
        ("os.rename", r"/promotion\.json", 3, True),
    ],
)
def test_a_cancel_during_a_promotion_is_told_from_the_bytes(
    home: Home, server: PageServer, event: str, pattern: str, nth: int, is_published: bool
) -> None:
    old = write_live(home, STI, companies("sti")[:-1])
    moment = Moment(event, pattern, nth, cancel=True)

    codes = carry_out([Job(str(home.root), moment, environment=web_environment(server))])

    assert codes == [0]
    (report,) = reports_of(home)
    result = result_of(report, STI_TASK)
    assert report["status"] == "interrupted"
    assert (result["changed"], result["status"] == "success") == (is_published, is_published)
    assert (home.live_file("sti").read_bytes() != old) is is_published
    assert (read_generation(home, STI) is not None) is is_published
    if is_published:
        assert result["output_path"] == "data/sti_constituents.csv"
        assert (home.root / result["backup_path"]).read_bytes() == old
        assert result["errors"] == []
    else:
        assert result["errors"] == ["cancelled while it ran"]
    assert temporary_files(home) == []
