"""Whether the registry answers, and when it is asked again where it does not."""

from __future__ import annotations

import logging
from collections.abc import Callable, Generator
from contextlib import contextmanager

from asyncpg import InterfaceError, PostgresError
from sqlalchemy.exc import DBAPIError

from ..errors import ServiceUnavailable, TenancyError
from ..trouble import driver_error, translate

__all__ = ["Outage", "unanswered"]

_log = logging.getLogger("fraiseql_strawberry")

# How long after a failure the registry is left alone, in seconds.
_PAUSE = 1.0


def unanswered(error: Exception) -> TenancyError | None:
    """The client's error where a read failed for want of an answer; None for any other fault.

    A row that cannot be read as a tenant is such another fault: if it counted, one bad row would
    make the registry look down for everybody.

    Args:
        error: What the source raised.
    """
    if isinstance(error, TenancyError):
        return error if error.status == ServiceUnavailable.status else None
    known = translate(error)
    if known is None and isinstance(error, (OSError, DBAPIError, PostgresError, InterfaceError)):
        known = ServiceUnavailable(
            hint=f"the registry of tenants cannot be read: {type(driver_error(error)).__name__}"
        )
    return known


class Outage:
    """Whether there are answers, and when to ask again where there are none.

    Args:
        clock: Seconds that never go backwards.
    """

    def __init__(self, clock: Callable[[], float]) -> None:
        self._clock = clock
        self._since: float | None = None
        self._ask_again = 0.0

    @property
    def lasts(self) -> bool:
        """Whether the last read had no answer."""
        return self._since is not None

    @property
    def rests(self) -> bool:
        """Whether the registry is to be left alone for the rest of the pause after a failure."""
        return self._since is not None and self._clock() < self._ask_again

    @contextmanager
    def asking(self) -> Generator[None]:
        """Around a read; what it raises for want of an answer is the client's error.

        Raises:
            ServiceUnavailable: There was no answer.
            TenantBusy: There was no connection.
        """
        try:
            yield
        except Exception as error:
            refused = unanswered(error)
            if refused is None:
                raise
            self._failed(refused)
            raise refused from error
        self._answered()

    def error(self) -> TenancyError:
        """What a request gets that cannot be answered from memory."""
        return ServiceUnavailable(hint="the registry of tenants does not answer")

    def _failed(self, error: TenancyError) -> None:
        now = self._clock()
        self._ask_again = now + _PAUSE
        if self._since is None:
            self._since = now
            _log.warning(
                "the registry of tenants does not answer: active tenants are served by what is "
                "known of them, others get 503 (%s)",
                error.hint or error.message,
            )

    def _answered(self) -> None:
        if self._since is not None:
            seconds = self._clock() - self._since
            self._since = None
            _log.warning("the registry of tenants answers again, after %.1f seconds", seconds)
