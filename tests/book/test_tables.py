"""A table that is printed has its columns below one another."""

from implicit_tutorial.book.tables import aligned


def test_columns_begin_below_one_another() -> None:
    lines = aligned([("κ", "error"), ("0.25", "1"), ("3", "")]).splitlines()
    assert lines == ["κ     error", "───────────", "0.25  1", "3"]
