"""What differs from run to run gets a name, and what is the same thing gets the same one."""

from tws_maintenance.config.home import Home
from tws_maintenance.core.digest import sha256
from tws_maintenance_tests.golden.normal import Names, reports

ONE, OTHER = "0f8fad5b-d9cb-469f-a165-70867728950e", "7c9e6679-7425-40de-944b-e07fc1f90ae7"


def test_a_link_to_another_run_stays_a_difference(home: Home) -> None:
    names = Names(home)
    assert names.normal(f"run {ONE} of {OTHER}") == "run RUN-1 of RUN-2"
    assert names.normal(f"run {OTHER} of {OTHER}") == "run RUN-2 of RUN-2"
    assert names.normal("process 17, process 4, process 17") == (
        "process PROCESS-1, process PROCESS-2, process PROCESS-1"
    )


def test_a_checksum_is_named_after_the_first_file_that_had_it(home: Home) -> None:
    names, digest = Names(home), sha256(b"old")
    home.data.mkdir()
    home.live_file("sti").write_bytes(b"old")
    names.look()
    home.live_file("sti").write_bytes(b"new")
    names.look()
    name = "sha256 of data/sti_constituents.csv"
    assert names.normal(f'"{digest}"') == f'"{name}"'
    assert names.normal(f"expected {digest[:12]}, sha256 `{digest[:16]}…`") == (
        f"expected {name}, sha256 `{name}…`"
    )
    assert names.normal(sha256(b"of no file")) == "SHA256-1"


def test_a_report_shows_neither_its_home_nor_an_address_of_this_machine(home: Home) -> None:
    names = Names(home)
    names.call("http://127.0.0.1:4711", "http://web")
    home.reports.mkdir(parents=True)
    for number, folder in ((2, home.root), (10, home.root / "data")):
        stem = home.reports / f"20261122_183000_{number}"
        stem.with_suffix(".json").write_text(f'"{folder} http://127.0.0.1:4711/wiki"')
        stem.with_suffix(".md").write_text(str(folder).replace("_", "\\_"))
    assert reports(home, names) == {
        "1.json": '"HOME http://web/wiki"',
        "1.md": "HOME",
        "2.json": '"HOME/data http://web/wiki"',
        "2.md": "HOME/data",
    }
