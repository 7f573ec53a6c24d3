"""The watchlist as operators leave it: by hand, from a spreadsheet, by two commands at once."""

import os
import stat
import subprocess
import sys
from datetime import UTC, datetime
from pathlib import Path

import pytest

from tws_maintenance.config.home import Home
from tws_maintenance.config.indices import INDICES
from tws_maintenance.core.errors import UsageError
from tws_maintenance.demo.pages import Company
from tws_maintenance.market_events.watchlist import (
    NO_SYMBOL,
    Watched,
    WatchlistError,
    add,
    read_watchlist,
    remove,
    why_unreadable,
)
from tws_maintenance_tests.defaults import MAINTAINED, VENUES
from tws_maintenance_tests.support import write_live

AT = datetime(2026, 11, 22, 18, 30, tzinfo=UTC)
ADDED = "2026-11-22T18:30:00.000Z"

ADDER = """
import sys
from pathlib import Path
from tws_maintenance.core.clock import utc_now
from tws_maintenance.config.home import Home
from tws_maintenance.market_events.watchlist import add
from tws_maintenance_tests.defaults import MAINTAINED

home = Home(Path(sys.argv[1]))
print("ready", flush=True)
sys.stdin.readline()
for number in range(20):
    add(home, MAINTAINED, [f"{sys.argv[2]}{number}"], utc_now())
"""


def write(home: Home, content: bytes | str) -> Path:
    home.data.mkdir(exist_ok=True)
    home.watchlist.write_bytes(content.encode() if isinstance(content, str) else content)
    return home.watchlist


def test_no_file_is_an_empty_watchlist_and_makes_none(home: Home) -> None:
    assert read_watchlist(home, MAINTAINED).symbols == ()
    assert list(home.root.iterdir()) == []


def test_symbols_are_added_once_in_the_form_that_yahoo_uses(home: Home) -> None:
    assert add(home, MAINTAINED, ["brk.b", "aapl", " 5.hk ", "AAPL"], AT) == [
        "0005.HK",
        "AAPL",
        "BRK-B",
    ]
    assert add(home, MAINTAINED, ["AAPL", "D05.SI"], AT) == ["D05.SI"]

    assert read_watchlist(home, MAINTAINED).symbols == ("0005.HK", "AAPL", "BRK-B", "D05.SI")
    assert home.watchlist.read_text() == (
        f"symbol,added_at\n0005.HK,{ADDED}\nAAPL,{ADDED}\nBRK-B,{ADDED}\nD05.SI,{ADDED}\n"
    )


def test_adding_what_is_there_leaves_the_file_alone(home: Home) -> None:
    path = write(home, "symbol\r\naapl\r\n")
    before = path.stat().st_ino
    assert add(home, MAINTAINED, ["AAPL"], AT) == []
    assert path.read_bytes() == b"symbol\r\naapl\r\n"
    assert path.stat().st_ino == before


@pytest.mark.parametrize(
    "content",
    [
        "symbol\nAAPL\nD05.SI\n",
        "symbol,added_at\nAAPL,\nD05.SI,2026-01-02\n",
        "symbol,added_at\nAAPL\nD05.SI\n",
        "\ufeffsymbol,added_at\r\naapl,2026-01-02\r\n\r\n,\r\n d05.si ,\r\n",
        "\n\nadded_at,Symbol,note\n2026-01-02,AAPL,core\n,D05.SI\n",
        "SYMBOL\nAAPL\naapl\nd05.si",
        "symbol,added_at\nAAPL,,,\nD05.SI,,,\n",
        "symbol\rAAPL\rD05.SI\r",
    ],
    ids=["symbols", "dates", "short", "excel", "moved", "twice", "commas", "old-mac"],
)
def test_a_file_written_by_hand_is_read(home: Home, content: str) -> None:
    write(home, content)
    assert read_watchlist(home, MAINTAINED).symbols == ("AAPL", "D05.SI")
    assert read_watchlist(home, MAINTAINED).unreadable == ()


def test_the_time_of_adding_is_told_where_the_file_knows_it(home: Home) -> None:
    write(home, "symbol,added_at\nMSFT,2026-01-02\nAAPL\nMSFT,2026-05-05\n")
    assert read_watchlist(home, MAINTAINED).entries == (
        Watched("AAPL", ""),
        Watched("MSFT", "2026-01-02"),
    )


def test_what_is_of_no_known_market_is_told_apart_and_kept(home: Home) -> None:
    option = "AAPL  270115C00250000"
    path = write(home, f"symbol,note\n{option},hedge\nAAPL,core\n,no name yet\n")
    found = read_watchlist(home, MAINTAINED)
    assert found.symbols == ("AAPL",)
    assert found.unreadable == (option, NO_SYMBOL)

    add(home, MAINTAINED, ["MSFT"], AT)
    assert path.read_text() == (
        f"symbol,note,added_at\n{option},hedge,\nAAPL,core,\n,no name yet,\nMSFT,,{ADDED}\n"
    )
    assert remove(home, MAINTAINED, [option.lower()]) == [option]
    assert read_watchlist(home, MAINTAINED).symbols == ("AAPL", "MSFT")


