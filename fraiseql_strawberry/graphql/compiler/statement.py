"""A rendered statement with what each request binds to it."""

from __future__ import annotations

from collections.abc import Callable, Generator
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Any

from graphql import Undefined

from ...errors import BadUserInput
from ...sql.plan import Plan
from ...sql.render import Rendered
from .arguments import TENANT, ArgumentValue, Computed, Given, Known, OfTenant, Values
from .reason import SteppedAside

__all__ = ["Convert", "Cost", "Slots", "Statement", "converted", "refused"]

Convert = Callable[[Any], Any]


@dataclass(frozen=True, slots=True)
class Cost:
    """How many rows a selection can read: its own limit, times one and what is below each row.

    Args:
        limit: The limit, or the highest one allowed where `slot` holds the client's.
        slot: The argument that holds the limit; None for a fixed one.
        below: The selections below each row.
    """

    limit: int
    slot: int | None = None
    below: tuple[Cost, ...] = ()

    def rows(self, args: list[Any] | None = None) -> int:
        """The rows for these arguments; without any, the most there can be."""
        limit = self.limit if args is None or self.slot is None else args[self.slot]
        return limit * (1 + sum(cost.rows(args) for cost in self.below))


class Slots:
    """Collects a statement's arguments while its plan is built."""

    def __init__(self) -> None:
        self.constants: list[Any] = []
        self.given: list[tuple[int, Any, Convert, str]] = []
        self.computed: list[tuple[int, Computed, Convert, str]] = []
        self.of_tenant: list[tuple[int, Known | Given, Convert, str]] = []

    @contextmanager
    def undone_by(self, error: type[Exception]) -> Generator[None]:
        """Give back, where the block raises that error, the slots that it took."""
        before = len(self.constants)
        try:
            yield
        except error:
            del self.constants[before:]
            self.given = [taken for taken in self.given if taken[0] < before]
            self.computed = [taken for taken in self.computed if taken[0] < before]
            self.of_tenant = [taken for taken in self.of_tenant if taken[0] < before]
            raise

    def add(self, value: ArgumentValue | OfTenant, convert: Convert, argument: str) -> int:
        """Take a slot for a value.

        Args:
            value: Where it comes from.
            convert: From its coerced GraphQL value to what the driver takes.
            argument: The name it is refused under.

        Raises:
            BadUserInput: For a literal that cannot be served.
        """
        slot = len(self.constants)
        self.constants.append(None)
        match value:
            case Known():
                self.constants[slot] = converted(value.value, convert, argument)
            case Given():
                self.given.append((slot, value.key, _at(value.path, convert), argument))
            case Computed():
                self.computed.append((slot, value, convert, argument))
            case OfTenant():
                self.of_tenant.append((slot, value.value, convert, argument))
        return slot


class Statement:
    """One shape of an operation or field: its plan, its text and where its arguments come from.

    Args:
        plan: The plan.
        rendered: Its SQL.
        slots: Its arguments.
        costs: What its roots can read.
        max_cost: The most rows that one request may read.
    """

    __slots__ = (
        *("_computed", "_constants", "_costs", "_given", "_max_cost", "_of_tenant"),
        *("plan", "rendered"),
    )

    def __init__(
        self, plan: Plan, rendered: Rendered, slots: Slots, costs: tuple[Cost, ...], max_cost: int
    ) -> None:
        self.plan = plan
        self.rendered = rendered
        self._constants = slots.constants
        self._given = tuple(slots.given)
        self._computed = tuple(slots.computed)
        self._of_tenant = tuple(slots.of_tenant)
        self._max_cost = max_cost
        # Most shapes cannot exceed it whatever the client asks: then nothing is computed.
        self._costs = costs if sum(cost.rows() for cost in costs) > max_cost else ()

    def arguments(self, values: Values) -> list[Any]:
        """The arguments of one request.

        Args:
            values: Its coerced variables and lifted literals.

        Raises:
            BadUserInput: When one of them cannot be served, or all together cost too much.
            SteppedAside: When a list or object is invalid.
        """
        args = self._constants.copy()
        for slot, key, convert, argument in self._given:
            try:
                args[slot] = convert(values[key])
            except (ValueError, ArithmeticError) as error:
                raise _refused(argument, error) from error
        for slot, computed, convert, argument in self._computed:
            value = computed.value(values)
            if value is Undefined:
                raise SteppedAside("an invalid value in a list or object")
            args[slot] = converted(value, convert, argument)
        for slot, of_tenant, convert, argument in self._of_tenant:
            value = of_tenant.value if isinstance(of_tenant, Known) else of_tenant.value(values)
            args[slot] = converted((values[TENANT], value), convert, argument)
        if self._costs:
            self._check_cost(args)
        return args

    def _check_cost(self, args: list[Any]) -> None:
        cost = sum(cost.rows(args) for cost in self._costs)
        if cost > self._max_cost:
            raise BadUserInput(
                f"The operation may read {cost} rows, more than {self._max_cost}: "
                "give its lists smaller limits",
                extensions={"argument": "limit"},
            )


def _at(path: tuple[str | int, ...], convert: Convert) -> Convert:
    """The conversion of what is at a place inside of a value."""
    if not path:
        return convert

    def convert_part(value: Any) -> Any:
        for step in path:
            value = value[step]
        return convert(value)

    return convert_part


def converted(value: Any, convert: Convert, argument: str) -> Any:
    """A value as the driver takes it.

    Args:
        value: The coerced value.
        convert: Raises ValueError or ArithmeticError for one that the column cannot hold.
        argument: The name it is refused under.

    Raises:
        BadUserInput: When it cannot be served.
    """
    try:
        return convert(value)
    except (ValueError, ArithmeticError) as error:
        raise _refused(argument, error) from error


def _refused(argument: str, error: Exception) -> BadUserInput:
    # The library's own words only: those of the interpreter may quote the value at length.
    reason = str(error) if type(error) is ValueError else "the value cannot be used here"
    return refused(argument, reason)


def refused(argument: str, reason: str) -> BadUserInput:
    """The error for an argument that cannot be served.

    Args:
        argument: Its name, or the path to what is in it.
        reason: Why, without the value.
    """
    return BadUserInput(f"Argument '{argument}': {reason}", extensions={"argument": argument})
