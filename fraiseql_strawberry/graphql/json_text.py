"""JSON text: read without changing a number, written with what is JSON already as it is."""

from __future__ import annotations

import json
import math
import re
from decimal import Decimal
from typing import Any

try:
    import orjson
except ImportError:
    orjson = None

__all__ = ["QUICK", "JSONText", "decode", "decode_request", "encode", "refuse_constant"]

QUICK = orjson is not None
"""Whether `encode` writes JSON text as it is, instead of decoding it first."""

_BEYOND_64_BITS = re.compile(rb"\d{19}")
_MAX_DIGITS = 4300  # of a whole number that Python still writes


class JSONText:
    """A value of a response that is JSON text already.

    Args:
        text: UTF-8; it goes out as it is.
    """

    __slots__ = ("text",)

    def __init__(self, text: bytes) -> None:
        self.text = text


def decode(text: str | bytes, *, any_number: bool = True) -> Any:
    """The value of JSON that PostgreSQL wrote.

    Args:
        text: The JSON.
        any_number: Whether it may hold more than whole numbers of 32 bits. orjson makes floats of
            whole numbers beyond 64 bits, and json itself loses the sign of -0 and makes infinities
            of what is beyond a float.

    Raises:
        ValueError: For a number that Python cannot express.
    """
    if not any_number:
        return json.loads(text) if orjson is None else orjson.loads(text)
    return json.loads(text, parse_int=_whole, parse_float=_float)


def decode_request(body: bytes) -> Any:
    """What a client sent.

    Args:
        body: The JSON.

    Raises:
        ValueError: When it is none.
        RecursionError: When it is nested too deeply.
    """
    if orjson is None or _BEYOND_64_BITS.search(body):
        return json.loads(body, parse_constant=refuse_constant)
    return orjson.loads(body)


def refuse_constant(constant: str) -> None:
    """For `parse_constant`: NaN and Infinity are no JSON (RFC 8259, section 6).

    Raises:
        ValueError: Always.
    """
    raise ValueError(f"{constant} is no JSON (RFC 8259, section 6)")


def encode(value: Any) -> bytes:
    """JSON of a response, without white space.

    Args:
        value: What Python's own json takes, and `JSONText` in it.

    Raises:
        TypeError: For a value that has no JSON.
    """
    if orjson is not None:
        try:
            return orjson.dumps(value, default=_fragment, option=_AS_JSON_DOES)
        except TypeError:
            pass  # an int beyond 64 bits, a lone surrogate, a key that is no string
    return json.dumps(value, default=_decoded, separators=(",", ":")).encode()


# Values that json refuses are refused by orjson too: a resolver returned something wrong.
_AS_JSON_DOES = (
    0 if orjson is None else orjson.OPT_PASSTHROUGH_DATACLASS | orjson.OPT_PASSTHROUGH_DATETIME
)


def _fragment(value: Any) -> Any:
    if orjson is not None and type(value) is JSONText:
        return orjson.Fragment(value.text)
    raise TypeError


def _decoded(value: Any) -> Any:
    if type(value) is JSONText:
        return decode(value.text)
    raise TypeError(f"Object of type {type(value).__name__} is not JSON serializable")


def _whole(text: str) -> int | float:
    return -0.0 if text == "-0" else int(text)


def _float(text: str) -> int | float:
    number = float(text)
    if math.isfinite(number):
        return number
    exact = Decimal(text)
    if exact.adjusted() >= _MAX_DIGITS or exact != exact.to_integral_value():
        raise ValueError("a number of the JSON is too large")
    return int(exact)
