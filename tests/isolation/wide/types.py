"""The decorated types of the wide schema, and code of the application's among them."""

from __future__ import annotations

import datetime as dt
import enum
from decimal import Decimal
from typing import NewType
from uuid import UUID

import strawberry
from strawberry.scalars import ID, JSON, Base16, Base64
from strawberry.schema.config import StrawberryConfig

import fraiseql_strawberry as fraiseql
from fraiseql_strawberry.graphql.scalars import BigInt

Slug = NewType("Slug", str)


@strawberry.enum
class Status(enum.Enum):
    """Stored as its values, in an enum type."""

    DRAFT = "draft"
    IN_REVIEW = "in_review"
    PUBLISHED = "published"


@strawberry.enum
class Color(enum.Enum):
    """Stored as its values, in a text column."""

    RED = "#f00"
    GREEN = "it's \\green"


@strawberry.enum
class Level(enum.Enum):
    """Stored as its values, in an integer column."""

    LOW = 1
    HIGH = strawberry.enum_value(2, name="TOP")


@strawberry.enum
class ThingOrder(enum.Enum):
    """The orders that a client may choose."""

    FIRST = "number"
    LAST = "-number"
    OLDEST = "a_zoned_stamp, -number"


@fraiseql.type(sql_source="v_person")
class Person:
    id: UUID
    name: str
    boss_id: fraiseql.Private[UUID | None]
    boss: Person | None = fraiseql.relation()
    staff: list[Person] = fraiseql.relation(remote="boss_id", order_by="-id")
    things: list[Thing] = fraiseql.relation(remote="owner_id", order_by="number", limit=5)

    @strawberry.field
    def shout(self) -> str:
        return f"{self.name}!"

    @strawberry.field
    async def itself(self) -> Person:
        return self


@fraiseql.type(sql_source="v_shelf")
class Shelf:
    region: str
    number: int
    title: str | None
    things: list[Thing] = fraiseql.relation(
        local="region, number", remote="shelf_region, shelf_number", order_by="-number"
    )


@fraiseql.type(sql_source="v_tag")
class Tag:
    id: ID
    label: str
    things: list[Thing] = fraiseql.relation(
        through=("tb_thing_tag", "tag_id", "thing_id"), order_by="number"
    )


@fraiseql.type(sql_source="v_note")
class Note:
    """An `id + data jsonb` source."""

    id: UUID
    title: str
    pages: int
    weight: float | None
    price: Decimal | None
    done: bool
    written_at: dt.datetime
    color: Color | None
    words: list[str]
    scores: list[int] | None
    extra: JSON | None
    thing_id: fraiseql.Private[UUID | None]
    thing: Thing | None = fraiseql.relation()


@fraiseql.type
class Country:
    code: str
    area: float | None
    languages: list[str] | None
    capital: Place | None


@fraiseql.type
class Place:
    street: str
    number: int | None
    since: dt.datetime | None
    country: Country | None


@fraiseql.type
class Remark:
    """Objects inside of JSON that lead on to rows, and hold more of their own type."""

    id: UUID
    text: str | None
    stars: int
    price: Decimal | None
    color: Color | None
    extra: JSON | None
    place: Place | None
    remarks: list[Remark]
    person: Person | None = fraiseql.relation()
    things: list[Thing] = fraiseql.relation(
        local="person_id", remote="owner_id", order_by="number", limit=3
    )


@fraiseql.type(sql_source="v_letter")
class Letter:
    """An `id + data jsonb` source with objects inside, and with columns of JSON beside it."""

    id: UUID
    title: str
    sender: Person
    place: Place | None
    remarks: list[Remark]
    gaps: list[Remark | None] | None
    home: Place | None
    others: list[Place]
    stops: list[Place | None] | None


@fraiseql.type(sql_source="v_thing")
class Thing:
    id: UUID
    number: int
    a_text: str | None
    a_short: str | None
    a_small: int | None
    an_int: int | None
    a_long: int | None
    a_big: BigInt | None
    a_huge: BigInt | None
    a_single: float | None
    a_double: float | None
    a_decimal: Decimal | None
    an_amount: float | None
    a_flag: bool | None
    a_uuid: UUID | None
    a_date: dt.date | None
    a_time: dt.time | None
    a_zoned_time: dt.time | None
    a_stamp: dt.datetime | None
    a_zoned_stamp: dt.datetime
    an_interval: dt.timedelta | None
    bytes_64: Base64 | None = strawberry.field(name="bytes64")
    bytes_16: Base16 | None
    a_json: JSON | None
    a_jsonb: JSON | None
    a_status: Status | None
    a_color: Color
    a_level: Level | None
    a_slug: Slug | None
    texts: list[str | None] | None
    ints: list[int]
    longs: list[int] | None
    doubles: list[float] | None
    decimals: list[Decimal] | None
    flags: list[bool] | None
    uuids: list[UUID] | None
    stamps: list[dt.datetime] | None
    dates: list[dt.date | None] | None
    statuses: list[Status] | None
    colors: list[Color] | None
    labels: list[str] | None
    matrix: list[list[int]] | None
    owner_id: fraiseql.Private[UUID | None]
    shelf_region: fraiseql.Private[str | None]
    shelf_number: fraiseql.Private[int | None]
    owner: Person | None = fraiseql.relation()
    shelf: Shelf | None = fraiseql.relation(
        local=("shelf_region", "shelf_number"), remote=("region", "number")
    )
    tags: list[Tag] = fraiseql.relation(
        through=("tb_thing_tag", "thing_id", "tag_id"), order_by="-id"
    )
    notes: list[Note] = fraiseql.relation(remote="thing_id", order_by="id")

    @strawberry.field
    def doubled(self) -> int:
        return 2 * self.number


