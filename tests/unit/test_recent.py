"""What was used lately is kept."""

from __future__ import annotations

from fraiseql_strawberry.graphql.recent import Recent


def test_the_least_recently_used_goes_first() -> None:
    recent: Recent[str, int] = Recent(2)
    recent.keep("a", 1)
    recent.keep("b", 2)
    assert recent.get("a") == 1
    recent.keep("c", 3)
    assert ("a" in recent, "b" in recent, "c" in recent) == (True, False, True)
    assert len(recent) == 2


def test_nothing_is_found_where_nothing_was_kept() -> None:
    recent: Recent[str, int] = Recent(2)
    assert recent.get("a") is None
    recent.keep("a", 1)
    recent.forget("a")
    recent.forget("a")
    assert (recent.get("a"), len(recent)) == (None, 0)


def test_what_is_kept_again_is_new() -> None:
    recent: Recent[str, int] = Recent(2)
    recent.keep("a", 1)
    recent.keep("a", 2)
    assert (recent.get("a"), len(recent)) == (2, 1)
