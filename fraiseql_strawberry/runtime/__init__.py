"""One deployment at run time, without FastAPI or Strawberry: who is asking, and what is done."""

from __future__ import annotations

from .running import Running, running
from .runtime import Runtime

__all__ = ["Running", "Runtime", "running"]
