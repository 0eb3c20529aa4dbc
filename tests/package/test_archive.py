"""The zip file of a package is the same wherever and whenever it is packed."""

import os
from pathlib import Path
from zipfile import ZipFile

from tools.archive import pack

FILES = {"b.py": "two\n", "a/c.py": "three\n", "a/__pycache__/c.pyc": "", "LICENSE": "one\n" * 1000}
LONG_AGO = 1_000_000_000


def packed(folder: Path, names: list[str], *, at: float, mode: int) -> bytes:
    """The zip file of a folder whose files were made in this order, at this time and with this mode."""
    for name in names:
        file = folder / "package" / name
        file.parent.mkdir(parents=True, exist_ok=True)
        file.write_text(FILES[name], "utf-8")
        file.chmod(mode)
        os.utime(file, (at, at))
    pack(folder / "package", folder / "artifact.zip")
    return (folder / "artifact.zip").read_bytes()


def test_the_same_files_give_the_same_bytes_in_any_folder_order_time_and_mode(tmp_path: Path) -> None:
    one = packed(tmp_path / "one", list(FILES), at=LONG_AGO, mode=0o600)
    other = packed(tmp_path / "deeper" / "other", list(reversed(FILES)), at=2 * LONG_AGO, mode=0o755)
    assert one == other


def test_another_content_or_another_name_gives_other_bytes(tmp_path: Path) -> None:
    one = packed(tmp_path / "one", list(FILES), at=LONG_AGO, mode=0o600)
    (tmp_path / "one/package/b.py").write_text("tow\n", "utf-8")
    assert packed(tmp_path / "one", ["LICENSE"], at=LONG_AGO, mode=0o600) != one
    (tmp_path / "one/package/b.py").rename(tmp_path / "one/package/d.py")
    assert packed(tmp_path / "one", ["b.py"], at=LONG_AGO, mode=0o600) != one


def test_everything_is_in_it_sorted_and_readable_by_all(tmp_path: Path) -> None:
    packed(tmp_path, list(FILES), at=LONG_AGO, mode=0o600)
    with ZipFile(tmp_path / "artifact.zip") as archive:
        assert archive.namelist() == sorted(FILES)
        assert {name: archive.read(name).decode() for name in FILES} == FILES
        assert {entry.external_attr >> 16 for entry in archive.infolist()} == {0o100644}
        assert {entry.date_time for entry in archive.infolist()} == {(1980, 1, 1, 0, 0, 0)}