def test_an_operators_columns_survive_in_their_place_with_odd_texts(home: Home) -> None:
    path = write(home, 'note,symbol,"wer, wann"\r\n"a ""b""\nc",aapl,Zoë\r\n,msft,\r\n')
    add(home, MAINTAINED, ["NVDA"], AT)
    expected = (
        f'note,symbol,"wer, wann",added_at\n"a ""b""\nc",aapl,Zoë,\n,msft,,\n,NVDA,,{ADDED}\n'
    )
    assert path.read_text(encoding="utf-8") == expected

    assert remove(home, MAINTAINED, ["MSFT"]) == ["MSFT"]
    assert path.read_text(encoding="utf-8") == expected.replace(",msft,,\n", "")


def test_the_file_keeps_its_mode_and_its_link(home: Home, tmp_path: Path) -> None:
    target = tmp_path / "elsewhere.csv"
    target.write_text("symbol\nAAPL\n")
    target.chmod(0o640)
    home.data.mkdir()
    home.watchlist.symlink_to(target)
    add(home, MAINTAINED, ["MSFT"], AT)
    assert home.watchlist.is_symlink()
    assert stat.S_IMODE(target.stat().st_mode) == 0o640
    assert read_watchlist(home, MAINTAINED).symbols == ("AAPL", "MSFT")


def test_removing_takes_every_spelling_of_a_symbol(home: Home) -> None:
    write(home, "symbol\nbrk.b\nAAPL\nBRK-B\n")
    assert remove(home, MAINTAINED, ["Brk.B"]) == ["BRK-B"]
    assert read_watchlist(home, MAINTAINED).symbols == ("AAPL",)
    assert remove(home, MAINTAINED, ["AAPL"]) == ["AAPL"]
    assert read_watchlist(home, MAINTAINED).symbols == ()


def test_removing_what_is_not_there_removes_nothing(home: Home) -> None:
    path = write(home, "symbol\nAAPL\n")
    with pytest.raises(UsageError) as caught:
        remove(home, MAINTAINED, ["AAPL", "MSFT"])
    assert str(caught.value) == (
        "MSFT is not on the watchlist (data/watchlist.csv); nothing was removed. List it with: "
        "python -m tws_maintenance watchlist list."
    )
    assert path.read_text() == "symbol\nAAPL\n"


@pytest.mark.parametrize(
    "text", ["AAPL 270115C00250000", "=1+1", "", "D05.XX", "AAPL,MSFT", "A\nB"]
)
def test_a_symbol_of_no_known_market_is_refused_and_none_is_added(home: Home, text: str) -> None:
    with pytest.raises(UsageError, match="not a symbol of a known market"):
        add(home, MAINTAINED, ["MSFT", text], AT)
    assert not home.watchlist.exists()


@pytest.mark.parametrize(
    ("text", "told"),
    [
        ("VOD.L", "'VOD.L' is a symbol of a market that is not supported (.L is London)"),
        ("sap.f", "'sap.f' is a symbol of a market that is not supported (.F is Frankfurt)"),
        ("SAP.DE", "a market that is not supported (.DE is Xetra, Germany)"),
        ("SHOP.TO", "a market that is not supported (.TO is Toronto)"),
        ("005930.KS", "a market that is not supported (.KS is Korea)"),
        ("7203.T", "Tokyo is optional: set [indices.nikkei225] enabled."),
        ("MKC.V", "For the class V share in New York, write MKC-V."),
        ("mkc.v", "MKC.V at Toronto's venture exchange, leave it out"),
        ("ABC.Z", "A class of a share is written with a dash: ABC-Z."),
    ],
)
def test_a_symbol_of_another_market_is_named_and_never_a_class_of_a_share(
    home: Home, text: str, told: str
) -> None:
    with pytest.raises(UsageError) as refused:
        add(home, MAINTAINED, [text], AT)
    assert told in str(refused.value)
    assert not home.watchlist.exists()

    write(home, f"symbol\n{text}\nAAPL\n")
    found = read_watchlist(home, MAINTAINED)
    assert (found.symbols, found.unreadable) == (("AAPL",), (text,))
    assert told in why_unreadable(text, VENUES)


def test_the_classes_of_shares_and_our_own_markets_stay(home: Home) -> None:
    typed = ["brk.a", "BRK.B", "LEN.B", "ABC.C", "LSX.K", "MKC-V", "D05.SI", "5.HK"]
    assert add(home, MAINTAINED, typed, AT) == [
        *("0005.HK", "ABC-C", "BRK-A", "BRK-B", "D05.SI", "LEN-B", "LSX-K", "MKC-V")
    ]


