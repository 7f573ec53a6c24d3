"""The days that files state, in each form, and texts that are none."""

from datetime import date

import pytest

from tws_maintenance.sources.days import day_in, day_or_month_in


@pytest.mark.parametrize(
    ("text", "day"),
    [
        ("2026-06-17", date(2026, 6, 17)),
        ("2026-06-17 07:32:54", date(2026, 6, 17)),
        ("17-Jun-2026", date(2026, 6, 17)),
        ("17 June 2026", date(2026, 6, 17)),
        ("28/Sept/2026", date(2026, 9, 28)),
        ("Sep 15, 2026", date(2026, 9, 15)),
        ("Sept. 5, 2026", date(2026, 9, 5)),
        ("September  15 2026.", date(2026, 9, 15)),
        ("28092026", date(2026, 9, 28)),
        ("1092026", date(2026, 9, 1)),
        ("Monday, May 7th, 2026", date(2026, 5, 7)),
        ("Mon 21st September 2026", date(2026, 9, 21)),
        ("Monday", None),
        ("31-Feb-2026", None),
        ("31022026", None),
        ("20260928", None),
        ("2809202", None),
        ("280920261", None),
        ("09/08/2026", None),
        ("Ju 15, 2026", None),
        ("Foo 15, 2026", None),
        ("17-Jun-26", None),
        ("", None),
        ("-", None),
    ],
)
def test_a_day_is_read_in_each_known_form_and_in_no_other(text: str, day: date | None) -> None:
    assert day_in(text) == day


@pytest.mark.parametrize(
    ("text", "day"),
    [
        ("April 2026, the Nikkei 225 consists of", date(2026, 4, 1)),
        ("February 2028", date(2028, 2, 1)),
        ("10 April 2026", date(2026, 4, 10)),
        ("April 10, 2026", date(2026, 4, 10)),
        ("April 0000", None),
        ("2026", None),
        ("the 2026 review", None),
    ],
)
def test_a_month_stands_for_its_first_day(text: str, day: date | None) -> None:
    assert day_or_month_in(text) == day
