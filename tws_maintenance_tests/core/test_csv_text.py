"""CSV files that people edit: read strictly, written so that they read back the same."""

import pytest

from tws_maintenance.core.csv_text import NotCsv, read_lines, to_bytes


@pytest.mark.parametrize(
    ("content", "says"),
    [(b"symbol\n\xff", "is not UTF-8 (at byte 7)"), (b'symbol\n"A', "is not a CSV file")],
)
def test_what_is_no_csv_says_what_it_is(content: bytes, says: str) -> None:
    with pytest.raises(NotCsv) as found:
        read_lines(content)
    assert str(found.value).startswith(says)


def test_what_is_written_reads_back_the_same_and_ends_in_line_feeds() -> None:
    lines = [["symbol", "note"], ["A", 'a "b", c'], ["B", "lone \r here"], ["C", "two\nlines"]]
    content = to_bytes(lines)
    assert read_lines(content) == lines
    assert content.startswith(b'symbol,note\nA,"a ""b"", c"\n')


def test_a_byte_order_mark_is_no_part_of_the_first_cell() -> None:
    assert read_lines(b"\xef\xbb\xbfsymbol\n") == [["symbol"]]
