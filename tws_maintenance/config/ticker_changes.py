"""Changes of ticker of companies that stayed in their index, which no announced change names.

What belongs here: the first trading day under the new ticker, in published form, of a share that
was a member on that day. What does not: mergers and spin-offs that the announced changes list
themselves. An operator adds others as `renamed` below `[indices.<index>]`.

The days come from general knowledge, not from a record that was read. Which changes happened from
October 2021 to May 2026 agrees with lists that were published then. A wrong day moves a ticker by
some days, never a membership.
"""

import re
from dataclasses import dataclass
from datetime import date

_FORM = re.compile(r"(\d{4}-\d{2}-\d{2})\s+(\S+)\s+(\S+)")


@dataclass(frozen=True)
class TickerChange:
    """From the opening of `day` on, the share `former` traded as `symbol`."""

    day: date
    former: str
    symbol: str


def ticker_change(text: str) -> TickerChange:
    """Read a change as settings write it, such as `2022-06-09 FB META`.

    Raises:
        ValueError: it has another form; says which one is expected.
    """
    found = _FORM.fullmatch(text.strip())
    try:
        day = date.fromisoformat(found[1]) if found else None
    except ValueError:
        day = None
    if found is None or day is None or found[2] == found[3]:
        raise ValueError(
            f"{text!r} is not a change of ticker; write the day, the old and the new ticker, such "
            "as '2022-06-09 FB META'"
        )
    return TickerChange(day, found[2], found[3])


_SP500 = """
2026-01-14 MMC MRSH
2025-11-11 FI FISV
2025-08-07 PARA PSKY
2024-07-08 WRK SW
2024-03-25 FLT CPAY
2024-03-04 PEAK DOC
2024-02-01 CDAY DAY
2023-08-30 ABC COR
2023-07-10 RE EG
2023-06-07 FISV FI
2023-05-16 PKI RVTY
2022-11-08 NLOK GEN
2022-06-28 ANTM ELV
2022-06-09 FB META
2022-05-10 BLL BALL
2022-02-17 VIAC PARA
2022-01-10 WLTW WTW
2021-10-04 COG CTRA
2021-08-03 LB BBWI
2020-11-17 MYL VTRS
2020-09-18 CTL LUMN
2020-04-03 UTX RTX
2020-03-02 IR TT
2019-12-10 JEC J
2019-12-09 BBT TFC
2019-12-05 CBS VIAC
2019-11-05 HCP PEAK
2019-11-05 SYMC NLOK
2019-10-18 BHGE BKR
2019-08-09 TMK GL
2019-07-01 HRS LHX
2019-01-02 KORS CPRI
2018-10-31 PX LIN
2018-05-24 LUK JEF
2018-03-20 CBG CBRE
2018-02-28 HCN WELL
2018-02-27 PCLN BKNG
2017-12-05 DLPH APTV
2017-11-15 Q IQV
2017-10-31 COH TPR
2017-08-01 TSO ANDV
2016-04-28 MHFI SPGI
2016-04-08 UA UAA
2015-06-29 ZMH ZBH
2015-06-15 ACT AGN
2015-02-19 NU ES
2014-12-31 WAG WBA
2014-12-03 WLP ANTM
2013-07-01 NWSA FOXA
2013-05-14 MHP MHFI
2013-01-24 WPI ACT
2011-12-20 ERTS EA
2011-12-06 JOYG JOY
2011-01-04 MOT MSI
"""
# UA above: class A traded as UA until 2016-12-07, but the announced changes call class C by the
# ticker UA from the day on which it joined, 2016-04-08. One ticker names one share at a time.

TICKER_CHANGES: dict[str, tuple[TickerChange, ...]] = {
    "sp500": tuple(map(ticker_change, _SP500.split("\n")[1:-1])),
}
