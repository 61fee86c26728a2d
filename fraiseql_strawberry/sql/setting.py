"""Settings of PostgreSQL as expressions that set them."""

from __future__ import annotations

from collections.abc import Mapping

from .scalars import literal

__all__ = ["set_calls", "set_local"]


def set_calls(settings: Mapping[str, str], *, local: bool) -> list[str]:
    """One call of `set_config` for each setting, to be selected.

    Args:
        settings: Their values by name; both are ours, never a client's.
        local: Whether they end with the transaction, rather than with the session.
    """
    return [
        f"set_config({literal(name)}, {literal(value)}, {'true' if local else 'false'})"
        for name, value in settings.items()
    ]


def set_local(name: str, value: str) -> str:
    """A SET LOCAL, which takes no parameters.

    Args:
        name: The setting, a name of our configuration's.
        value: Any text; it is quoted.
    """
    return f"SET LOCAL {name} = {literal(value).lstrip()}"
