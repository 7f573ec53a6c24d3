"""What a killed promotion did is known also where others wrote the same list before or after."""

import json
import os
import subprocess
import sys
from collections.abc import Callable, Iterator

import pytest

from tws_maintenance.config.home import Home
from tws_maintenance.constituents.drift import find_drift
from tws_maintenance.constituents.history import changes_of, read_history
from tws_maintenance.constituents.promotion import finish_promotion
from tws_maintenance.constituents.promotion_stamp import read_generation
from tws_maintenance.constituents.proposal import Proposal
from tws_maintenance.constituents.publishing import Settled, read_intent
from tws_maintenance.core.errors import ProposalUsed
from tws_maintenance.demo.pages import companies
from tws_maintenance.reports.schema import EntryPoint
from tws_maintenance.reports.store import read_report, reserve
from tws_maintenance.runs.recovery import clear_temporary_files, recover
from tws_maintenance.runs.request import PlannedRun
from tws_maintenance_tests.constituents.bench import (
    STI,
    mark,
    promoted,
    ready,
    staged_file,
    temporary_files,
    with_strangers,
)
from tws_maintenance_tests.support import TIMEOUT_SECONDS, result_of, write_live

pytestmark = pytest.mark.skipif(not hasattr(os, "fork"), reason="needs fork")
NAME = "data/sti_constituents.csv"
BEFORE, AFTER, UNSTAMPED, UNNOTED = "list", "history", "stamp", "outcome"
# The rename at which the process ends, before it is done: of the list, or the first such after it.
LISTS = ("/data/sti_constituents.csv", "/elsewhere/members.csv")
RENAMES = {
    BEFORE: "",
    AFTER: "/sti_membership.csv",
    UNSTAMPED: "/.generation_sti",
    UNNOTED: "/promotion.json",
}
DIED = 9
# A promotion a line, each in a process of its own, which ends at a rename.
PROMOTIONS = f"""
import json, os, sys
from datetime import datetime
from pathlib import Path
from tws_maintenance.constituents.promotion import promote
from tws_maintenance.config.home import Home
from tws_maintenance.config.indices import INDICES
from tws_maintenance.audit.run_context import RunContext
from tws_maintenance.config.settings import load_settings

def end_at(suffix):
    renames = []
    def hook(event, arguments):
        if event == "os.rename":
            renames.append(str(arguments[1]))
            if renames[-1].endswith(suffix) and any(one.endswith({LISTS}) for one in renames):
                os._exit({DIED})
    sys.addaudithook(hook)

for line in sys.stdin:
    root, proposal_id, suffix, report_id, run_id, at = json.loads(line)
    child = os.fork()
    if child == 0:
        home, run = Home(Path(root)), RunContext(report_id, run_id, datetime.fromisoformat(at))
        end_at(suffix)
        promote(home, INDICES["sti"], proposal_id, load_settings(home), run)
        os._exit(0)
    print(os.waitstatus_to_exitcode(os.waitpid(child, 0)[1]), flush=True)
"""
Killed = Callable[[Home, Proposal, str, float], None]


@pytest.fixture(scope="module")
def killed() -> Iterator[Killed]:
    """Promote a proposal in a process that is killed before one of its renames."""
    with subprocess.Popen(
        [sys.executable, "-c", PROMOTIONS],
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        text=True,
    ) as process:

        def kill(home: Home, proposal: Proposal, before: str, minutes: float) -> None:
            run = mark(minutes)
            names = (run.report_id, run.run_id, run.at.isoformat())
            assert process.stdin is not None
            assert process.stdout is not None
            wanted = (str(home.root), proposal.proposal_id, RENAMES[before], *names)
            process.stdin.write(json.dumps(wanted) + "\n")
            process.stdin.flush()
            assert process.stdout.readline() == f"{DIED}\n"

        yield kill
        process.communicate(timeout=TIMEOUT_SECONDS)


def settled(home: Home, proposal: Proposal) -> Settled:
    """Settle a promotion, twice, which must be once."""
    found = finish_promotion(home, STI, proposal.proposal_id, wait_seconds=5)
    assert finish_promotion(home, STI, proposal.proposal_id, wait_seconds=5) == found
    clear_temporary_files(home)
    assert temporary_files(home) == []
    return found


def edit(home: Home, content: bytes) -> None:
    """Write the live file as an editor does: another file takes its name."""
    path = home.live_file("sti")
    other = path.with_suffix(".edited")
    other.write_bytes(content)
    other.replace(path)


def new_list(home: Home, minutes: float) -> tuple[Proposal, bytes]:
    """Return a proposal that is ready, always of the same list, and its bytes."""
    proposal = ready(home, STI, with_strangers(STI, 1), minutes=minutes)
    return proposal, staged_file(home, proposal).read_bytes()


