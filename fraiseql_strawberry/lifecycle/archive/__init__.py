"""A tenant in one file, and back: under any strategy.

| module | is about |
|---|---|
| `file` | the file itself: a ZIP with a member for each table |
| `manifest` | what it says of itself |
| `export` | from a tenant to a file |
| `load` | from a file into a tenant's tables |
| `quiet` | tables that take rows as they are |
"""

from .export import Progress, export_tenant, survey
from .file import ArchiveFile
from .load import load_archive
from .manifest import ArchivedTable, Manifest

__all__ = [
    "ArchiveFile",
    "ArchivedTable",
    "Manifest",
    "Progress",
    "export_tenant",
    "load_archive",
    "survey",
]
