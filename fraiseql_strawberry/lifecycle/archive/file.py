"""An archive is a ZIP file: rows in one member per table, the manifest as the last one.

ZIP can be written in one pass without knowing how long a member will be, and read by anyone who
was handed their data.
"""

from __future__ import annotations

import hashlib
import os
import zipfile
import zlib
from collections.abc import Generator, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import IO, Self

from ...errors import ArchiveError
from .manifest import ArchivedTable, Manifest

__all__ = ["ArchiveFile", "new_archive", "write_manifest"]

_MANIFEST = "manifest.json"
_README = "README.txt"
_LARGEST_MANIFEST = 64 << 20
_PIECE = 1 << 20
_TEXT = """\
All rows of one tenant, written by fraiseql-strawberry.

manifest.json says whose they are, and of each table: its file, its columns, how many rows there
are, and the SHA-256 of the file. A file is in PostgreSQL's COPY text format: a line per row, a tab
between columns, \\N for NULL, a backslash before special characters.

`fraiseql-strawberry tenants import FILE` restores them.
"""


@contextmanager
def new_archive(path: Path) -> Generator[zipfile.ZipFile]:
    """Write a new archive; it stands under its name once it is whole, and not before.

    Args:
        path: Where to; nobody but the owner of the file may read it.

    Raises:
        FileExistsError: There is something already.
    """
    if path.exists():
        raise FileExistsError(17, "there is a file already", str(path))
    part = path.with_name(f"{path.name}.{os.getpid()}.part")
    descriptor = os.open(part, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600)
    try:
        with os.fdopen(descriptor, "wb") as file:
            with zipfile.ZipFile(file, "w", zipfile.ZIP_DEFLATED, compresslevel=1) as archive:
                archive.writestr(_README, _TEXT)
                yield archive
            file.flush()
            os.fsync(file.fileno())
        os.link(part, path)  # unlike a rename, it fails where there is something by now
    finally:
        part.unlink()


def write_manifest(archive: zipfile.ZipFile, manifest: Manifest) -> None:
    """The last member."""
    archive.writestr(_MANIFEST, manifest.to_json())


class ArchiveFile:
    """An archive that is there; a context manager.

    Args:
        path: The file.

    Raises:
        ArchiveError: It is no archive, or a damaged one.
    """

    def __init__(self, path: Path) -> None:
        try:
            self._zip = zipfile.ZipFile(path)
        except zipfile.BadZipFile as error:
            raise ArchiveError(f"{path} is no archive of a tenant, or a part of one") from error
        try:
            self.manifest = self._read_manifest()
        except BaseException:
            self._zip.close()
            raise

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *exc_info: object) -> None:
        self._zip.close()

    @property
    def digest(self) -> str:
        """The SHA-256 of the manifest, which has those of all rows in it."""
        return hashlib.sha256(self.manifest.to_json()).hexdigest()

    def verify(self) -> None:
        """Read all of it, and compare it with the manifest.

        Raises:
            ArchiveError: It is damaged.
        """
        for table in self.manifest.tables:
            digest = hashlib.sha256()
            for piece in self.pieces(table):
                digest.update(piece)
            if digest.hexdigest() != table.content.sha256:
                raise ArchiveError(f"{table.file} is not what the manifest says")

    def pieces(self, table: ArchivedTable) -> Iterator[bytes]:
        """The bytes of a table, piece by piece.

        Raises:
            ArchiveError: They are damaged, or more than the manifest says.
        """
        left = table.content.bytes
        with self._member(table.file) as member:
            while piece := member.read(_PIECE):
                left -= len(piece)
                if left < 0:
                    raise ArchiveError(f"{table.file} is longer than the manifest says")
                yield piece

    @contextmanager
    def _member(self, name: str) -> Generator[IO[bytes]]:
        try:
            with self._zip.open(name) as member:
                yield member
        except KeyError as error:
            raise ArchiveError(f"the archive has no {name}") from error
        except (zipfile.BadZipFile, zlib.error, EOFError, ValueError) as error:
            raise ArchiveError(f"{name} is damaged") from error

    def _read_manifest(self) -> Manifest:
        names = self._zip.namelist()
        if len(names) != len(set(names)):
            raise ArchiveError("the archive has two files of one name")
        with self._member(_MANIFEST) as member:
            text = member.read(_LARGEST_MANIFEST + 1)
        if len(text) > _LARGEST_MANIFEST:
            raise ArchiveError("the archive's manifest.json is too long")
        return Manifest.from_json(text)
