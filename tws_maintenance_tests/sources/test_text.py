"""What of a cell is read, and what is left out as decoration."""

import pytest
from lxml import html

from tws_maintenance.sources.text import cell_text, clean


def cell(markup: str) -> str:
    """Return the text read from a table cell with `markup`."""
    table = html.fragment_fromstring(f"<table><tr><td>{markup}</td></tr></table>")
    return cell_text(table.xpath(".//td")[0])


@pytest.mark.parametrize(
    ("markup", "text"),
    [
        pytest.param('<a href="#">DBS</a>\n Group', "DBS Group", id="link"),
        pytest.param("SEHK:&nbsp;5", "SEHK: 5", id="no-break space"),
        pytest.param('Alpha<sup class="reference"><a>[3]</a></sup>', "Alpha", id="footnote"),
        pytest.param("Alpha<sup>[note 2]</sup> Inc.", "Alpha Inc.", id="footnote by its brackets"),
        pytest.param('Alpha<sup class="reference">1</sup>', "Alpha", id="footnote by its class"),
        pytest.param("E<sup>2</sup> Energy", "E2 Energy", id="a real superscript"),
        pytest.param('Alpha<span> [<a href="#">zh</a>]</span>', "Alpha", id="language link"),
        pytest.param("A<style>.x{}</style>lpha<script>1</script>", "Alpha", id="style and script"),
        pytest.param("A<!-- hidden -->lpha", "Alpha", id="comment"),
        pytest.param('<span style="display:none">001</span>Alpha', "Alpha", id="sort key"),
        pytest.param('<b style="color:red; DISPLAY : None;">x</b>Alpha', "Alpha", id="hidden"),
        pytest.param("Alpha<br>Beta<div>Gamma</div>", "Alpha Beta Gamma", id="line breaks"),
        pytest.param("AT&amp;T &lt;b&gt;", "AT&T <b>", id="entities, for the audit to judge"),
    ],
)
def test_a_cell_is_read_as_a_reader_sees_it(markup: str, text: str) -> None:
    assert cell(markup) == text


@pytest.mark.parametrize(
    ("written", "text"),
    [
        ("Alpha[1]", "Alpha"),
        ("Alpha [a] [12]", "Alpha"),
        ("Alpha[citation needed]", "Alpha"),
        ("Alpha [nb 3]", "Alpha"),
        ("[zh] Alpha", "Alpha"),
        ("Alpha [Class A]", "Alpha [Class A]"),
        ("Alpha [2024]", "Alpha [2024]"),
        ("Al\u200bp\ufeffha\u00ad", "Alpha"),
        ("\u2066Alpha\u2069 \u200e", "Alpha"),
        (" Alpha \u00a0\t\n Beta\u3000", "Alpha Beta"),
        ("Nestle\u0301", "Nestl\u00e9"),
        ("\u817e\u8baf", "\u817e\u8baf"),
        ("", ""),
    ],
)
def test_only_known_decoration_is_taken_away(written: str, text: str) -> None:
    assert clean(written) == text
