"""From the arguments of a field to the statements that write its rows."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from itertools import groupby
from operator import itemgetter
from typing import Any, cast

from graphql import GraphQLInputObjectType

from ...errors import BadUserInput
from ...sql.catalog import Catalog
from ...sql.render import Rendered
from ...sql.render_write import (
    Condition,
    render_call,
    render_create,
    render_delete,
    render_exists,
    render_update,
)
from .call_layout import call_layout
from .fields import Leaf, Written
from .index import SchemaIndex
from .settings import Settings
from .statement import converted
from .table_layout import table_layout
from .targets import Form, input_fields, no_tenant

__all__ = ["BoundWrite", "Run", "Writing"]

_Names = tuple[str, ...]


@dataclass(frozen=True, slots=True)
class Run:
    """Rows that one statement writes, one after the other."""

    statement: Rendered
    parameters: list[list[Any]]


@dataclass(frozen=True, slots=True)
class BoundWrite:
    """What one request writes in one field.

    Args:
        writing: The field.
        runs: The statements, in the order of the rows.
        keys: The key of each row, where the client named it.
        many: Whether each row is an item of a list.
    """

    writing: Writing
    runs: tuple[Run, ...]
    keys: list[Any]
    many: bool


class Writing:
    """One field that writes, held against the catalog.

    Args:
        index: The schema.
        catalog: What may be written.
        settings: The bounds.
        field: The field.
        user: Its name, for errors: "Mutation.createPost".

    Raises:
        SchemaError: When its arguments do not fit the table or the function.
    """

    def __init__(
        self, index: SchemaIndex, catalog: Catalog, settings: Settings, field: Written, user: str
    ) -> None:
        forms = [Form.of(name, argument) for name, argument in field.arguments.items()]
        no_tenant(forms, user)
        layout = call_layout if field.write.kind == "call" else table_layout
        self.field = field
        self.user = user
        self.constraints = catalog.writes.constraints
        self._layout = layout(catalog, field, user, forms)
        self._index = index
        self._settings = settings
        self._statements: dict[_Names, Rendered] = {}

    def bind(self, arguments: Mapping[str, Any]) -> BoundWrite:
        """The statements of one request.

        Args:
            arguments: As `given_arguments` reads them.

        Raises:
            BadUserInput: When a value cannot be served, or there are too many rows.
        """
        rows = [self._converted(row) for row in self._rows(arguments)]
        runs = tuple(
            Run(self._statement(names), [values for _, values in same])
            for names, same in groupby(rows, itemgetter(0))
        )
        keys = [] if self._layout.key is None else [values[0] for _, values in rows]
        return BoundWrite(self, runs, keys, self.field.many)

    @property
    def exists(self) -> Rendered | None:
        """Whether there is a row of a key; None where nothing is locked by a version."""
        key = self._layout.key
        if key is None or self.field.write.version is None:
            return None
        return render_exists(self._layout.source, key)

    def name_of(self, column: str) -> str | None:
        """What a client calls a column: an argument, or else a field of the type."""
        found = self._layout.names.get(column)
        if found is not None:
            return found
        for name, field in self._index.object(self.field.target).fields.items():
            if isinstance(field, Leaf) and field.python_name == column:
                return name
        return None

    def _rows(self, arguments: Mapping[str, Any]) -> list[dict[str, Any]]:
        layout = self._layout
        shared: dict[str, Any] = {}
        rows: list[dict[str, Any]] = [] if layout.rows is not None else [{}]
        for name, value in arguments.items():
            object_ = layout.objects.get(name)
            if name == layout.keys:
                rows = [{self.field.write.key: key} for key in value or ()]
            elif object_ is None:
                shared[name] = value
            elif name == layout.bulk:
                rows = [self._given(each, object_) for each in value or ()]
            else:
                shared.update(self._given(value, object_))
        if len(rows) > self._settings.max_limit:
            raise BadUserInput(
                f"More than {self._settings.max_limit} rows cannot be written at a time",
                extensions={"argument": layout.rows},
            )
        return [{**shared, **row} for row in rows]

    def _given(self, value: Any, type_: GraphQLInputObjectType) -> dict[str, Any]:
        given, nulls = cast(Mapping[str, Any], value or {}), self._layout.nulls
        return {
            form.python_name: given[form.name]
            for form in input_fields(type_)
            if form.name in given and not (given[form.name] is None and form.python_name in nulls)
        }

    def _converted(self, row: Mapping[str, Any]) -> tuple[_Names, list[Any]]:
        """The names that are there, and their values: those that say which row is meant first."""
        targets, first = self._layout.targets, self._addressing
        names = (*first, *(name for name in targets if name in row and name not in first))
        values: list[Any] = []
        for name in names:
            value, given = row.get(name), targets[name]
            values.append(None if value is None else converted(value, given.convert, given.name))
        return names, values

    @property
    def _addressing(self) -> tuple[str, ...]:
        if self._layout.key is None:
            return ()
        version = self.field.write.version
        return (self._layout.key.name,) if version is None else (self._layout.key.name, version)

    def _statement(self, names: _Names) -> Rendered:
        found = self._statements.get(names)
        if found is None:
            found = self._statements[names] = self._render(names)
            if len(self._statements) > self._settings.max_shapes:
                del self._statements[next(iter(self._statements))]
        return found

    def _render(self, names: _Names) -> Rendered:
        write, layout = self.field.write, self._layout
        given = [layout.targets[name].assignment for name in names]
        if layout.function is not None:
            column = write.key if layout.function.columns else None
            return render_call(layout.source, given, column=column, many=self.field.many)
        if layout.key is None:
            return render_create(
                layout.source,
                write.key,
                given,
                tenant=layout.tenant,
                setting=self._settings.setting,
                on_conflict=layout.conflict,
            )
        version = None
        if write.version is not None:
            version = Condition(write.version, layout.targets[write.version].assignment.type)
        if write.kind == "delete":
            return render_delete(layout.source, layout.key, version=version)
        columns = given[len(self._addressing) :]
        return render_update(layout.source, layout.key, columns, version=version)
