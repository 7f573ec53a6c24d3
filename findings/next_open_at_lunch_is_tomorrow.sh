#!/usr/bin/env bash
# exchange_calendars 4.13.2
# Expected: during Hong Kong's lunch break, for which is_open_on_minute() says closed, next_open() is
#           13:00 of the same day, when trading goes on.
# Happens:  next_open() is 09:30 of the next session, and next_close() is today's 16:00, so that the
#           market seems to close before it opens. Both look at sessions only, never at breaks.
# Why here: "closed until next_open()" keeps off-peak work running through the whole afternoon session.
#           Our clocks take the lunch hour of a venue from a table of our own and say "lunch".
set -euo pipefail
folder=$(mktemp -d)
trap 'rm -rf "$folder"' EXIT
cd "$folder"
python3 -m venv venv
venv/bin/pip install --quiet exchange_calendars==4.13.2
cat > lunch.py <<'PY'
import os

import exchange_calendars
import pandas as pd

calendar = exchange_calendars.get_calendar("XHKG", start="2026-01-01", end="2026-12-31")
lunch = pd.Timestamp("2026-11-25 12:30", tz="Asia/Hong_Kong").tz_convert("UTC")
goes_on = calendar.session_break_end("2026-11-25").tz_convert("Asia/Hong_Kong")
opens = calendar.next_open(lunch).tz_convert("Asia/Hong_Kong")
closes = calendar.next_close(lunch).tz_convert("Asia/Hong_Kong")
print(f"open at 12:30: {calendar.is_open_on_minute(lunch)}; trading goes on at {goes_on:%d %H:%M}")
print(f"next_open: {opens:%d %H:%M}, next_close: {closes:%d %H:%M}")
expected = os.environ.get("EXPECTED_NEXT_OPEN", "26 09:30")
assert not calendar.is_open_on_minute(lunch)
assert f"{goes_on:%d %H:%M}" == "25 13:00"
assert f"{opens:%d %H:%M}" == expected
assert f"{closes:%d %H:%M}" == "25 16:00"
PY
venv/bin/python lunch.py
