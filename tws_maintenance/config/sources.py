"""Every source of every index, by the name that settings and reports give it, with its reader.

A declaration of what there is, in the order in which it is named. How many of them make a member,
and which one is an authority, is in `tws_maintenance.config.indices`.
"""

from dataclasses import dataclass

WIKIPEDIA = "wikipedia"
SPY, IVV, ES3 = "spy", "ivv", "es3"
HANG_SENG, TRACKER_2800, ISHARES_3115 = "hang_seng", "tracker2800", "ishares3115"


@dataclass(frozen=True)
class SourceSpec:
    """An address of a source: `kind` names the reader in `tws_maintenance.sources`.

    Several addresses of one `name` are asked one after the other until one gives a list. `title`
    is what the source is called, `is_fund` where it lists what a fund holds.
    """

    kind: str
    locator: str
    name: str
    title: str
    is_fund: bool = False


def _wikipedia(*titles: str) -> tuple[SourceSpec, ...]:
    """Return the page and the REST HTML of each title, where the list stands now first."""
    return tuple(
        SourceSpec(kind, title, WIKIPEDIA, "Wikipedia")
        for title in titles
        for kind in ("wikipedia_page", "wikipedia_rest")
    )


SOURCES: dict[str, tuple[SourceSpec, ...]] = {
    "sp500": (
        *_wikipedia("List_of_S&P_500_companies"),
        SourceSpec(
            "ssga_holdings",
            "us/holdings-daily-us-en-spy.xlsx",
            SPY,
            "SSGA's SPY holdings",
            is_fund=True,
        ),
        SourceSpec(
            "ishares_holdings",
            "us/products/239726/ishares-core-sp-500-etf/latest-holdings.csv",
            IVV,
            "iShares' IVV holdings",
            is_fund=True,
        ),
    ),
    "sti": (
        SourceSpec(
            "ssga_holdings",
            "apac/holdings-daily-sg-en-es3.xlsx",
            ES3,
            "SSGA's ES3 holdings",
            is_fund=True,
        ),
        *_wikipedia("Straits_Times_Index"),
    ),
    "hsi": (
        SourceSpec("hang_seng", "hsi", HANG_SENG, "Hang Seng Indexes"),
        SourceSpec(
            "tracker_holdings",
            "pws-hk-hase-hsvm2-papi-prod-proxy/v1/hsvm/csv/trahkfund/holdings?mode=daily",
            TRACKER_2800,
            "the Tracker Fund's 2800 holdings",
            is_fund=True,
        ),
        SourceSpec(
            "blackrock_holdings",
            "hk/en/products/284479/fund/1478358625333.ajax"
            "?fileType=csv&fileName=3115_holdings&dataType=fund",
            ISHARES_3115,
            "iShares' 3115 holdings",
            is_fund=True,
        ),
        *_wikipedia("Hang_Seng_Index"),
    ),
    "nasdaq100": _wikipedia("List_of_NASDAQ-100_companies", "Nasdaq-100"),
    "nikkei225": (SourceSpec("wikipedia_items", "Nikkei_225", WIKIPEDIA, "Wikipedia"),),
}

# Where the changes of an index are announced, if known. They are read beside the lists, from the
# same origins, where `[indices.X] sources` names their source.
ANNOUNCEMENTS: dict[str, tuple[SourceSpec, ...]] = {
    "sp500": tuple(
        SourceSpec(kind, "Historical_components_of_the_S&P_500", WIKIPEDIA, "Wikipedia")
        for kind in ("wikipedia_changes", "wikipedia_changes_rest")
    ),
    "hsi": (SourceSpec("hang_seng_notices", "notices.json", HANG_SENG, "Hang Seng Indexes"),),
}
