"""From a parsed operation and a Strawberry schema to one SQL statement.

`compile_operation` serves whole operations (the fast lane), `FieldCompiler` single fields (the
standard lane); `verify` holds the schema against the catalog at start-up.
"""

from .compile import Bound, Compiled, compile_operation
from .field import FieldCompiler, Load, batch_key
from .finished import Finished
from .given import given_arguments
from .index import SchemaIndex
from .literals import MISPLACED, Lifted, normalise
from .mutation import BoundMutation, BoundPart, CompiledMutation, compile_mutation
from .reason import StepAside
from .settings import Settings
from .verify import verify
from .writing import BoundWrite, Writing

__all__ = [
    "MISPLACED",
    "Bound",
    "BoundMutation",
    "BoundPart",
    "BoundWrite",
    "Compiled",
    "CompiledMutation",
    "FieldCompiler",
    "Finished",
    "Lifted",
    "Load",
    "SchemaIndex",
    "Settings",
    "StepAside",
    "Writing",
    "batch_key",
    "compile_mutation",
    "compile_operation",
    "given_arguments",
    "normalise",
    "verify",
]
