"""The reference: a plain script for the same job, as somebody would write it in an afternoon.

Fetches the three pages, reads their tables with pandas, compares with the live files and writes
the new lists beside them. No audit, no receipt, no history, no report.
"""

import io
import os
import sys
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from urllib.parse import quote

import pandas as pd
import requests

PAGES = {
    "sp500": ("List_of_S&P_500_companies", "Symbol"),
    "sti": ("Straits_Times_Index", "Stock symbol"),
    "hsi": ("Hang_Seng_Index", "Ticker"),
}


def refresh(key: str, origin: str, home: Path) -> str:
    """Stage one list and return what would change."""
    title, column = PAGES[key]
    answer = requests.get(f"{origin}/wiki/{quote(title)}", timeout=30)
    answer.raise_for_status()
    tables = pd.read_html(io.StringIO(answer.text), match=column)
    table = max((t for t in tables if column in t.columns), key=len)
    symbols = set(table[column].astype(str))
    live = home / "data" / f"{key}_constituents.csv"
    before = set(pd.read_csv(live, dtype=str)["symbol"]) if live.exists() else set()
    table.to_csv(home / f"{key}_staged.csv", index=False)
    return f"{key}: {len(symbols)} rows, {len(symbols ^ before)} differ"


def main() -> None:
    """Stage the three lists at the same time."""
    origin, home = os.environ["REFERENCE_ORIGIN"], Path(sys.argv[1])
    with ThreadPoolExecutor(3) as pool:
        for line in pool.map(lambda key: refresh(key, origin, home), PAGES):
            print(line)


if __name__ == "__main__":
    main()
