"""Rows of three tenants, written as PostgreSQL's JSON writes them: what goes in is what comes out.

Two tenants are clean. The third breaks promises: nulls in non-null fields, Ints beyond 32 bits,
values that an enum does not have.
"""

from __future__ import annotations

import random
from typing import Any
from uuid import UUID

__all__ = ["CLEAN", "DIRTY", "POOLS", "TENANTS", "Rows", "make_rows"]

CLEAN = ("aaaaaaaa-0000-4000-8000-000000000001", "aaaaaaaa-0000-4000-8000-000000000002")
DIRTY = "aaaaaaaa-0000-4000-8000-000000000003"
TENANTS = (*CLEAN, DIRTY)

Rows = dict[str, list[dict[str, Any]]]

_UUIDS = [str(UUID(int=n * 7919 + 4096, version=4)) for n in range(40)]
_TEXTS = [
    "",
    "plain",
    'quote" back\\slash',
    "ünïcödé 😀",
    "line\nbreak\ttab",
    "null",
    ":null",
    '"aColor":null',
    "NaN",
    "Infinity",
    "\u2028</script>",
    "it's",
]
_STAMPS = [
    "2024-02-29T23:59:59.5+00:00",
    "1970-01-01T00:00:00+00:00",
    "2024-01-01T00:00:00.000001+00:00",
    "1582-10-15T12:00:00.12+00:00",
]
_ODD_STAMPS = [
    "infinity",
    "-infinity",
    "0044-03-15T12:00:00+00:00 BC",
    "10000-01-01T00:00:00+00:00",
]
_DATES = ["2024-02-29", "0001-01-01", "9999-12-31"]
_COUNTRY = {
    "code": "ch",
    "area": 41285.5,
    "languages": ["de", "null"],
    "capital": {"street": "Bundesplatz", "country": {"code": "ch"}},
}
_JSON = [{"a": None, "b": [1, 2.5, "x"]}, [], "text", 7, True, {"k": {"n": {}}}, [None, {"a": 1}]]

POOLS: dict[str, list[Any]] = {
    "a_text": _TEXTS,
    "a_short": [text[:40] for text in _TEXTS],
    "a_small": [0, 1, -32768, 32767],
    "an_int": [0, 7, -2147483648, 2147483647],
    "a_long": [0, 8, 2147483647, -2147483648],
    "a_big": ["0", "9223372036854775807", "-9223372036854775808", "4294967296"],
    "a_huge": ["0", "123456789012345678901234567890"],
    "a_single": [0, 0.1, -1.5, 3e38],
    "a_double": [0, 0.1, 1e300, -2.5e-10, 1e15, 123456789.125],
    "a_decimal": ["0", "1.10", "-0.00000001", "12345678901234567890.5", "NaN", "1000"],
    "an_amount": [0, 12.5, 99999.99],
    "a_flag": [True, False],
    "a_uuid": _UUIDS[:5],
    "a_date": [*_DATES, "infinity", "0044-03-15 BC", "12345-06-07"],
    "a_time": ["00:00:00", "23:59:59.999999", "12:30:00.5", "24:00:00"],
    "a_zoned_time": ["12:30:00+00", "12:30:00.25+05:30", "01:02:03-08"],
    "a_stamp": [text[:-6] for text in _STAMPS] + ["infinity"],
    "a_zoned_stamp": [*_STAMPS, *_ODD_STAMPS],
    "an_interval": [
        "00:00:00",
        "1 day",
        "-3 days +02:03:04.5",
        "1 mon 2 days 03:04:05",
        "36:00:00",
    ],
    "bytes_64": ["\\x", "\\x00ff10", "\\x" + "ab" * 100],
    "bytes_16": ["\\x", "\\x00ff10"],
    "a_json": _JSON,
    "a_jsonb": _JSON,
    "a_status": ["draft", "in_review", "published"],
    "a_color": ["#f00", "it's \\green"],
    "a_level": [1, 2],
    "a_slug": ["a-slug", ""],
    "texts": [[], ["a", None, 'b"'], ["null"]],
    "ints": [[], [1, 2, 3], [-5]],
    "longs": [[], [2147483647, 0]],
    "doubles": [[], [0.5, 1e100]],
    "decimals": [[], ["1.50", "NaN"]],
    "flags": [[], [True, False]],
    "uuids": [[], _UUIDS[5:8]],
    "stamps": [[], _STAMPS[:2]],
    "dates": [[], ["2024-02-29", None]],
    "statuses": [[], ["published", "draft"]],
    "colors": [[], ["#f00", "it's \\green"]],
    "labels": [[], ["a", "b"]],
    "matrix": [[], [[1, 2], [3, 4]]],
}
_NEVER_NULL = {"a_zoned_stamp", "a_color", "ints"}
_BROKEN: dict[str, Any] = {
    "a_zoned_stamp": None,
    "a_color": "#00f",
    "ints": None,
    "a_long": 2147483648,
    "a_double": "NaN",
    "a_single": "-Infinity",
    "a_level": 3,
    "longs": [1, 4294967296],
    "doubles": [1, "Infinity"],
    "colors": ["#f00", "#00f"],
    "decimals": ["1", None],
    "flags": [None],
}


