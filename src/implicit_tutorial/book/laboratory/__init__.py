"""The laboratory: networks trained in the page, on the reader's own data."""

from implicit_tutorial.book.laboratory.bench import SCRIPTS, SHEET, STATIC, Laboratory

__all__ = ["SCRIPTS", "SHEET", "STATIC", "Laboratory"]
