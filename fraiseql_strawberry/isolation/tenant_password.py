"""The password of a registered URL: in it, in the environment, or in a file.

Whoever may write to the registry chooses the host that a password is sent to, and PostgreSQL's
protocol lets a server ask for it in plain text. So a reference reaches only what
`[multitenancy.routing]` names with `password_variables` and `password_files`; else a row could
send any secret of the service to any server.
"""

from __future__ import annotations

import os
import re
from collections.abc import Mapping
from dataclasses import dataclass, field
from fnmatch import fnmatchcase
from pathlib import Path, PurePosixPath

from ..config.secret import Secret
from ..errors import PlacementRefused

__all__ = ["PasswordRules", "TenantPassword"]

_VARIABLE = re.compile(r"\$\{([A-Za-z_][A-Za-z0-9_]{0,127})\}", re.ASCII)
_FILE = re.compile(r"\$\{file:(/[^\x00-\x1f{}]{1,1023})\}")
_LARGEST = 4096


@dataclass(frozen=True, slots=True)
class PasswordRules:
    """What references may reach.

    Args:
        variables: Patterns of the names of environment variables, such as `*PASSWORD*`.
        files: Patterns of absolute paths, such as `/run/secrets/*`.
        env: The environment; that of the process by default.
    """

    variables: tuple[str, ...] = ("*PASSWORD*",)
    files: tuple[str, ...] = ("/run/secrets/*",)
    env: Mapping[str, str] = field(default_factory=lambda: os.environ, repr=False)


@dataclass(frozen=True, slots=True)
class TenantPassword:
    """Where a password is; it is read anew for each connection, so that it can be rotated.

    Args:
        given: The password itself, unless it stands elsewhere.
        variable: The environment variable that holds it.
        file: The file that holds it; one line break at its end is not part of it.
        env: The environment.
    """

    given: Secret | None = None
    variable: str | None = None
    file: str | None = None
    env: Mapping[str, str] = field(default_factory=dict[str, str], repr=False, compare=False)

    @classmethod
    def refer(cls, text: str, rules: PasswordRules) -> TenantPassword | None:
        """What a reference names, or None when `text` is none.

        Args:
            text: `${NAME}` or `${file:/path}`; anything else is a password.
            rules: What may be referred to.

        Raises:
            PlacementRefused: The rules do not admit it; the hint says which key would.
        """
        if found := _VARIABLE.fullmatch(text):
            name = found[1]
            if not any(fnmatchcase(name, pattern) for pattern in rules.variables):
                raise PlacementRefused(
                    hint="its password is in an environment variable that no pattern of "
                    "[multitenancy.routing] password_variables admits"
                )
            return cls(variable=name, env=rules.env)
        if found := _FILE.fullmatch(text):
            path = found[1]
            if ".." in PurePosixPath(path).parts or not any(
                fnmatchcase(path, pattern) for pattern in rules.files
            ):
                raise PlacementRefused(
                    hint="its password is in a file that no pattern of [multitenancy.routing] "
                    "password_files admits"
                )
            return cls(file=path)
        return None

    def read(self) -> Secret:
        """The password; reading its file blocks for as long as the file system does.

        Raises:
            PlacementRefused: The variable is not set, or the file cannot be read.
        """
        if self.given is not None:
            return self.given
        if self.variable is not None:
            value = self.env.get(self.variable)
            if not value:
                raise PlacementRefused(
                    hint=f"its password is in the environment variable {self.variable}, which is "
                    "not set"
                )
            return Secret(value)
        return _read_file(Path(self.file or ""))


def _read_file(path: Path) -> Secret:
    try:
        with path.open("rb") as stream:
            data = stream.read(_LARGEST + 1)
        text = data.decode().removesuffix("\n").removesuffix("\r")
    except (OSError, ValueError) as error:
        reason = getattr(error, "strerror", None) or "it is no text"
        raise PlacementRefused(
            hint=f"its password is in {path}, which cannot be read: {reason}"
        ) from None  # a decoding error quotes what it could not decode
    if not text or len(data) > _LARGEST:
        size = "empty" if not text else f"longer than {_LARGEST} bytes"
        raise PlacementRefused(hint=f"its password is in {path}, which is {size}")
    return Secret(text)