@fraiseql.query(sql_source="v_thing", order_by="-number")
def things(
    limit: int | None = 4,
    offset: int | None = None,
    order_by: ThingOrder | None = None,
    a_text: str | None = None,
    a_flag: bool | None = None,
    a_status: Status | None = None,
    a_color: Color | None = None,
    a_level: Level | None = None,
    an_int: int | None = None,
    a_long: int | None = None,
    a_big: BigInt | None = None,
    a_single: float | None = None,
    a_double: float | None = None,
    a_decimal: Decimal | None = None,
    a_uuid: UUID | None = None,
    a_date: dt.date | None = None,
    a_time: dt.time | None = None,
    a_zoned_stamp: dt.datetime | None = None,
    a_stamp: dt.datetime | None = None,
    an_interval: dt.timedelta | None = None,
    bytes_16: Base16 | None = None,
    id: list[UUID] | None = None,
    number: list[int | None] | None = None,
    ints: list[int] | None = None,
) -> list[Thing]: ...


@fraiseql.query(sql_source="v_thing", order_by="-number", auto_params=True)
def found_things() -> list[Thing]: ...


@fraiseql.query(
    sql_source="v_person",
    order_by="id",
    auto_params={"where": ["name", "things.number", "boss.name", "staff"], "order_by": ["name"]},
)
def found_people(limit: int = 20) -> list[Person]: ...


@fraiseql.query(sql_source="v_note", order_by="id", auto_params=["where"])
def found_notes(limit: int = 50) -> list[Note]: ...


@fraiseql.query(sql_source="v_thing", order_by="-number", relay=True, auto_params=True)
def paged_things() -> list[Thing]: ...


@fraiseql.query(sql_source="v_thing", aggregate=True, auto_params=True)
def things_aggregate(a_flag: bool | None = None) -> list[Thing]: ...


@fraiseql.query(sql_source="v_note", aggregate=True, auto_params=True)
def notes_aggregate() -> list[Note]: ...


@fraiseql.query(sql_source="v_thing", id_arg="id")
def thing(id: UUID) -> Thing | None: ...


@fraiseql.query(sql_source="v_thing", order_by="-number")
def last_thing(a_flag: bool = True) -> Thing: ...


@fraiseql.query(sql_source="v_person", order_by="id")
def people(limit: int = 20, boss_id: UUID | None = None) -> list[Person]: ...


@fraiseql.query(sql_source="v_tag", id_arg="id")
def tag(id: ID) -> Tag | None: ...


@fraiseql.query(sql_source="v_shelf", order_by="region, number")
def shelves(region: str | None = None) -> list[Shelf]: ...


@fraiseql.query(sql_source="v_note", order_by="id")
def notes(
    done: bool | None = None, pages: int | None = None, color: Color | None = None, limit: int = 50
) -> list[Note] | None: ...


@fraiseql.query(sql_source="v_letter", order_by="id")
def letters(limit: int = 50, title: str | None = None) -> list[Letter]: ...


@fraiseql.query(sql_source="v_letter", id_arg="id")
def letter(id: UUID) -> Letter | None: ...


@fraiseql.query
async def greeting(name: str = "you") -> str:
    return f"Hello, {name}"


@fraiseql.query
async def person(session: fraiseql.TenantSession, id: UUID) -> Person | None:
    try:
        return await fraiseql.load(Person, session, id=id)
    except LookupError:
        return None


HAND_WRITTEN = frozenset({"shout", "itself", "doubled", "greeting", "person"})
FIELDS = [
    *(found_things, found_people, found_notes, paged_things, things_aggregate, notes_aggregate),
    *(things, thing, last_thing, people, tag, shelves, notes, letters, letter),
    *(greeting, person),
]
CONFIG = StrawberryConfig(
    scalar_map={
        Slug: strawberry.scalar(name="Slug", serialize=str, parse_value=str),
    }
)
schema = fraiseql.build_schema(FIELDS, config=CONFIG)
