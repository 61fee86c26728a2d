"""The arguments of a field that writes rows of a table or a view, held against the table."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

from ...errors import SchemaError
from ...sql.catalog import Catalog, Column, source_name
from ...sql.render_write import Assignment, Condition
from ...sql.scalars import Scalar
from ...sql.write import TENANT_COLUMN
from ...sql.write_catalog import TableFacts
from .core import nullable_type
from .fields import Written
from .layout import Layout
from .targets import Form, input_fields, nearest, no_tenant, null_by_default, target

__all__ = ["table_layout"]

_VERBS = {"create": "INSERT", "update": "UPDATE", "delete": "DELETE"}


def table_layout(catalog: Catalog, field: Written, user: str, forms: Sequence[Form]) -> Layout:
    """Which column each argument, or each field of an input object, is for: that of its name.

    Args:
        catalog: The columns, and what may be written.
        field: The field.
        user: Its name, for errors.
        forms: Its arguments.

    Raises:
        SchemaError: When they do not fit the table, naming the nearest column.
    """
    return _TableLayout(catalog, field, user).of(forms)


class _TableLayout:
    def __init__(self, catalog: Catalog, field: Written, user: str) -> None:
        self._field = field
        self._write = field.write
        self._user = user
        self._columns: Mapping[str, Column] = catalog.columns_of(field.write.source).columns
        name = source_name(field.write.source)
        self._facts = catalog.writes.tables.get(name, TableFacts({}))
        self._layout = Layout(catalog.located(field.write.source))

    def of(self, forms: Sequence[Form]) -> Layout:
        layout = self._layout
        self._refuse_read_only()
        if self._write.kind != "create":
            key = self._columns.get(self._write.key)
            if key is None:
                raise SchemaError(
                    f'{self._user}: {self._write.source} has no column "{self._write.key}"'
                )
            layout.key = Condition(key.name, key.type)
        for form in forms:
            if form.python_name in self._columns:
                self._take(form, form.python_name)
            elif form.object is not None:
                self._take_object(form)
            elif self._is_keys(form):
                self._take_keys(form)
            else:
                self._take(form, form.python_name)
        self._refuse_unaddressed(forms)
        self._refuse_count()
        if self._write.kind == "create":
            layout.conflict = self._conflict()
            layout.tenant = self._tenant()
        return layout

    def _is_keys(self, form: Form) -> bool:
        return (
            self._layout.key is not None and form.many and form.python_name == f"{self._write.key}s"
        )

    def _take_keys(self, form: Form) -> None:
        self._layout.keys = form.python_name
        item_type, scalar = nullable_type(form.type)[0].of_type, form.scalar
        item = None if scalar is None else Scalar(scalar.kind, 0, False, scalar.members)
        self._take(Form(self._write.key, form.name, item_type, item), self._write.key)

    def _take_object(self, form: Form) -> None:
        layout, type_ = self._layout, form.object
        assert type_ is not None
        layout.objects[form.python_name] = type_
        if form.many:
            if layout.bulk is not None:
                raise SchemaError(f"{self._user} takes two lists of rows; one decides how many")
            layout.bulk = form.python_name
        inner = list(input_fields(type_))
        no_tenant(inner, f"{self._user}, {type_.name}")
        for below in inner:
            self._take(below, below.python_name)
            if not null_by_default(below):
                continue
            if self._write.kind == "update":
                raise SchemaError(
                    f"{self._user}: {type_.name}.{below.name} is null by default, so leaving it "
                    f"out would erase the column; write "
                    f"`{below.python_name}: … | None = strawberry.UNSET`"
                )
            layout.nulls.add(below.python_name)

    def _take(self, form: Form, name: str) -> None:
        source, kind = self._write.source, self._write.kind
        place = f"{self._user}({form.name}:)"
        found = self._columns.get(name)
        if found is None:
            raise SchemaError(
                f'{place}: {source} has no column "{name}"{nearest(name, self._columns)}'
            )
        if name in self._layout.targets:
            raise SchemaError(f"{self._user} takes {source}.{name} twice")
        own = self._facts.columns.get(name)
        addresses = kind != "create" and name in (self._write.key, self._write.version)
        if own is not None and not addresses:
            if kind == "delete":
                raise SchemaError(f"{place}: a delete gives no column a value")
            if own.generated or not (own.insert if kind == "create" else own.update):
                raise SchemaError(
                    f"{place}: the application role may not write {source}.{name}, or PostgreSQL "
                    "generates it"
                )
        self._layout.targets[name] = target(form, name, found.type, self._user)

    def _refuse_read_only(self) -> None:
        kind, facts = self._write.kind, self._facts
        possible = {
            "create": facts.insert,
            "update": facts.update,
            "delete": facts.delete and facts.may_delete,
        }
        if not possible[kind]:
            verb, source = _VERBS[kind], self._write.source
            raise SchemaError(
                f"{self._user}: {source} takes no {verb} from the application role: it is no "
                f"table and no updatable view, or GRANT {verb} ON {source} TO it is missing"
            )

    def _refuse_unaddressed(self, forms: Sequence[Form]) -> None:
        """The key and the version must be there with every row."""
        layout, write = self._layout, self._write
        if layout.key is None:
            return
        required = {form.python_name for form in forms if form.required}
        for type_ in layout.objects.values():
            required.update(form.python_name for form in input_fields(type_) if form.required)
        if layout.keys is not None:
            required.add(write.key)
        for column in (write.key, write.version):
            if column is not None and (column not in layout.targets or column not in required):
                raise SchemaError(
                    f'{self._user} needs an argument "{column}" that is never null: it says which '
                    "row is meant"
                )

    def _refuse_count(self) -> None:
        if self._layout.rows is not None and not self._field.many:
            raise SchemaError(f"{self._user} takes a list of rows, so it must return a list")
        if self._field.many and self._layout.rows is None:
            raise SchemaError(
                f"{self._user} returns a list, so one argument must be a list of rows: of input "
                f"objects, or {self._write.key}s"
            )

    def _conflict(self) -> tuple[str, ...]:
        wanted, unique = self._write.on_conflict, self._facts.unique
        if not wanted or self._facts.view:
            return wanted
        for columns in (wanted, (TENANT_COLUMN, *wanted)):
            if frozenset(columns) in unique:
                return columns
        known = "; ".join(", ".join(sorted(columns - {TENANT_COLUMN})) for columns in unique)
        raise SchemaError(
            f"{self._user}: no unique index of {self._write.source} is over {', '.join(wanted)}; "
            f"there are: {known or 'none'}"
        )

    def _tenant(self) -> Assignment | None:
        """Where the tenant's column has no default, the statement brings the tenant."""
        own = self._facts.columns.get(TENANT_COLUMN)
        if own is None or own.default or self._facts.view:
            return None
        return Assignment(TENANT_COLUMN, self._columns[TENANT_COLUMN].type)
