"""The arguments of a field that calls a function, held against the function."""

from __future__ import annotations

from collections.abc import Iterable, Sequence

from ...errors import SchemaError
from ...sql.catalog import Catalog, source_name
from ...sql.source import Source
from ...sql.write import TENANT_COLUMN
from ...sql.write_catalog import FunctionFacts
from .fields import Written
from .layout import Layout
from .targets import Form, nearest, target

__all__ = ["call_layout"]

_PREFIX = "p_"


def call_layout(catalog: Catalog, field: Written, user: str, forms: Sequence[Form]) -> Layout:
    """Which parameter each argument is for: the one of its name, or of its name behind `p_`.

    Args:
        catalog: What may be called.
        field: The field.
        user: Its name, for errors.
        forms: Its arguments.

    Raises:
        SchemaError: When they do not fit the function, naming the nearest parameter.
    """
    function = _function(catalog, field.write.source, user)
    parameters = {parameter.name: parameter for parameter in function.parameters}
    source = field.write.source
    if function.schema is not None and source.schema is None:
        source = Source(source.name, function.schema)
    layout = Layout(source, function=function)
    for form in forms:
        name = form.python_name
        found = parameters.get(name) or parameters.get(_PREFIX + name)
        if found is None:
            plain = [known.removeprefix(_PREFIX) for known in parameters]
            raise SchemaError(
                f'{user}({form.name}:): {source} has no argument "{name}"{nearest(name, plain)}'
            )
        layout.targets[name] = target(form, found.name, found.type, user)
    _refuse_missing(function, layout, user)
    _refuse_result(function, field, user)
    return layout


def _function(catalog: Catalog, source: Source, user: str) -> FunctionFacts:
    functions = catalog.writes.functions
    function = functions.get(source_name(source))
    if function is None:
        raise SchemaError(
            f'{user}: the application role finds no function "{source}" in the database, or '
            f"several of that name{nearest(source.name, _plain(functions))}"
        )
    if not function.execute:
        raise SchemaError(
            f"{user}: the application role may not call {source}; "
            f"GRANT EXECUTE ON FUNCTION {source} TO it"
        )
    return function


def _plain(names: Iterable[str]) -> list[str]:
    return [name.split('"')[-2] for name in names]


def _refuse_missing(function: FunctionFacts, layout: Layout, user: str) -> None:
    given = {each.assignment.name for each in layout.targets.values()}
    for parameter in function.parameters:
        if parameter.optional or parameter.name in given:
            continue
        if parameter.name in (TENANT_COLUMN, _PREFIX + TENANT_COLUMN):
            raise SchemaError(
                f"{user}: {layout.source} wants {parameter.name}, which is never an input: let it "
                "read the tenant's setting instead"
            )
        raise SchemaError(
            f"{user}: {layout.source} wants {parameter.name or 'an argument without a name'}, "
            "which is no argument of the field"
        )


def _refuse_result(function: FunctionFacts, field: Written, user: str) -> None:
    key, source = field.write.key, field.write.source
    if function.void or (function.columns and key not in function.columns):
        raise SchemaError(
            f"{user}: {source} must return the key of what it wrote, or rows with a column "
            f'"{key}"{nearest(key, function.columns)}'
        )
    if function.many and not field.many:
        raise SchemaError(f"{user}: {source} returns a set, so the field must be a list")
