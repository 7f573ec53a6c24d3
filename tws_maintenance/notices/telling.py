"""Telling each incident once, on each channel, however often one looks.

Who was told what is remembered by whoever calls (the daemon, in Dagster's storage). What is over
is forgotten, so that the same thing happening again is told again.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime

from tws_maintenance.home import Home
from tws_maintenance.notices.channels import NoticeFailed, channels_of
from tws_maintenance.notices.incidents import Incident
from tws_maintenance.settings import NoticeSettings

Told = Mapping[str, list[str]]


@dataclass(frozen=True)
class Telling:
    """What came of one look: `told` are the keys by channel, to be remembered as they are.

    `failures` are deliveries to be tried again, `remarks` what was amiss with one that was made.
    """

    told: dict[str, list[str]]
    sent: dict[str, int]
    failures: list[str]
    remarks: list[str]


def tell(
    home: Home,
    settings: NoticeSettings,
    incidents: list[Incident],
    before: Told,
    at: datetime,
) -> Telling:
    """Send what was not told before; one message a channel, with all that is new.

    A channel that fails is told of it again at the next look; the others are not held up.
    """
    wanted = [one for one in incidents if one.kind in settings.kinds]
    told: dict[str, list[str]] = {}
    sent: dict[str, int] = {}
    failures, remarks = [], []
    for name, send in channels_of(home, settings):
        known = set(before.get(name, ()))
        new = [one for one in wanted if one.key not in known]
        told[name] = [one.key for one in wanted if one.key in known]
        if not new:
            continue
        try:
            remark = send(new, at)
        except NoticeFailed as error:
            failures.append(str(error))
        else:
            sent[name] = len(new)
            told[name] += [one.key for one in new]
            remarks += [remark] if remark else []
    return Telling(told, sent, failures, remarks)
