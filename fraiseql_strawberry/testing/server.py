"""An app on a real socket, in a thread with an event loop of its own.

So its lifespan, its pools and its background tasks do not care which plugin runs the tests' own
loops, nor how long one of those lives.
"""

from __future__ import annotations

import threading
import time
from types import TracebackType
from typing import Any, Self

import uvicorn

from ..errors import SetupError

__all__ = ["ServedApp"]

_PATIENCE = 30.0


class _Server(uvicorn.Server):
    def install_signal_handlers(self) -> None:
        """Ctrl-C is pytest's."""


class ServedApp:
    """Serves an application for a block: `with ServedApp(app) as served: … served.url`.

    Args:
        app: The ASGI application.
    """

    def __init__(self, app: Any) -> None:
        self.app = app
        config = uvicorn.Config(app, host="127.0.0.1", port=0, log_level="warning", lifespan="on")
        self._server = _Server(config)
        self._thread = threading.Thread(target=self._server.run, daemon=True)
        self.url = ""

    def __enter__(self) -> Self:
        """Start it.

        Raises:
            SetupError: When it does not start; its log says why.
        """
        self._thread.start()
        until = time.monotonic() + _PATIENCE
        while not self._server.started:
            if not self._thread.is_alive() or time.monotonic() > until:
                raise SetupError("the application did not start: its log says why")
            time.sleep(0.005)
        port = self._server.servers[0].sockets[0].getsockname()[1]
        self.url = f"http://127.0.0.1:{port}"
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        traceback: TracebackType | None,
    ) -> None:
        self._server.should_exit = True
        self._thread.join(_PATIENCE)
