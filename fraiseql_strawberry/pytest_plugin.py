"""What pytest loads: the fixtures of `testing.plugin`, where the extra `testing` is installed."""

from __future__ import annotations

import contextlib

with contextlib.suppress(ImportError):  # without the extra there are no fixtures, and no trouble
    from .testing.plugin import *  # noqa: F403