def make_rows(tenant: str) -> Rows:
    """The rows of one tenant, by table."""
    chance = random.Random(tenant)
    dirty = tenant == DIRTY
    people = [
        {"id": _UUIDS[n], "name": f"{tenant[-1]}-{n}", "boss_id": _UUIDS[n // 2] if n else None}
        for n in range(5)
    ]
    shelves = [
        {
            "region": region,
            "number": number,
            "title": chance.choice([None, f"{tenant[-1]}{region}"]),
        }
        for region in ("east", "west")
        for number in (1, 2)
    ]
    tags = [{"id": n, "label": f"{tenant[-1]}-tag-{n}"} for n in range(1, 5)]
    things = [_thing(chance, n, people, shelves, dirty=dirty) for n in range(12)]
    links = [
        {"thing_id": thing["id"], "tag_id": tag["id"]}
        for thing in things
        for tag in tags
        if chance.random() < 0.4
    ]
    notes = [_note(chance, n, tenant, things, dirty=dirty) for n in range(10)]
    letters = [_letter(chance, n, tenant, people, dirty=dirty) for n in range(6)]
    if dirty:
        people[3]["name"] = None
        tags[1]["label"] = None
    return {
        "tb_person": people,
        "tb_shelf": shelves,
        "tb_tag": tags,
        "tb_thing": things,
        "tb_thing_tag": links,
        "tb_note": notes,
        "tb_letter": letters,
    }


def _thing(
    chance: random.Random, n: int, people: list[Any], shelves: list[Any], *, dirty: bool
) -> dict[str, Any]:
    shelf = chance.choice(
        [*shelves, {"region": None, "number": 1}, {"region": "gone", "number": 9}]
    )
    thing: dict[str, Any] = {
        "id": _UUIDS[10 + n],
        "number": n,
        "owner_id": chance.choice([*(person["id"] for person in people), None, _UUIDS[39]]),
        "shelf_region": shelf["region"],
        "shelf_number": shelf["number"],
    }
    for column, pool in POOLS.items():
        empty = column not in _NEVER_NULL and chance.random() < 0.2
        thing[column] = None if empty else chance.choice(pool)
        if dirty and column in _BROKEN and chance.random() < 0.15:
            thing[column] = _BROKEN[column]
    return thing


def _note(
    chance: random.Random, n: int, tenant: str, things: list[Any], *, dirty: bool
) -> dict[str, Any]:
    data: dict[str, Any] = {
        "title": f"{tenant[-1]} note {chance.choice(_TEXTS)}",
        "pages": chance.randrange(5),
        "weight": chance.choice([None, 1.5, 2]),
        "price": chance.choice([None, "1.50", "0.1"]),
        "done": chance.choice([True, False]),
        "written_at": chance.choice(_STAMPS),
        "color": chance.choice([None, "#f00"]),
        "words": chance.choice([[], ["a", "b c"]]),
        "scores": chance.choice([None, [1, 2]]),
        "extra": chance.choice([None, *_JSON]),
        "thing_id": chance.choice([None, *(thing["id"] for thing in things)]),
    }
    if chance.random() < 0.3:
        del data["weight"]  # a key that a document lacks is null
    if dirty and chance.random() < 0.2:
        data["pages"] = chance.choice([None, 2**31])
    return {"id": _UUIDS[25 + n], "data": data}


def _letter(
    chance: random.Random, n: int, tenant: str, people: list[Any], *, dirty: bool
) -> dict[str, Any]:
    data: dict[str, Any] = {
        "title": f"{tenant[-1]} letter {chance.choice(_TEXTS)}",
        "sender": dict(chance.choice(people)),
        "place": chance.choice([_place(chance), None, "no object", [], [_place(chance)]]),
        "remarks": [_remark(chance, people, 2) for _ in range(chance.randrange(4))],
        "gaps": chance.choice([None, {}, [], [None, _remark(chance, people, 0), 7, []]]),
    }
    if chance.random() < 0.3:
        del data["place"], data["gaps"]
    letter: dict[str, Any] = {
        "id": _UUIDS[35 - n],
        "data": data,
        "home": chance.choice([None, _place(chance), []]),
        "others": [_place(chance) for _ in range(chance.randrange(3))],
        "stops": chance.choice([None, [], [_place(chance), None, _place(chance)]]),
    }
    if n == 0:
        letter["home"] = {**_place(chance), "country": _COUNTRY}
    if dirty:
        match n:
            case 0:
                data["remarks"] = chance.choice([None, {}, "no list"])
            case 1:
                data["remarks"] = [_remark(chance, people, 1), None]
            case 2:
                data["sender"]["name"] = None
                letter["others"] = None
            case 3:
                data["sender"] = chance.choice([None, [], "no object"])
            case 4:
                data["remarks"] = [{**_remark(chance, people, 0), "stars": 2**31, "color": "#00f"}]
                letter["others"] = [None]
            case _:
                del data["remarks"]
    return letter


def _place(chance: random.Random) -> dict[str, Any]:
    place = {
        "street": chance.choice(_TEXTS),
        "number": chance.choice([None, 0, -7, 2147483647]),
        "since": chance.choice([None, *_STAMPS]),
        "country": chance.choice([None, "no object", _COUNTRY]),
        "nobody asked": [None],
    }
    if chance.random() < 0.3:
        del place["number"]
    return place


def _remark(chance: random.Random, people: list[Any], levels: int) -> dict[str, Any]:
    below = chance.randrange(3) if levels else 0
    return {
        "id": chance.choice(_UUIDS),
        "text": chance.choice([None, *_TEXTS]),
        "stars": chance.randrange(5),
        "price": chance.choice([None, "1.50", "0.1"]),
        "color": chance.choice([None, "#f00", "it's \\green"]),
        "extra": chance.choice([None, *_JSON]),
        "place": chance.choice([None, _place(chance)]),
        "remarks": [_remark(chance, people, levels - 1) for _ in range(below)],
        "person_id": chance.choice([None, *(person["id"] for person in people)]),
    }