def stamped_by(home: Home) -> str | None:
    stamp = read_generation(home, STI)
    return stamp.report_id if stamp else None


def reported(home: Home) -> list[tuple[str, str]]:
    """Return what the history says happened: the symbol that came or went, and by which report."""
    return [(one.symbol, one.report_id) for one in changes_of(read_history(home, STI))]


def published_and_edited_back(home: Home) -> bytes:
    """Publish the new list, put the old one back by hand, and return it."""
    old = write_live(home, STI, companies("sti"))
    first, _ = new_list(home, 0)
    promoted(home, first)
    edit(home, old)
    return old


@pytest.mark.parametrize("before", [AFTER, UNSTAMPED, UNNOTED])
def test_a_list_that_was_published_before_and_edited_back_was_replaced_by_the_killed_run(
    home: Home, killed: Killed, before: str
) -> None:
    published_and_edited_back(home)
    again, new = new_list(home, 60)

    killed(home, again, before, 60)

    done = settled(home, again)
    assert (done.changed, done.output_path, done.text) == (True, NAME, "")
    assert home.live_file("sti").read_bytes() == new
    assert stamped_by(home) == mark(60).report_id


def test_a_list_published_before_and_edited_back_stays_where_the_run_died_too_early(
    home: Home, killed: Killed
) -> None:
    old = published_and_edited_back(home)
    again, _ = new_list(home, 60)

    killed(home, again, BEFORE, 60)

    done = settled(home, again)
    expected = f"the run was killed before it replaced {NAME}; the old file is intact"
    assert (done.changed, done.text) == (False, expected)
    assert home.live_file("sti").read_bytes() == old
    assert stamped_by(home) == mark(0).report_id


def test_the_same_list_put_there_by_hand_is_not_taken_for_the_killed_runs(
    home: Home, killed: Killed
) -> None:
    write_live(home, STI, companies("sti"))
    proposal, new = new_list(home, 0)
    killed(home, proposal, BEFORE, 0)
    edit(home, new)

    done = settled(home, proposal)

    assert (done.changed, done.output_path) == (False, None)
    assert done.text == (
        f"the run was killed before it replaced {NAME}, and somebody put the same list there"
    )
    assert (stamped_by(home), reported(home)) == (None, [])


@pytest.mark.parametrize("is_edited", [False, True])
def test_the_report_says_that_the_killed_run_replaced_the_list(
    home: Home, killed: Killed, is_edited: bool
) -> None:
    published_and_edited_back(home)
    again, _ = new_list(home, 60)
    run = mark(60)
    head = PlannedRun(
        (STI.task,), False, run_id=run.run_id, entry_point=EntryPoint.CLI, actor="operator"
    ).head()
    assert reserve(home, run.at, head | {"tasks": [STI.task]}).report_id == run.report_id
    killed(home, again, AFTER, 60)
    if is_edited:
        write_live(home, STI, companies("sti")[:-1])

    (recovered,) = recover(home)

    assert recovered.text.endswith("it had replaced sti_constituents")
    result = result_of(read_report(home, run.report_id).to_dict(), STI.task)
    assert (result["status"], result["changed"], result["errors"]) == ("success", True, [])
    told = f"the run replaced {NAME}, and somebody changed it since"
    assert (told in result["warnings"]) is is_edited


@pytest.mark.parametrize("order", [(0, 1), (1, 0)])
def test_of_two_killed_runs_with_the_same_list_the_one_that_renamed_it_replaced_it(
    home: Home, killed: Killed, order: tuple[int, int]
) -> None:
    write_live(home, STI, companies("sti"))
    proposals = [new_list(home, 0)[0], new_list(home, 60)[0]]
    killed(home, proposals[0], BEFORE, 0)
    killed(home, proposals[1], AFTER, 60)

    done = {number: settled(home, proposals[number]) for number in order}

    assert (done[0].changed, done[1].changed) == (False, True)
    assert done[0].text.startswith(f"the run was killed before it replaced {NAME}")
    assert stamped_by(home) == mark(60).report_id
    assert {report_id for _, report_id in reported(home)} == {mark(60).report_id}


def test_of_two_killed_runs_that_both_replaced_the_list_each_is_recorded(
    home: Home, killed: Killed
) -> None:
    old = write_live(home, STI, companies("sti"))
    first, _ = new_list(home, 0)
    killed(home, first, UNSTAMPED, 0)
    edit(home, old)
    second, new = new_list(home, 60)
    killed(home, second, AFTER, 60)

    done = [settled(home, one) for one in (first, second)]

    assert [one.changed for one in done] == [True, True]
    assert done[0].text == f"the run replaced {NAME}, and somebody changed it since"
    assert home.live_file("sti").read_bytes() == new
    assert stamped_by(home) == mark(60).report_id


