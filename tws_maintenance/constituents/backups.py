"""Backups: the bytes that a promotion replaces, one folder a run, each with its SHA256SUMS.

The layout is what `sha256sum --check SHA256SUMS` reads.
"""

from pathlib import Path

from tws_maintenance.home import Home
from tws_maintenance.indices import Index
from tws_maintenance.storage.atomic import write_whole
from tws_maintenance.storage.digest import sha256

SUMS = "SHA256SUMS"
REPORT_PREFIX = "maintenance_"


def back_up(home: Home, index: Index, content: bytes, report_id: str) -> Path:
    """Keep `content`, the live bytes of `index`, in the backup folder of this run.

    Raises:
        OSError: the backup is not safely on disk, so the live file must not be replaced.
    """
    folder = home.backups / report_id.removeprefix(REPORT_PREFIX)
    folder.mkdir(parents=True, exist_ok=True)
    path = folder / home.live_file(index.key).name
    write_whole(path, content)
    sums = _read_sums(folder) | {path.name: sha256(content)}
    lines = "".join(f"{digest}  {name}\n" for name, digest in sorted(sums.items()))
    write_whole(folder / SUMS, lines.encode())
    return path


def newest_backup(home: Home, index: Index) -> Path | None:
    """Return the newest backup file of `index`, None where there is none."""
    name = home.live_file(index.key).name
    return max(home.backups.glob(f"*/{name}"), key=lambda path: path.parent.name, default=None)


def _read_sums(folder: Path) -> dict[str, str]:
    try:
        lines = (folder / SUMS).read_text(encoding="utf-8").splitlines()
    except FileNotFoundError:
        return {}
    return {name: digest for digest, _, name in (line.partition("  ") for line in lines)}
