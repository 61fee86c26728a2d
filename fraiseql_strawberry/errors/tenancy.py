"""What a client may be told: code, status, message and body."""

from __future__ import annotations

from typing import Any, ClassVar

__all__ = ["TenancyError"]


class TenancyError(Exception):
    """An error that a client may see.

    Args:
        message: What the client reads; never SQL, a URL or a secret. The class's own by default.
        hint: What the developer reads in the log: how to mend it.
        extensions: Further GraphQL `extensions`, such as the argument's name.
        retry_after: Seconds after which a retry makes sense; sent as `Retry-After`.
    """

    code: ClassVar[str] = "INTERNAL_SERVER_ERROR"
    status: ClassVar[int] = 500
    default_message: ClassVar[str] = "Internal server error"

    def __init__(
        self,
        message: str | None = None,
        *,
        hint: str | None = None,
        extensions: dict[str, Any] | None = None,
        retry_after: int | None = None,
    ) -> None:
        self.message = message or self.default_message
        self.hint = hint
        self.extensions: dict[str, Any] = {"code": self.code, **(extensions or {})}
        self.retry_after = retry_after
        if retry_after is not None:
            self.extensions["retryAfter"] = retry_after
        super().__init__(self.message)

    def __str__(self) -> str:
        return f"{self.message} ({self.hint})" if self.hint else self.message

    @property
    def headers(self) -> dict[str, str]:
        """The HTTP headers that go with the status (RFC 9110)."""
        return {} if self.retry_after is None else {"Retry-After": str(self.retry_after)}

    def body(self) -> dict[str, Any]:
        """The response body: one GraphQL error without `data`, since nothing was executed."""
        return {"errors": [{"message": self.message, "extensions": self.extensions}]}