def test_a_killed_run_whose_list_another_run_published_replaced_nothing(
    home: Home, killed: Killed
) -> None:
    write_live(home, STI, companies("sti"))
    first, second = new_list(home, 0)[0], new_list(home, 60)[0]
    killed(home, first, BEFORE, 0)
    assert promoted(home, second, minutes=60).changed

    done = settled(home, first)

    assert (done.changed, stamped_by(home)) == (False, mark(60).report_id)


@pytest.mark.parametrize("before", [AFTER, UNSTAMPED, UNNOTED])
def test_a_list_that_was_replaced_and_then_edited_was_replaced_and_the_edit_is_drift(
    home: Home, killed: Killed, before: str
) -> None:
    write_live(home, STI, companies("sti"))
    proposal, _ = new_list(home, 0)
    killed(home, proposal, before, 0)
    edited = write_live(home, STI, companies("sti")[:-1])

    done = settled(home, proposal)

    assert (done.changed, done.output_path) == (True, NAME)
    assert done.text == f"the run replaced {NAME}, and somebody changed it since"
    assert home.live_file("sti").read_bytes() == edited
    assert stamped_by(home) == mark(0).report_id
    drift = find_drift(home, STI, edited)
    assert drift is not None
    assert "removed" in drift.text
    gone = proposal.changes.removed[0].symbol
    assert reported(home) == [("Z901.SI", mark(0).report_id), (gone, mark(0).report_id)]


def test_a_list_that_was_edited_before_the_killed_run_replaced_it_was_not_replaced(
    home: Home, killed: Killed
) -> None:
    write_live(home, STI, companies("sti"))
    proposal, _ = new_list(home, 0)
    killed(home, proposal, BEFORE, 0)
    write_live(home, STI, companies("sti")[:-1])

    done = settled(home, proposal)

    assert (done.changed, done.text) == (
        False,
        f"the run was killed before it replaced {NAME}, and somebody changed it since",
    )
    assert (stamped_by(home), reported(home)) == (None, [])


@pytest.mark.parametrize(("before", "is_recorded"), [(AFTER, False), (UNSTAMPED, True)])
def test_a_list_that_was_replaced_and_put_back_by_hand_is_said_to_have_been_replaced(
    home: Home, killed: Killed, before: str, is_recorded: bool
) -> None:
    old = write_live(home, STI, companies("sti"))
    proposal, _ = new_list(home, 0)
    killed(home, proposal, before, 0)
    edit(home, old)

    done = settled(home, proposal)

    assert done.changed is is_recorded
    assert done.text == (
        f"the run replaced {NAME}, and somebody changed it since"
        if is_recorded
        else f"the run replaced {NAME}, and somebody put the old list back since"
    )
    assert home.live_file("sti").read_bytes() == old
    assert bool(reported(home)) is is_recorded


def test_what_was_found_out_stays_whatever_happens_to_the_list_later(
    home: Home, killed: Killed
) -> None:
    write_live(home, STI, companies("sti"))
    proposal, new = new_list(home, 0)
    killed(home, proposal, BEFORE, 0)
    first = settled(home, proposal)
    edit(home, new)
    assert settled(home, proposal) == first


def test_cleaning_up_keeps_the_file_that_says_that_a_list_was_not_replaced(
    home: Home, killed: Killed
) -> None:
    write_live(home, STI, companies("sti"))
    proposal, new = new_list(home, 0)
    killed(home, proposal, BEFORE, 0)
    edit(home, new)
    clear_temporary_files(home)  # by the end of another run's recovery
    record = read_intent(home, proposal.proposal_id)
    assert record is not None
    assert temporary_files(home) == [f"data/{record.prepared}"]
    assert not settled(home, proposal).changed


def test_a_proposal_whose_killed_promotion_replaced_the_list_is_not_promoted_again(
    home: Home, killed: Killed
) -> None:
    old = write_live(home, STI, companies("sti"))
    proposal, _ = new_list(home, 0)
    killed(home, proposal, UNSTAMPED, 0)
    edit(home, old)
    with pytest.raises(ProposalUsed, match=mark(0).report_id):
        promoted(home, proposal, minutes=30)
    assert home.live_file("sti").read_bytes() == old


def test_a_live_file_that_is_a_link_is_judged_beside_its_target(home: Home, killed: Killed) -> None:
    write_live(home, STI, companies("sti"))
    target = home.root / "elsewhere" / "members.csv"
    target.parent.mkdir()
    home.live_file("sti").rename(target)
    home.live_file("sti").symlink_to(target)
    proposal, new = new_list(home, 0)
    killed(home, proposal, BEFORE, 0)
    assert temporary_files(home) != []
    target.write_bytes(new)

    assert not settled(home, proposal).changed
    assert temporary_files(home) == []
