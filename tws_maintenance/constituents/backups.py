"""Backups: the bytes that a promotion replaces, one folder a run, each with its SHA256SUMS.

The layout is what `sha256sum --check SHA256SUMS` reads. A backup's id is its folder's name, the
time stamp of the report that made it.
"""

import contextlib
from collections.abc import Iterable
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from pathlib import Path

from tws_maintenance.config.home import Home
from tws_maintenance.config.indices import DECLARED, Index
from tws_maintenance.config.settings import RetentionSettings
from tws_maintenance.core.atomic import sync_folder, write_whole
from tws_maintenance.core.digest import sha256
from tws_maintenance.core.errors import BackupDamaged, BackupMissing

SUMS = "SHA256SUMS"
REPORT_PREFIX = "maintenance_"


@dataclass(frozen=True)
class Backup:
    """One backed-up file; `damage` says what is wrong with it, "" for nothing."""

    backup_id: str
    index: Index
    path: Path
    bytes: int
    rows: int
    damage: str

    def to_dict(self, home: Home) -> dict[str, str | int]:
        """Return it in plain values, its path relative to the home."""
        return {
            "backup_id": self.backup_id,
            "task": self.index.task,
            "path": home.relative(self.path),
            "bytes": self.bytes,
            "rows": self.rows,
            "damage": self.damage,
        }


def back_up(home: Home, index: Index, content: bytes, report_id: str) -> Path:
    """Keep `content`, the live bytes of `index`, in the backup folder of this run.

    Raises:
        OSError: the backup is not safely on disk, so the live file must not be replaced.
    """
    folder = home.backups / report_id.removeprefix(REPORT_PREFIX)
    folder.mkdir(parents=True, exist_ok=True)
    sync_folder(folder.parent)  # or a power cut loses the backup and keeps the new list
    path = folder / home.live_file(index.key).name
    write_whole(path, content)
    _write_sums(folder, _read_sums(folder) | {path.name: sha256(content)})
    return path


def list_backups(home: Home, index: Index | None = None) -> list[Backup]:
    """Return the backups of `index`, or of all, newest first, each compared with its checksum.

    One that SHA256SUMS lists but that is gone is included, as damaged.
    """
    wanted = [index] if index else list(DECLARED.values())
    found = [
        _inspect(folder / _name(home, one), one)
        for folder in home.backups.glob("*/")
        for one in wanted
        if (folder / _name(home, one)).exists() or _name(home, one) in _named(folder)
    ]
    return sorted(found, key=lambda backup: _age_key(backup.backup_id), reverse=True)


def newest_backup(home: Home, index: Index) -> Path | None:
    """Return the newest backup file of `index`, None where there is none."""
    paths = home.backups.glob(f"*/{_name(home, index)}")
    return max(paths, key=lambda path: _age_key(path.parent.name), default=None)


def newest_backups(home: Home) -> dict[str, Path]:
    """Return the newest backup of every file that has one, by the file's name, in one walk."""
    paths = sorted(home.backups.glob("*/*"), key=lambda path: _age_key(path.parent.name))
    return {path.name: path for path in paths}


def read_backup(home: Home, index: Index, backup_id: str | None) -> tuple[str, bytes]:
    """Return the id and bytes of the named backup, else of the newest that differs from now.

    Raises:
        BackupMissing: there is no backup with that id.
        BackupDamaged: it is not what its SHA256SUMS says.
    """
    path = _newest_other(home, index)
    if backup_id is not None:
        known = {backup.backup_id: backup.path for backup in list_backups(home, index)}
        path = known.get(backup_id)
    if path is None:
        which = f"backup {backup_id}" if backup_id else "backup"
        raise BackupMissing(
            f"There is no {which} of {index.name} in {home.relative(home.backups)}. "
            "`backups list` shows what there is."
        )
    damage = _inspect(path, index).damage
    if damage:
        raise BackupDamaged(
            f"The backup {home.relative(path)} is damaged: {damage}. Nothing was restored. Name "
            "another one with --backup; `backups list` shows them."
        )
    return path.parent.name, path.read_bytes()


def _newest_other(home: Home, index: Index) -> Path | None:
    """Return the newest backup that differs from the live file; that of a failed run does not."""
    path = home.live_file(index.key)
    live = path.read_bytes() if path.exists() else None
    backups = list_backups(home, index)
    others = [one.path for one in backups if one.damage or one.path.read_bytes() != live]
    return others[0] if others else newest_backup(home, index)


def prunable(home: Home, retention: RetentionSettings, at: datetime) -> list[Backup]:
    """Return the backups that retention lets go, oldest last.

    Of each index the newest `backups_keep` stay, and all that are younger than
    `backups_max_age_days`; the newest stays whatever the settings say.
    """
    limit = at - timedelta(days=retention.backups_max_age_days)
    surplus: list[Backup] = []
    for index in DECLARED.values():
        kept = max(retention.backups_keep, 1)
        surplus += [one for one in list_backups(home, index)[kept:] if _made_at(one) < limit]
    return sorted(surplus, key=lambda backup: _age_key(backup.backup_id), reverse=True)


def prune(backups: Iterable[Backup]) -> None:
    """Remove `backups` and their sums; a folder that holds nothing else goes too."""
    for backup in backups:
        folder = backup.path.parent
        sums = _read_sums(folder)
        sums.pop(backup.path.name, None)
        # The sums first: killed in between, they name no file that is not there.
        if sums:
            _write_sums(folder, sums)
        else:
            (folder / SUMS).unlink(missing_ok=True)
        backup.path.unlink(missing_ok=True)
        if not sums:
            with contextlib.suppress(OSError):  # it holds files of somebody else
                folder.rmdir()


def _inspect(path: Path, index: Index) -> Backup:
    try:
        content = path.read_bytes()
        expected = _read_sums(path.parent).get(path.name)
    except (OSError, UnicodeDecodeError) as error:
        return Backup(path.parent.name, index, path, 0, 0, f"it cannot be read ({error})")
    damage = ""
    if expected is None:
        damage = f"{SUMS} does not list it"
    elif expected != sha256(content):
        damage = f"{SUMS} has sha256 {expected[:12]}, the file has {sha256(content)[:12]}"
    return Backup(
        path.parent.name, index, path, len(content), max(content.count(b"\n") - 1, 0), damage
    )


def _name(home: Home, index: Index) -> str:
    return home.live_file(index.key).name


def _made_at(backup: Backup) -> datetime:
    """Return when a backup was made, by its id; a folder of another name is never old."""
    try:
        stamp = "_".join(backup.backup_id.split("_")[:2])
        return datetime.strptime(stamp, "%Y%m%d_%H%M%S").replace(tzinfo=UTC)
    except ValueError:
        return datetime.max.replace(tzinfo=UTC)


def _age_key(backup_id: str) -> tuple[str, int]:
    """Sort 20261122_183000_10 after 20261122_183000_2."""
    stamp, number = backup_id[:15], backup_id[16:]
    return stamp, int(number) if number.isdecimal() else 1


def _named(folder: Path) -> dict[str, str]:
    try:
        return _read_sums(folder)
    except (OSError, UnicodeDecodeError):
        return {}


def _read_sums(folder: Path) -> dict[str, str]:
    try:
        lines = (folder / SUMS).read_text(encoding="utf-8").splitlines()
    except FileNotFoundError:
        return {}
    return {name: digest for digest, _, name in (line.partition("  ") for line in lines)}


def _write_sums(folder: Path, sums: dict[str, str]) -> None:
    lines = "".join(f"{digest}  {name}\n" for name, digest in sorted(sums.items()))
    write_whole(folder / SUMS, lines.encode())
