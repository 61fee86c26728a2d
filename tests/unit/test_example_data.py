"""The demo's texts: complete, the same everywhere, and awkward enough to find faults."""

from __future__ import annotations

from uuid import UUID

import pytest

from example_app.data import ACME, GLOBEX, Blog, blog_of, read_blogs

BLOGS = pytest.mark.parametrize("blog", read_blogs(), ids=lambda blog: blog.name)


def test_the_tenants_are_those_that_the_documentation_promises() -> None:
    assert [blog.tenant_id for blog in read_blogs()] == [ACME, GLOBEX]
    assert str(ACME) == "11111111-1111-4111-8111-111111111111"
    assert str(GLOBEX) == "22222222-2222-4222-8222-222222222222"
    with pytest.raises(KeyError):
        blog_of(UUID("33333333-3333-4333-8333-333333333333"))


@BLOGS
def test_the_size(blog: Blog) -> None:
    assert len(blog.users) == 5
    assert len(blog.posts) == 40
    drafts = sum(not post.published for post in blog.posts)
    assert 4 <= drafts <= 8
    commented = [post for post in blog.posts if any(c.post_id == post.id for c in blog.comments)]
    assert len(commented) > 25
    assert len(blog.comments) > 50


@BLOGS
def test_every_reference_is_within_the_tenant(blog: Blog) -> None:
    users, posts = {user.id for user in blog.users}, {post.id for post in blog.posts}
    assert {post.user_id for post in blog.posts} == users
    assert {comment.user_id for comment in blog.comments} <= users
    assert {comment.post_id for comment in blog.comments} <= posts


def test_no_id_and_no_text_is_used_twice() -> None:
    rows = [row for blog in read_blogs() for table in blog.tables.values() for row in table]
    assert len({row.id for row in rows}) == len(rows)
    posts = [post for blog in read_blogs() for post in blog.posts]
    assert len({post.title for post in posts}) == len(posts)
    assert len({post.content for post in posts}) == len(posts)


def test_ids_are_the_same_on_every_machine() -> None:
    assert str(blog_of(ACME).users[0].id) == "be8ccbc8-6b70-5ea2-a58c-3cb9d46b7d56"
    assert str(blog_of(GLOBEX).posts[0].id) == "abbb3b95-47a7-59b7-b516-c119f0281ded"
    assert str(blog_of(ACME).comments[0].id) == "8340b359-1af4-5788-a42b-c4baf42e8afb"


@BLOGS
def test_times_are_in_utc_and_in_order(blog: Blog) -> None:
    times = [post.created_at for post in blog.posts]
    assert all(str(time.tzinfo) == "UTC" for time in times)
    assert times == sorted(times)
    at = {post.id: post.created_at for post in blog.posts}
    assert all(comment.created_at > at[comment.post_id] for comment in blog.comments)


def test_times_are_of_every_precision_and_two_are_equal() -> None:
    times = [post.created_at for blog in read_blogs() for post in blog.posts]
    micros = {time.microsecond for time in times}
    assert 0 in micros
    assert 1 in micros
    assert 999_999 in micros
    assert any(micro and not micro % 10_000 for micro in micros)  # PostgreSQL drops the zeros
    assert len(set(times)) == len(times) - 1  # an order needs a second key


def test_the_texts_need_escaping() -> None:
    text = "".join(row.content for blog in read_blogs() for row in (*blog.posts, *blog.comments))
    for awkward in ('"', "\\", "'", "\n\n", "%", "€", "″", "°", "<", "&", "🔧"):
        assert awkward in text
    assert not any("\n" in row.content.replace("\n\n", "") for row in blog_of(ACME).posts)


def test_one_person_writes_for_both_tenants() -> None:
    dana = [user for blog in read_blogs() for user in blog.users if user.email.startswith("dana@")]
    assert len({user.email for user in dana}) == 1
    assert len({user.id for user in dana}) == 2
