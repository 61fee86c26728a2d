from __future__ import annotations

from typing import Any

import tomlkit
from hypothesis import given, settings
from hypothesis import strategies as st

from fraiseql_strawberry.config.lines import Path, definitions, key_lines, line_of, redefinition

DOCUMENT = '''# [not] a = "table"
title = "a # b" # c = 1

[one] # comment
plain = 1
dotted.key.deep = true
"quoted.key" = 'x = 1'
list = [ # [two]
  "first",  # third = 3
  ["inner", 2,
   3],

  { a = 1, b = ["x",
    "y"] },
]
text = """
[three]
fake = 1
""" # end
raw = \'\'\'
[four]
""" \'\'\'
tail = """a\\""" \\
 b"""""
inline = { p = { q = 1 }, r.s = 2 }
date = 1979-05-27 07:32:00Z
empty = []
none = {}

[one.sub]
x = 1.5
[[many]]
a = 1
[[many]]
  a = 2
  [many.part]
  z = 0
  [[many.again]]
  y = 0
[ two . "three" ]
last = -inf
'''


def expected_line(*marks: str) -> int:
    """The line after the marks, each sought behind the one before."""
    index = 0
    for mark in marks:
        index = DOCUMENT.index(mark, index)
    return DOCUMENT.count("\n", 0, index) + 1


def paths(value: Any, path: Path = ()) -> set[Path]:
    """Every path of a parsed document."""
    found = {path}
    items = value.items() if isinstance(value, dict) else ()
    items = enumerate(value) if isinstance(value, list) else items
    for key, item in items:
        found |= paths(item, (*path, key))
    return found


def test_every_path_of_a_document_has_its_line() -> None:
    lines = key_lines(DOCUMENT)
    parsed = tomlkit.parse(DOCUMENT).unwrap()
    assert set(lines) == paths(parsed) - {()}
    assert lines[("title",)] == 2
    assert lines[("one",)] == 4
    assert lines[("one", "plain")] == 5
    assert lines[("one", "dotted")] == lines[("one", "dotted", "key", "deep")] == 6
    assert lines[("one", "quoted.key")] == 7
    assert lines[("one", "list")] == 8
    assert lines[("one", "list", 0)] == 9
    assert lines[("one", "list", 1)] == lines[("one", "list", 1, 1)] == 10
    assert lines[("one", "list", 1, 2)] == 11
    assert lines[("one", "list", 2, "b", 0)] == 13
    assert lines[("one", "list", 2, "b", 1)] == 14
    assert lines[("one", "text")] == expected_line("text =")
    assert lines[("one", "raw")] == expected_line("raw =")
    assert lines[("one", "tail")] == expected_line("tail =")
    assert lines[("one", "inline", "p", "q")] == expected_line("inline =")
    assert lines[("one", "inline", "r", "s")] == expected_line("inline =")
    assert lines[("one", "date")] == expected_line("date =")
    assert lines[("one", "none")] == expected_line("none =")
    assert lines[("one", "sub", "x")] == expected_line("x = 1.5")
    assert lines[("many",)] == lines[("many", 0)] == expected_line("[[many]]")
    assert lines[("many", 1, "a")] == expected_line("a = 2")
    assert lines[("many", 1, "part", "z")] == expected_line("z = 0")
    assert lines[("many", 1, "again", 0, "y")] == expected_line("y = 0")
    assert lines[("two", "three", "last")] == expected_line("last")


def test_windows_line_ends_count_once() -> None:
    assert key_lines(DOCUMENT.replace("\n", "\r\n")) == key_lines(DOCUMENT)


def test_only_line_feeds_end_lines() -> None:
    """Editors number lines so; str.splitlines also breaks at these."""
    assert key_lines('# \u2028 \x0c \x85\na = "\u2029"\nb = 1\n') == {("a",): 2, ("b",): 3}


def test_the_line_of_something_unknown_is_that_of_what_is_around_it() -> None:
    lines = key_lines("[a]\n\nb = [1,\n2]\n")
    assert line_of(("a", "b", 1, "x"), lines) == 4
    assert line_of(("a", "c"), lines) == 1
    assert line_of(("z",), lines) is None


def test_redefinitions_are_found() -> None:
    cases = {
        "a = 1\nb = 2\na = 3\n": (("a",), 3),
        "[a]\n[b]\n[a]\nx = 1\n": (("a",), 3),
        "[a]\nx = 1\n\nx = 2\n": (("a", "x"), 4),
        "a = {b = 1,\n b = 2}\n": (("a", "b"), 2),
        "a.b = 1\na.b = 2\n": (("a", "b"), 2),
        "[a]\nb.c = 1\n[a.b]\nd = 1\n": (("a", "b"), 3),
        "[a.b]\nd = 1\n[a]\nb.c = 1\n": (("a", "b"), 4),
        "a = 1\n[a]\n": (("a",), 2),
        "a = 1\n[a.b]\n": (("a",), 2),
        "a = 1\na.b = 2\n": (("a",), 2),
    }
    for text, (path, line) in cases.items():
        found = redefinition(text)
        assert found is not None, text
        assert (found.path, found.line) == (path, line), text


def test_what_toml_allows_is_no_redefinition() -> None:
    for text in (
        DOCUMENT,
        "[a.b]\nx = 1\n[c]\n[a.d]\n[a]\nq = 1\n",
        "a.b = 1\na.c = 2\n",
        "[[a]]\nx = 1\n[[a]]\nx = 2\n[a.b]\nx = 1\n",
    ):
        tomlkit.parse(text)
        assert redefinition(text) is None


SCALARS = (
    st.integers(-9, 9)
    | st.booleans()
    | st.floats(allow_nan=False, allow_infinity=False)
    | st.text(st.characters(codec="utf-8"), max_size=8)
    | st.sampled_from(['"""', "'''", "# [x]", "a = 1\n[b]", "[", "}", "\\"])
)
KEYS = st.from_regex(r"[a-c][-_a-z0-9]{0,2}", fullmatch=True) | st.sampled_from(
    ["a.b", "a b", "ä", "#", '"', "\\", "\t"]
)
VALUES = st.recursive(
    SCALARS, lambda inner: st.lists(inner, max_size=3) | st.dictionaries(KEYS, inner, max_size=3)
)


@settings(deadline=None)  # a busy machine is no fault
@given(st.dictionaries(KEYS, VALUES, max_size=5))
def test_any_document_has_a_line_for_each_of_its_paths(data: dict[str, Any]) -> None:
    text = tomlkit.dumps(data)
    lines = key_lines(text)
    assert set(lines) == paths(tomlkit.parse(text).unwrap()) - {()}
    written = text.split("\n")
    for path, line in lines.items():
        if isinstance(path[-1], str) and path[-1] not in '"\\\t':
            assert path[-1] in written[line - 1]


@given(st.text() | st.text(alphabet="[]{}=.,\"'\\#\n ab"))
def test_the_scanner_never_fails(text: str) -> None:
    last = text.count("\n") + 1
    assert all(1 <= found.line <= last for found in definitions(text))
    redefinition(text)


def test_the_scanner_is_quick_on_hostile_text() -> None:
    """Linear: a quadratic scanner would take minutes here."""
    hostile = ['"""' * 99_999, "[" * 300_000, 'a = """\\' * 50_000, "a = '''" + "a''" * 99_999]
    hostile += [
        "a." * 150_000,
        "a = " + "[" * 300_000,
        "a = " + "{b = " * 60_000,
        "a = " + "1," * 99_999,
    ]
    for text in hostile:
        for _ in definitions(text):
            pass
