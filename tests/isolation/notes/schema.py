"""Notes that are written through SQL only: every kind of constraint, and a version."""

from __future__ import annotations

from datetime import datetime
from uuid import UUID

import strawberry

import fraiseql_strawberry as fraiseql
from example_app.schema import User


@fraiseql.type(sql_source="v_note")
class Note:
    id: UUID
    slug: str
    body: str | None
    stars: int
    version: int
    updated_at: datetime
    user_id: fraiseql.Private[UUID | None]
    author: User | None = fraiseql.relation(local="user_id", remote="id")


@fraiseql.type(sql_source="v_strict_note")
class StrictNote:
    """The same notes; a body that is missing breaks its promise."""

    id: UUID
    slug: str
    body: str


@strawberry.input
class NewNote:
    slug: str
    body: str | None = strawberry.UNSET
    stars: int | None = strawberry.UNSET
    user_id: UUID | None = strawberry.UNSET


@strawberry.input
class NoteChange:
    id: UUID
    body: str | None = strawberry.UNSET
    stars: int | None = strawberry.UNSET


@strawberry.input
class Meta:
    mood_of_day: str
    at: datetime | None = strawberry.UNSET


@fraiseql.query(sql_source="v_note", order_by="slug")
def notes(limit: int = 100) -> list[Note]: ...


@fraiseql.mutation(sql_source="tb_note", operation="create")
def create_note(
    slug: str, body: str | None = None, stars: int | None = None, user_id: UUID | None = None
) -> Note | None: ...


@fraiseql.mutation(sql_source="tb_note", operation="create")
def demand_note(input: NewNote) -> Note: ...


@fraiseql.mutation(sql_source="tb_note", operation="create")
def create_strict_note(slug: str, body: str | None = None) -> StrictNote | None: ...


@fraiseql.mutation(sql_source="tb_note", operation="create")
def create_notes(notes: list[NewNote]) -> list[Note]: ...


@fraiseql.mutation(sql_source="tb_note", operation="create", on_conflict="slug")
def put_note(slug: str, body: str | None = None) -> Note: ...


@fraiseql.mutation(sql_source="tb_note", operation="update")
def update_note(
    id: UUID, body: str | None = None, stars: int | None = None, slug: str | None = None
) -> Note | None: ...


@fraiseql.mutation(sql_source="tb_note", operation="update")
def change_notes(changes: list[NoteChange]) -> list[Note]: ...


@fraiseql.mutation(sql_source="tb_note", operation="update", version="version")
def revise_note(id: UUID, version: int, body: str | None = None) -> Note | None: ...


@fraiseql.mutation(sql_source="tb_note", operation="update", version="updated_at")
def touch_note(id: UUID, updated_at: datetime, body: str | None = None) -> Note | None: ...


@fraiseql.mutation(sql_source="tb_note", operation="delete")
def delete_note(id: UUID) -> Note | None: ...


@fraiseql.mutation(sql_source="tb_note", operation="delete")
def delete_notes(ids: list[UUID]) -> list[Note | None]: ...


@fraiseql.mutation(sql_source="tb_user", operation="delete")
def delete_user(id: UUID) -> User | None: ...


@fraiseql.mutation(sql_source="fn_create_note")
def call_note(slug: str, body: str | None = None, meta: Meta | None = None) -> Note | None: ...


@fraiseql.mutation(sql_source="fn_copy_notes")
def copy_notes(prefix: str) -> list[Note]: ...


@fraiseql.mutation(sql_source="fn_create_note", atomic=True)
def atomic_note(slug: str) -> Note: ...


@fraiseql.mutation(sql_source="tb_note", operation="create")
@fraiseql.requires_scope("write:notes")
def create_scoped_note(slug: str) -> Note | None: ...


@fraiseql.mutation
async def hand_written(session: fraiseql.TenantSession) -> str:
    return "by hand"


FIELDS = [
    value
    for value in list(vars().values())
    if type(value).__name__ in ("QueryField", "MutationField")
]
