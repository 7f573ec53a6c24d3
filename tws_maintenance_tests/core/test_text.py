"""How messages name a few of many."""

import pytest

from tws_maintenance.core.text import some_of


@pytest.mark.parametrize(
    ("limit", "separator", "shown"),
    [
        (3, ", ", "A, B, C"),
        (2, ", ", "A, B and 1 more"),
        (1, "; ", "A; and 2 more"),
        (9, "; ", "A; B; C"),
    ],
)
def test_the_first_are_named_and_the_rest_is_counted(
    limit: int, separator: str, shown: str
) -> None:
    assert some_of(["A", "B", "C"], limit, separator) == shown


def test_of_nothing_there_is_nothing_to_name() -> None:
    assert some_of([], 3) == ""
