from __future__ import annotations

from pathlib import Path

import pytest
import tomlkit
from hypothesis import given, settings
from hypothesis import strategies as st

from fraiseql_strawberry.config.toml import parse_document, read_text
from fraiseql_strawberry.errors import ConfigError


@pytest.mark.parametrize(
    ("text", "line", "says"),
    [
        ("a = 1\nsecret = hunter2\n", 2, "unexpected character (column 10). Text values need"),
        ("a = 1 b = 2\n", 1, "unexpected character (column 7)"),
        ("[auth\nx = 1\n", 1, "unexpected character (column 6)"),
        ("a = 1\r\n\r\nb = \r\n", 3, "unexpected character (column 5)"),
        ("# \u2028 \x85 \x0c\na =\n", 1, "control characters"),
        ("# \u2028 \x85\na =\n", 2, "unexpected character (column 4)"),
        ('a = "\\q"\n', 1, "invalid escape or character in a string (column 7)"),
        ('a = """\nb\n', 2, "unexpected end of file (column 2)"),
        ("a = [1,\n2", 2, "unexpected end of file (column 2)"),
        ("a = 1979-13-45\n", 1, "invalid date (column 15)"),
        ("a = " + "9" * 5000, 1, "invalid number"),
        ("a = 1\n\n\na = 2\n", 4, 'the key "a" is defined twice. Merge the two'),
        ("[x]\na = 1\n\na = 2\nb = 3\n", 4, 'the key "x.a" is defined twice'),
        ("[x]\na = 1\n[y]\n[x]\nb = 2\nc = 3\n", 4, "the table [x] is defined twice"),
        ("[x]\nb.c = 1\n[x.b]\nd = 1\n", 3, "the table [x.b] is defined twice"),
        ("a = {b = 1,\nb = 2}\n", 2, 'the key "a.b" is defined twice'),
        ("a.b = 1\n# x\na.b = 2\n", 3, 'the key "a.b" is defined twice'),
    ],
)
def test_what_is_not_toml_has_its_line(text: str, line: int, says: str) -> None:
    with pytest.raises(ConfigError) as caught:
        parse_document(text, "my.toml")
    assert (caught.value.file, caught.value.line) == ("my.toml", line)
    assert str(caught.value).startswith(f"my.toml:{line}: not valid TOML: ")
    assert says.lower() in str(caught.value).lower()
    assert caught.value.__cause__ is None


def test_tables_may_stand_in_any_order() -> None:
    document = parse_document("[a.b]\nx = 1\n[c]\ny = 1\n[a.d]\nz = 1\n[a]\nq = 1\n", "f")
    assert document.tables == {"a": {"b": {"x": 1}, "d": {"z": 1}, "q": 1}, "c": {"y": 1}}
    assert document.line(("a", "q")) == 8
    assert document.line(("a", "nothing")) == 1


def test_a_document_does_not_show_what_it_holds() -> None:
    assert "hunter2" not in repr(parse_document('a = "hunter2"', "f"))


@settings(deadline=None)  # a busy machine is no fault
@given(st.text() | st.text(alphabet="[]{}=.,\"'\\#\n ab10-:T\ud800\x00"))
def test_nothing_but_a_config_error_is_raised(text: str) -> None:
    try:
        document = parse_document(text, "f")
    except ConfigError as error:
        line = error.line
    else:
        line = max(document.lines.values(), default=None)
        assert tomlkit.parse(text).unwrap() == document.tables or "nan" in text
    assert line is None or 1 <= line <= text.count("\n") + 1


@given(
    st.text(alphabet="abcdefgh0123456789$%!?+*", min_size=8).map(lambda text: f"Zq{text}9Xw"),
    st.sampled_from(
        ["a = {}", 'a = "{}', "a = '{}\n'", 'a = "{}"\na = 1', 'a = "\\q{}"', '"a" "{}"']
    ),
)
def test_a_syntax_error_does_not_quote_the_text(secret: str, shape: str) -> None:
    with pytest.raises(ConfigError) as caught:
        parse_document(shape.format(secret), "f")
    assert "Zq" not in str(caught.value)
    assert "9Xw" not in str(caught.value)


def test_a_file_may_begin_with_a_byte_order_mark(tmp_path: Path) -> None:
    file = tmp_path / "f.toml"
    file.write_bytes(b"\xef\xbb\xbfa = 1\n")
    assert parse_document(read_text(file), "f").tables == {"a": 1}


def test_files_that_cannot_be_read(tmp_path: Path) -> None:
    latin = tmp_path / "latin.toml"
    latin.write_bytes(b'a = 1\nb = "\xe9"\n')
    large = tmp_path / "large.toml"
    large.write_bytes(b"#" * 1_000_001)
    cases = {
        tmp_path / "none.toml": "there is no such file. `fraiseql-strawberry init` writes one",
        tmp_path: "cannot be read: Is a directory",
        tmp_path / "nul\0.toml": "cannot be read: ",
        latin: "latin.toml:2: is not UTF-8 text",
        large: "is larger than 1000000 bytes",
    }
    for path, says in cases.items():
        with pytest.raises(ConfigError) as caught:
            read_text(path)
        assert says in str(caught.value)
        assert str(caught.value).startswith(str(path))
