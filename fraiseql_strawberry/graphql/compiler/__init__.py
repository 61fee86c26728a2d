"""From a parsed operation and a Strawberry schema to one SQL statement.

`compile_operation` serves whole operations (the fast lane), `FieldCompiler` single fields (the
standard lane); `verify` holds the schema against the catalog at start-up.
"""

from .compile import Bound, Compiled, compile_operation
from .field import FieldCompiler, Load, batch_key
from .finished import Finished
from .index import SchemaIndex
from .literals import MISPLACED, Lifted, normalise
from .reason import StepAside
from .settings import Settings
from .verify import verify

__all__ = [
    "MISPLACED",
    "Bound",
    "Compiled",
    "FieldCompiler",
    "Finished",
    "Lifted",
    "Load",
    "SchemaIndex",
    "Settings",
    "StepAside",
    "batch_key",
    "compile_operation",
    "normalise",
    "verify",
]
