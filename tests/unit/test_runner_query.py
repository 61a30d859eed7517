"""Values of a query as tab-separated text."""

import pytest

from runner.query import escaped, first_line


@pytest.mark.parametrize(
    ("value", "field"),
    [
        (None, b"\\N"),
        (b"", b""),
        (b"12.50", b"12.50"),
        (b"a\tb\nc\rd", b"a\\tb\\nc\\rd"),
        (b"\\N", b"\\\\N"),
        ("Zürich".encode(), "Zürich".encode()),
    ],
)
def test_a_field_holds_no_tab_and_no_line_end(value: bytes | None, field: bytes):
    assert escaped(value) == field


def test_an_error_is_one_line():
    assert first_line('\ncolumn "x" does not exist\nLINE 1: select x\n') == 'column "x" does not exist'
    assert first_line("") == "failed without a message"
