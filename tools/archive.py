"""Packs a folder into a zip file that is the same, byte for byte, wherever and whenever the same files are packed.

A zip file has its entries' order, times, modes and system. Here these are: sorted names, the first time that a zip file
can have, readable by all, and Unix. Another zlib may compress otherwise, so the same Python is needed.
"""

from pathlib import Path
from zipfile import ZIP_DEFLATED, ZipFile, ZipInfo

_BEGINNING = (1980, 1, 1, 0, 0, 0)
_READABLE = 0o100644  # Lambda's functions run as a user that isn't the owner
_UNIX = 3
_LEVEL = 9


def pack(folder: Path, file: Path) -> None:
    """Write the folder's files into the zip file."""
    with ZipFile(file, "w", ZIP_DEFLATED, compresslevel=_LEVEL) as archive:
        for name, path in sorted((path.relative_to(folder).as_posix(), path) for path in folder.rglob("*")):
            if path.is_file():
                entry = ZipInfo(name, _BEGINNING)
                entry.create_system = _UNIX
                entry.external_attr = _READABLE << 16
                entry.compress_type = ZIP_DEFLATED
                archive.writestr(entry, path.read_bytes(), compresslevel=_LEVEL)
