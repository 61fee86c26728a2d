"""As whom PostgreSQL runs: as ourselves, or, since it refuses root, as an unprivileged user."""

from __future__ import annotations

import os
import pwd
import subprocess
from dataclasses import dataclass
from pathlib import Path
from typing import TypedDict

from ..errors import SetupError

__all__ = ["Account"]

_UNPRIVILEGED = "nobody"


class Identity(TypedDict, total=False):
    """The arguments of `subprocess.Popen` that make a child run as another user."""

    user: int
    group: int
    extra_groups: list[int]


@dataclass(frozen=True, slots=True)
class Account:
    """An operating-system user.

    Args:
        name: What the system calls it.
        uid: Its user id.
        gid: Its group id.
        switched: Whether it is somebody else than the user of this process.
    """

    name: str
    uid: int
    gid: int
    switched: bool

    @classmethod
    def for_server(cls) -> Account:
        """The user to run PostgreSQL as.

        Raises:
            SetupError: This process is root and there is nobody to run as.
        """
        if os.geteuid() != 0:
            return cls("the current user", os.geteuid(), os.getegid(), switched=False)
        try:
            entry = pwd.getpwnam(_UNPRIVILEGED)
        except KeyError:
            raise SetupError(
                f"PostgreSQL does not run as root, and there is no user {_UNPRIVILEGED!r} to run "
                "it as: run this as an ordinary user, or set ADMIN_DATABASE_URL"
            ) from None
        return cls(_UNPRIVILEGED, entry.pw_uid, entry.pw_gid, switched=True)

    @property
    def identity(self) -> Identity:
        """What makes a child run as this user."""
        if not self.switched:
            return {}
        # Without extra_groups the child would keep root's supplementary groups.
        return {"user": self.uid, "group": self.gid, "extra_groups": []}

    def can_reach(self, folder: Path) -> bool:
        """Whether this user may enter a folder; asked of the kernel, which also knows ACLs."""
        question = ["/bin/sh", "-c", 'test -x "$1"', "sh", str(folder.absolute())]
        return subprocess.run(question, cwd="/", check=False, **self.identity).returncode == 0

    def own(self, path: Path) -> None:
        """Make a file or folder this user's."""
        if self.switched:
            os.chown(path, self.uid, self.gid)
