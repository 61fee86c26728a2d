"""Where the running code belongs: to which runtime, and to which request."""

from __future__ import annotations

from typing import NamedTuple

from ..errors import Unauthorized
from ..scope import RequestScope, current_scope
from .runtime import Runtime

__all__ = ["Running", "running"]


class Running(NamedTuple):
    """The runtime and the scope that the running code belongs to."""

    runtime: Runtime
    scope: RequestScope


def running() -> Running:
    """The runtime and the scope of the running request or job.

    Raises:
        Unauthorized: Outside of any.
    """
    scope = current_scope()
    if not isinstance(scope.runtime, Runtime):
        raise Unauthorized(hint="this request was not resolved by a tenancy")
    return Running(scope.runtime, scope)