@pytest.mark.parametrize(
    ("text", "meant"),
    [
        ("D05", "D05.SI"),
        ("d05", "D05.SI"),
        ("5", "0005.HK"),
        ("0005", "0005.HK"),
        ("00005", "0005.HK"),
    ],
)
def test_a_local_code_is_asked_back(home: Home, text: str, meant: str) -> None:
    write_live(home, INDICES["sti"], [Company("D05", "DBS")])
    write_live(home, INDICES["hsi"], [Company("5", "HSBC", "Finance")])
    with pytest.raises(UsageError, match=f"did you mean {meant}\\?"):
        add(home, MAINTAINED, [text], AT)
    assert add(home, MAINTAINED, [meant], AT) == [meant]


def test_a_display_symbol_is_asked_back_too(home: Home) -> None:
    home.data.mkdir()
    home.live_file("sti").write_text("symbol,display_symbol,security\nJM.SI,JARD,Jardine\n")
    with pytest.raises(UsageError, match=r"did you mean JM\.SI\?"):
        add(home, MAINTAINED, ["jard"], AT)


def test_a_code_that_is_also_an_american_member_means_that_one(home: Home) -> None:
    write_live(home, INDICES["sti"], [Company("AJBU", "Keppel DC")])
    with pytest.raises(UsageError, match=r"did you mean AJBU\.SI\?"):
        add(home, MAINTAINED, ["AJBU"], AT)
    write_live(home, INDICES["sp500"], [Company("AJBU", "Ajbu Inc", "Energy", "Oil")])
    assert add(home, MAINTAINED, ["AJBU"], AT) == ["AJBU"]


def test_a_damaged_list_does_not_stop_a_watchlist(home: Home) -> None:
    write(home, "symbol\nAAPL\n")
    home.live_file("sti").write_bytes(b"\xff\xfe\x00")
    assert add(home, MAINTAINED, ["MSFT"], AT) == ["MSFT"]


@pytest.mark.parametrize(
    ("content", "found"),
    [
        (b"", "is empty"),
        (b"\n\n", "is empty"),
        (b"AAPL\nMSFT\n", "has no header with one column symbol (found: AAPL)"),
        (b"symbol;added_at\nAAPL;\n", "has no header with one column symbol"),
        (b"symbol,symbol\nAAPL,MSFT\n", "has no header with one column symbol"),
        (b"symbol,note\nAAPL,a, b\n", "has 3 cells in line 2, expected 2"),
        (b'symbol\n"AAPL\n', "is not a CSV file"),
        ("symbol\nAAPL\n".encode("utf-16"), "is not UTF-8 (at byte 0)"),
        (b"symbol,note\nAAPL,Zo\xeb\n", "is not UTF-8 (at byte 19)"),
        (b"<html><body>symbol</body></html>", "has no header with one column symbol"),
    ],
)
def test_a_damaged_file_is_an_error_and_never_an_empty_watchlist(
    home: Home, content: bytes, found: str
) -> None:
    path = write(home, content)
    for act in (
        lambda: read_watchlist(home, MAINTAINED),
        lambda: add(home, MAINTAINED, ["MSFT"], AT),
        lambda: remove(home, MAINTAINED, ["AAPL"]),
    ):
        with pytest.raises(WatchlistError) as caught:
            act()
        assert str(caught.value).startswith(f"data/watchlist.csv {found}")
        assert "python -m tws_maintenance watchlist add SYMBOL" in str(caught.value)
    assert path.read_bytes() == content


def test_a_folder_in_its_place_is_an_error(home: Home) -> None:
    home.watchlist.mkdir(parents=True)
    with pytest.raises(WatchlistError, match=r"cannot be read \(Is a directory\)"):
        read_watchlist(home, MAINTAINED)


@pytest.mark.process
def test_processes_that_add_at_once_lose_nothing(home: Home) -> None:
    write(home, "symbol,note\nAAPL,mine\n")
    command = [sys.executable, "-c", ADDER, str(home.root)]
    adders = [
        subprocess.Popen(
            [*command, letter],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            env=dict(os.environ),
            text=True,
        )
        for letter in "XYZ"
    ]
    for adder in adders:
        assert adder.stdout is not None
        assert adder.stdout.readline() == "ready\n"
    for adder in adders:
        assert adder.stdin is not None
        adder.stdin.write("go\n")
        adder.stdin.flush()
    for adder in adders:
        adder.communicate(timeout=60)
        assert adder.returncode == 0

    expected = {"AAPL", *(f"{letter}{number}" for letter in "XYZ" for number in range(20))}
    assert set(read_watchlist(home, MAINTAINED).symbols) == expected
    assert home.watchlist.read_text().startswith("symbol,note,added_at\nAAPL,mine,\n")
    assert [path.name for path in home.data.iterdir()] == ["watchlist.csv"]
