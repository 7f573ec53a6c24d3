"""Deliver each incident once on each channel, however often one looks.

The caller keeps what was delivered (the daemon, in Dagster's storage). What is over is dropped from
that, so that the same incident is sent again when it comes back.
"""

import time
from collections import deque
from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import datetime

from tws_maintenance.config.home import Home
from tws_maintenance.config.settings import NoticeSettings
from tws_maintenance.operations.notices.channels import (
    Channel,
    MessageRefused,
    NoticeFailed,
    channels_of,
)
from tws_maintenance.operations.notices.incidents import Incident
from tws_maintenance.operations.notices.messages import gravest_first, messages

Delivered = Mapping[str, list[str]]
# Once a channel has used so many seconds of a look, the rest of its messages wait for the next.
SECONDS = 10.0


@dataclass(frozen=True)
class DeliveryResult:
    """The result of one look: `delivered` are the keys by channel, for the caller to keep.

    `failures` are deliveries to try again, `remarks` what went wrong with one that was made.
    """

    delivered: dict[str, list[str]]
    sent: dict[str, int]
    failures: list[str]
    remarks: list[str]


def deliver(
    home: Home,
    settings: NoticeSettings,
    incidents: list[Incident],
    before: Delivered,
    at: datetime,
) -> DeliveryResult:
    """Send what was not sent before, the gravest first; several messages where one is too small.

    A channel that fails is tried again at the next look; the others are not held up.
    """
    wanted = gravest_first([one for one in incidents if one.kind in settings.kinds])
    done = DeliveryResult({}, {}, [], [])
    for channel in channels_of(home, settings):
        known = set(before.get(channel.name, ()))
        new = [one for one in wanted if one.key not in known]
        came = _deliver(channel, new, at)
        done.delivered[channel.name] = [one.key for one in wanted if one.key in known] + came.keys
        if came.keys:
            done.sent[channel.name] = len(came.keys)
        done.failures.extend(came.failures)
        done.remarks.extend(came.remarks)
    return done


@dataclass
class _Delivery:
    keys: list[str] = field(default_factory=list)
    failures: list[str] = field(default_factory=list)
    remarks: list[str] = field(default_factory=list)


def _deliver(channel: Channel, new: list[Incident], at: datetime) -> _Delivery:
    """Send `new` in as many messages as it takes; one refused message does not cost another."""
    done = _Delivery()
    until = time.monotonic() + SECONDS
    waiting = deque(messages(new, channel.fits))
    while waiting:
        message = waiting.popleft()
        try:
            remark = channel.send(message, at)
        except MessageRefused as error:
            if len(message) > 1:  # sent one by one, they show which one was refused
                waiting.extendleft([one] for one in reversed(message))
            else:
                done.failures.append(f"{error} (to: {message[0].subject})")
        except NoticeFailed as error:
            done.failures.append(str(error))
            break
        else:
            done.keys += [one.key for one in message]
            done.remarks += [remark] if remark and remark not in done.remarks else []
        if waiting and time.monotonic() >= until:
            left = sum(map(len, waiting))
            done.remarks.append(f"{channel.name}: {left} more will follow at the next look")
            break
    return done
